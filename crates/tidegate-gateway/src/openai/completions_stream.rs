//! A completion's answer as a stream.

use tidegate_api::openai::{CompletionAnswer, CompletionChoice, CompletionLogprobs, Usage};
use tidegate_base::Fault;
use tidegate_engine::Event;

use super::stamp::Stamp;
use super::{DONE, finish_word, logprobs, stray, write_event};
use crate::sse::Encode;

/// Writes the chunks.
#[derive(Debug)]
pub(crate) struct CompletionStream {
    stamp: Stamp,
    /// How many characters each choice has so far.
    offsets: Vec<usize>,
    include_usage: bool,
    prompt: usize,
    cached: usize,
    completion: usize,
}

impl CompletionStream {
    pub(crate) fn new(stamp: Stamp, choices: u32, include_usage: bool) -> Self {
        Self {
            stamp,
            offsets: vec![0; choices as usize],
            include_usage,
            prompt: 0,
            cached: 0,
            completion: 0,
        }
    }

    fn chunk(
        &self,
        choices: &[CompletionChoice<'_>],
        usage: Option<Option<Usage>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let chunk = CompletionAnswer {
            id: &self.stamp.id,
            object: "text_completion",
            created: self.stamp.created,
            model: &self.stamp.model,
            system_fingerprint: &self.stamp.fingerprint,
            choices,
            usage,
        };
        write_event(&chunk, out)
    }
}

impl Encode for CompletionStream {
    fn event(&mut self, event: Event, out: &mut Vec<u8>) -> Result<(), Fault> {
        let usage = self.include_usage.then_some(None);
        match event {
            Event::Started {
                prompt_tokens,
                cached_tokens,
            } => {
                self.prompt += prompt_tokens;
                self.cached += cached_tokens;
                Ok(())
            }
            Event::Text {
                choice: index,
                text,
                logprobs,
            } => {
                let offset = self.offsets.get_mut(index as usize).ok_or_else(|| stray(index))?;
                let start = *offset;
                let logprobs = (!logprobs.is_empty()).then(|| {
                    *offset += text.chars().count();
                    let mut columns = CompletionLogprobs::default();
                    logprobs::append(&mut columns, &logprobs, start);
                    columns
                });
                let choice = CompletionChoice {
                    text: &text,
                    index,
                    logprobs,
                    finish_reason: None,
                };
                self.chunk(&[choice], usage, out)
            }
            Event::Finished {
                choice: index,
                reason,
                completion_tokens,
            } => {
                self.completion += completion_tokens;
                let choice = CompletionChoice {
                    text: "",
                    index,
                    logprobs: None,
                    finish_reason: Some(finish_word(reason)),
                };
                self.chunk(&[choice], usage, out)
            }
            Event::ToolCall { .. } | Event::ToolArguments { .. } => {
                Err(Fault::internal("the engine called a tool in a plain completion"))
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
