//! The stream of events that a caller reads: all answers to one request.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tidegate_base::Fault;
use tidegate_engine::{Event, FinishReason, Prompt, TokenLogprob};

use super::speech::{Speech, Word, logprob_entry};
use super::voice::Voice;
use crate::worker::{Intake, PromptScore, Pull};

/// The answers to one request, as they come. Dropping it cancels what still runs.
pub(super) struct Answer {
    choices: Vec<Choice>,
    events: VecDeque<Event>,
    prompt_tokens: usize,
    echo: Option<Echo>,
    is_started: bool,
    /// Alternatives of the token that is read.
    top: Vec<(u32, f32)>,
    words: VecDeque<Word>,
}

struct Choice {
    index: u32,
    speech: Speech,
    /// Nothing once the answer is complete.
    intake: Option<Intake>,
    heard: usize,
}

/// The prompt, to be said before the answer.
pub(super) struct Echo {
    voice: Arc<Voice>,
    text: String,
    tokens: Vec<u32>,
    logprobs: Vec<TokenLogprob>,
}

impl Answer {
    pub(super) fn new(
        speeches: Vec<Speech>,
        intakes: Vec<Intake>,
        prompt_tokens: usize,
        echo: Option<Echo>,
    ) -> Self {
        let choices = (0..).zip(speeches.into_iter().zip(intakes));
        Self {
            choices: choices
                .map(|(index, (speech, intake))| Choice {
                    index,
                    speech,
                    intake: Some(intake),
                    heard: 0,
                })
                .collect(),
            events: VecDeque::new(),
            prompt_tokens,
            echo,
            is_started: false,
            top: Vec::new(),
            words: VecDeque::new(),
        }
    }

    /// Reads one thing from one answer; whether there was one.
    fn advance(&mut self, place: usize, context: &mut Context<'_>) -> Result<bool, Fault> {
        let choice = &mut self.choices[place];
        let Some(intake) = &mut choice.intake else {
            return Ok(false);
        };
        let Poll::Ready(pull) = intake.poll(context, &mut self.top) else {
            return Ok(false);
        };
        let end = match pull.ok_or_else(|| Fault::internal("an answer ended without a word"))?? {
            Pull::Opened { cached, scores } => {
                self.open(place, cached, scores);
                None
            }
            Pull::Token { token, logprob } => {
                choice.heard += 1;
                let is_over = choice.speech.hear(token, logprob, &self.top, &mut self.words);
                is_over.then_some((FinishReason::Stop, choice.heard))
            }
            Pull::Finished { reason, generated } => {
                choice.speech.finish(&mut self.words);
                Some((reason, generated))
            }
        };
        self.write(place, end);
        Ok(true)
    }

    /// The prompt of an answer was read.
    fn open(&mut self, place: usize, cached_tokens: usize, scores: Vec<PromptScore>) {
        if !self.is_started {
            self.is_started = true;
            self.events.push_back(Event::Started {
                prompt_tokens: self.prompt_tokens,
                cached_tokens,
            });
            if let Some(echo) = &mut self.echo {
                echo.take_scores(scores);
            }
        }
        if let Some(echo) = &self.echo {
            self.words
                .push_back(Word::Text(echo.text.clone(), echo.logprobs.clone()));
        }
        debug_assert_eq!(self.choices[place].heard, 0, "tokens before the prompt was read");
    }

    /// Turns words into events, and the end into the last one.
    fn write(&mut self, place: usize, end: Option<(FinishReason, usize)>) {
        let choice = &mut self.choices[place];
        let index = choice.index;
        for word in self.words.drain(..) {
            self.events.push_back(match word {
                Word::Text(text, logprobs) => Event::Text {
                    choice: index,
                    text,
                    logprobs,
                },
                Word::Call {
                    index: call,
                    id,
                    name,
                } => Event::ToolCall {
                    choice: index,
                    index: call,
                    id,
                    name,
                },
                Word::Arguments {
                    index: call,
                    fragment,
                } => Event::ToolArguments {
                    choice: index,
                    index: call,
                    fragment,
                },
            });
        }
        if let Some((reason, completion_tokens)) = end {
            // Dropping the reader's end frees the pages if the sequence still runs.
            choice.intake = None;
            self.events.push_back(Event::Finished {
                choice: index,
                reason: choice.speech.reason(reason),
                completion_tokens,
            });
        }
    }

    /// Looks at every answer until one has something to say.
    fn read(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        while self.events.is_empty() {
            let mut moved = false;
            for place in 0..self.choices.len() {
                // The first answer tells what the cache gave; the others wait for it to start.
                if place > 0 && !self.is_started {
                    break;
                }
                moved |= self.advance(place, context)?;
            }
            if !moved {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Stream for Answer {
    type Item = Result<Event, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.events.is_empty()
            && let Err(fault) = this.read(context)
        {
            // One failure ends the request: the caller cannot use half of its answers.
            this.choices.clear();
            return Poll::Ready(Some(Err(fault)));
        }
        match this.events.pop_front() {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None if this.choices.iter().all(|choice| choice.intake.is_none()) => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Echo {
    pub(super) fn new(voice: &Arc<Voice>, prompt: Prompt, tokens: Vec<u32>) -> Self {
        let text = match prompt {
            Prompt::Text(text) => text,
            Prompt::Tokens(tokens) => voice.tokenizer().decode(&tokens),
        };
        Self {
            voice: Arc::clone(voice),
            text,
            tokens,
            logprobs: Vec::new(),
        }
    }

    /// Scores of the tokens from the second on; nothing comes before the first.
    fn take_scores(&mut self, scores: Vec<PromptScore>) {
        let (Some(first), false) = (self.tokens.first(), scores.is_empty() && self.tokens.len() > 1) else {
            return;
        };
        let voice = &self.voice;
        self.logprobs.push(logprob_entry(voice, *first, f32::NAN, &[]));
        for (token, score) in self.tokens[1..].iter().zip(scores) {
            self.logprobs
                .push(logprob_entry(voice, *token, score.logprob, &score.top));
        }
    }
}
