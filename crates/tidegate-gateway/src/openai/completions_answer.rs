//! A completion's answer as one JSON object.

use futures_util::StreamExt;
use tidegate_api::openai::{CompletionAnswer, CompletionChoice, CompletionLogprobs, Usage};
use tidegate_base::Fault;
use tidegate_engine::Event;

use super::stamp::Stamp;
use super::{finish_word, logprobs, stray};
use crate::answer::Answer;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Collected {
    choices: Vec<Choice>,
    prompt: usize,
    cached: usize,
    completion: usize,
}

#[derive(Debug, Default, Clone)]
struct Choice {
    text: String,
    logprobs: Option<CompletionLogprobs>,
    finish: Option<&'static str>,
}

/// Waits for the whole answer.
pub(crate) async fn collect(mut answer: Answer, choices: u32) -> Result<Collected, Fault> {
    let mut collected = Collected {
        choices: vec![Choice::default(); choices as usize],
        prompt: 0,
        cached: 0,
        completion: 0,
    };
    while let Some(event) = answer.next().await {
        collected.add(event?)?;
    }
    Ok(collected)
}

impl Collected {
    fn choice(&mut self, choice: u32) -> Result<&mut Choice, Fault> {
        self.choices.get_mut(choice as usize).ok_or_else(|| stray(choice))
    }

    fn add(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Started {
                prompt_tokens,
                cached_tokens,
            } => {
                self.prompt += prompt_tokens;
                self.cached += cached_tokens;
            }
            Event::Text {
                choice,
                text,
                logprobs,
            } => {
                let choice = self.choice(choice)?;
                if !logprobs.is_empty() {
                    let offset = choice.text.chars().count();
                    let columns = choice.logprobs.get_or_insert_default();
                    logprobs::append(columns, &logprobs, offset);
                }
                choice.text.push_str(&text);
            }
            Event::Finished {
                choice,
                reason,
                completion_tokens,
            } => {
                self.completion += completion_tokens;
                self.choice(choice)?.finish = Some(finish_word(reason));
            }
            Event::ToolCall { .. } | Event::ToolArguments { .. } => {
                return Err(Fault::internal("the engine called a tool in a plain completion"));
            }
        }
        Ok(())
    }

    /// The answer on the wire.
    pub(crate) fn answer<'a>(&'a self, stamp: &'a Stamp) -> impl serde::Serialize + 'a {
        Wire {
            collected: self,
            stamp,
        }
    }
}

struct Wire<'a> {
    collected: &'a Collected,
    stamp: &'a Stamp,
}

impl serde::Serialize for Wire<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Collected {
            choices,
            prompt,
            cached,
            completion,
        } = self.collected;
        let choices: Vec<_> = (0..)
            .zip(choices)
            .map(|(index, choice)| CompletionChoice {
                text: &choice.text,
                index,
                logprobs: choice.logprobs.clone(),
                finish_reason: choice.finish,
            })
            .collect();
        CompletionAnswer {
            id: &self.stamp.id,
            object: "text_completion",
            created: self.stamp.created,
            model: &self.stamp.model,
            system_fingerprint: &self.stamp.fingerprint,
            choices: &choices,
            usage: Some(Some(Usage::new(*prompt, *cached, *completion))),
        }
        .serialize(serializer)
    }
}
