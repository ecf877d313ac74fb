//! A chat's answer as a stream.

use tidegate_api::openai::{
    CallDelta, ChatChunk, ChatDelta, ChatLogprobs, ChunkChoice, FunctionDelta, Usage,
};
use tidegate_base::Fault;
use tidegate_engine::{Event, TokenLogprob};

use super::stamp::Stamp;
use super::{DONE, finish_word, logprobs, stray, write_event};
use crate::sse::Encode;

/// Writes the chunks.
#[derive(Debug)]
pub(crate) struct ChatStream {
    stamp: Stamp,
    /// Which choices have their first chunk, the one with the role.
    begun: Vec<bool>,
    include_usage: bool,
    prompt: usize,
    cached: usize,
    completion: usize,
}

impl ChatStream {
    pub(crate) fn new(stamp: Stamp, choices: u32, include_usage: bool) -> Self {
        Self {
            stamp,
            begun: vec![false; choices as usize],
            include_usage,
            prompt: 0,
            cached: 0,
            completion: 0,
        }
    }

    fn chunk(
        &self,
        choices: &[ChunkChoice<'_>],
        usage: Option<Option<Usage>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let chunk = ChatChunk {
            id: &self.stamp.id,
            object: "chat.completion.chunk",
            created: self.stamp.created,
            model: &self.stamp.model,
            system_fingerprint: &self.stamp.fingerprint,
            choices,
            usage,
        };
        write_event(&chunk, out)
    }

    fn piece(
        &mut self,
        index: u32,
        delta: ChatDelta<'_>,
        tokens: &[TokenLogprob],
        finish_reason: Option<&'static str>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        self.begin(index, out)?;
        let logprobs = (!tokens.is_empty()).then(|| ChatLogprobs {
            content: tokens.iter().map(logprobs::chat).collect(),
            refusal: None,
        });
        let choice = ChunkChoice {
            index,
            delta,
            logprobs,
            finish_reason,
        };
        self.chunk(&[choice], self.include_usage.then_some(None), out)
    }

    /// Sends the chunk with the role, once for each choice.
    fn begin(&mut self, index: u32, out: &mut Vec<u8>) -> Result<(), Fault> {
        let begun = self.begun.get_mut(index as usize).ok_or_else(|| stray(index))?;
        if std::mem::replace(begun, true) {
            return Ok(());
        }
        let choice = ChunkChoice {
            index,
            delta: ChatDelta {
                role: Some("assistant"),
                content: Some(""),
                tool_calls: None,
            },
            logprobs: None,
            finish_reason: None,
        };
        self.chunk(&[choice], self.include_usage.then_some(None), out)
    }
}

/// The delta with a piece of a call.
fn call<'a>(index: u32, id: Option<&'a str>, function: FunctionDelta<'a>) -> ChatDelta<'a> {
    ChatDelta {
        tool_calls: Some([CallDelta {
            index,
            kind: id.map(|_| "function"),
            id,
            function,
        }]),
        ..ChatDelta::default()
    }
}

impl Encode for ChatStream {
    fn event(&mut self, event: Event, out: &mut Vec<u8>) -> Result<(), Fault> {
        match event {
            Event::Started {
                prompt_tokens,
                cached_tokens,
            } => {
                self.prompt += prompt_tokens;
                self.cached += cached_tokens;
                let choices = u32::try_from(self.begun.len()).unwrap_or(u32::MAX);
                (0..choices).try_for_each(|index| self.begin(index, out))
            }
            Event::Text {
                choice,
                text,
                logprobs,
            } => {
                let delta = ChatDelta {
                    content: Some(&text),
                    ..ChatDelta::default()
                };
                self.piece(choice, delta, &logprobs, None, out)
            }
            Event::ToolCall {
                choice,
                index,
                id,
                name,
            } => {
                let function = FunctionDelta {
                    name: Some(&name),
                    arguments: "",
                };
                self.piece(choice, call(index, Some(&id), function), &[], None, out)
            }
            Event::ToolArguments {
                choice,
                index,
                fragment,
            } => {
                let function = FunctionDelta {
                    name: None,
                    arguments: &fragment,
                };
                self.piece(choice, call(index, None, function), &[], None, out)
            }
            Event::Finished {
                choice,
                reason,
                completion_tokens,
            } => {
                self.completion += completion_tokens;
                self.piece(choice, ChatDelta::default(), &[], Some(finish_word(reason)), out)
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.include_usage {
            let usage = Usage::new(self.prompt, self.cached, self.completion);
            self.chunk(&[], Some(Some(usage)), out)?;
        }
        out.extend_from_slice(DONE);
        Ok(())
    }
}
