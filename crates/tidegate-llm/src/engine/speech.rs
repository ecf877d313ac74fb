//! From the tokens of one answer to its text and tool calls.

use std::collections::VecDeque;
use std::sync::Arc;

use tidegate_engine::{ChatRequest, FinishReason, Params, Piece, StopMatcher, TokenLogprob, ToolParser};
use tidegate_weights::tokenizer::Detokenizer;

use super::voice::Voice;

/// One answer's way from tokens to text: characters, then stop strings, then tool calls.
pub(super) struct Speech {
    voice: Arc<Voice>,
    detokenizer: Detokenizer,
    stops: StopMatcher,
    parser: Option<ToolParser>,
    /// Only one call is wanted: the answer ends where a second one begins.
    single_call: bool,
    wants_logprobs: bool,
    /// Logarithms of tokens whose text did not go out yet, with where their text ends.
    waiting: VecDeque<(usize, TokenLogprob)>,
    /// Bytes of the answer's text that came from tokens, and that went out.
    heard: usize,
    said: usize,
    bytes: Vec<u8>,
}

/// What is heard of an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Word {
    Text(String, Vec<TokenLogprob>),
    Call { index: u32, id: String, name: String },
    Arguments { index: u32, fragment: String },
}

impl Speech {
    /// An answer that is only text.
    pub(super) fn plain(voice: Arc<Voice>, params: &Params) -> Self {
        Self {
            voice,
            detokenizer: Detokenizer::new(),
            stops: StopMatcher::new(&params.stop),
            parser: None,
            single_call: false,
            wants_logprobs: params.logprobs.is_some(),
            waiting: VecDeque::new(),
            heard: 0,
            said: 0,
            bytes: Vec::new(),
        }
    }

    /// An answer that may call tools.
    pub(super) fn with_tools(mut self, request: &ChatRequest, seed: u64) -> Self {
        let names = request.tools.iter().map(|tool| tool.name.clone());
        self.parser = Some(ToolParser::new(self.voice.tool_format(), names, seed));
        self.single_call = !request.parallel_tool_calls;
        self
    }

    /// Takes a token. Answers whether the text ends here: a stop string was met, or one call too many
    /// began.
    pub(super) fn hear(
        &mut self,
        token: u32,
        logprob: f32,
        top: &[(u32, f32)],
        words: &mut VecDeque<Word>,
    ) -> bool {
        let voice = Arc::clone(&self.voice);
        self.bytes.clear();
        if voice.shows(token, self.parser.is_some()) {
            self.detokenizer.push(voice.tokenizer(), token, &mut self.bytes);
            self.heard += voice.tokenizer().token_bytes(token).len();
        }
        if self.wants_logprobs {
            let entry = logprob_entry(&voice, token, logprob, top);
            self.waiting.push_back((self.heard, entry));
        }
        let mut text = String::new();
        let met = self.match_stops(&mut text);
        let is_over = self.say(&text, words);
        if met {
            // What was said before the stop string is all; the rest belongs to no text.
            self.end_calls(words);
            self.waiting.clear();
        }
        met || is_over
    }

    /// The answer is over: what was held back is text.
    pub(super) fn finish(&mut self, words: &mut VecDeque<Word>) {
        self.bytes.clear();
        self.detokenizer.finish(&mut self.bytes);
        let mut text = String::new();
        if !self.match_stops(&mut text) {
            self.stops.finish(&mut text);
        }
        self.say(&text, words);
        self.end_calls(words);
        let rest: Vec<TokenLogprob> = self.waiting.drain(..).map(|(_, entry)| entry).collect();
        if !rest.is_empty() {
            words.push_back(Word::Text(String::new(), rest));
        }
    }

    /// The reason of an answer that ended by itself or at a stop string.
    pub(super) fn reason(&self, reason: FinishReason) -> FinishReason {
        let has_called = self.parser.as_ref().is_some_and(|parser| parser.calls() > 0);
        if reason == FinishReason::Stop && has_called {
            FinishReason::ToolCalls
        } else {
            reason
        }
    }

    /// Moves what the detokenizer gave through the stop strings.
    fn match_stops(&mut self, text: &mut String) -> bool {
        // The detokenizer gives whole characters only.
        let given = String::from_utf8_lossy(&self.bytes);
        self.stops.push(&given, text).is_some()
    }

    /// Says a piece of text, through the tool parser if there is one.
    fn say(&mut self, text: &str, words: &mut VecDeque<Word>) -> bool {
        if text.is_empty() {
            return false;
        }
        self.said += text.len();
        let Some(parser) = &mut self.parser else {
            let logprobs = self.covered();
            words.push_back(Word::Text(text.to_owned(), logprobs));
            return false;
        };
        let pieces = parser.push(text);
        self.say_pieces(pieces, words)
    }

    fn end_calls(&mut self, words: &mut VecDeque<Word>) {
        if let Some(parser) = &mut self.parser {
            let pieces = parser.finish();
            self.say_pieces(pieces, words);
        }
    }

    fn say_pieces(&mut self, pieces: Vec<Piece>, words: &mut VecDeque<Word>) -> bool {
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    let logprobs = self.covered();
                    words.push_back(Word::Text(text, logprobs));
                }
                Piece::Call { index, .. } if self.single_call && index > 0 => return true,
                Piece::Call { index, id, name } => words.push_back(Word::Call { index, id, name }),
                Piece::Arguments { index, .. } if self.single_call && index > 0 => return true,
                Piece::Arguments { index, fragment } => words.push_back(Word::Arguments { index, fragment }),
            }
        }
        false
    }

    /// The logarithms of the tokens whose text is out.
    fn covered(&mut self) -> Vec<TokenLogprob> {
        let said = self.said;
        let count = self.waiting.partition_point(|(end, _)| *end <= said);
        self.waiting.drain(..count).map(|(_, entry)| entry).collect()
    }
}

/// A logarithm with the bytes of its tokens.
pub(super) fn logprob_entry(voice: &Voice, token: u32, logprob: f32, top: &[(u32, f32)]) -> TokenLogprob {
    let bytes = |token: u32| voice.tokenizer().token_bytes(token).to_vec();
    TokenLogprob {
        token,
        bytes: bytes(token),
        logprob,
        top: top
            .iter()
            .map(|(token, logprob)| (*token, bytes(*token), *logprob))
            .collect(),
    }
}
