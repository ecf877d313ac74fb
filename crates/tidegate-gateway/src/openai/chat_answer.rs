//! A chat's answer as one JSON object.

use futures_util::StreamExt;
use tidegate_api::openai::{
    AnswerMessage, CallOut, ChatAnswer, ChatChoice, ChatLogprobs, FunctionOut, Usage,
};
use tidegate_base::Fault;
use tidegate_engine::Event;

use super::stamp::Stamp;
use super::{finish_word, logprobs, stray};
use crate::answer::Answer;

/// Waits for the whole answer.
pub(crate) async fn collect(
    mut answer: Answer,
    stamp: &Stamp,
    choices: u32,
) -> Result<ChatAnswer<'_>, Fault> {
    let mut collected = Collected::new(choices);
    while let Some(event) = answer.next().await {
        collected.add(event?)?;
    }
    Ok(ChatAnswer {
        id: &stamp.id,
        object: "chat.completion",
        created: stamp.created,
        model: &stamp.model,
        choices: collected.choices,
        usage: Usage::new(collected.prompt, collected.cached, collected.completion),
        system_fingerprint: &stamp.fingerprint,
    })
}

struct Collected {
    choices: Vec<ChatChoice>,
    prompt: usize,
    cached: usize,
    completion: usize,
}

impl Collected {
    fn new(choices: u32) -> Self {
        let choice = |index| ChatChoice {
            index,
            message: AnswerMessage {
                role: "assistant",
                content: None,
                refusal: None,
                tool_calls: Vec::new(),
            },
            logprobs: None,
            finish_reason: None,
        };
        Self {
            choices: (0..choices).map(choice).collect(),
            prompt: 0,
            cached: 0,
            completion: 0,
        }
    }

    fn choice(&mut self, choice: u32) -> Result<&mut ChatChoice, Fault> {
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
                choice.message.content.get_or_insert_default().push_str(&text);
                if !logprobs.is_empty() {
                    let all = choice.logprobs.get_or_insert_with(ChatLogprobs::default);
                    all.content.extend(logprobs.iter().map(logprobs::chat));
                }
            }
            Event::ToolCall { choice, id, name, .. } => {
                self.choice(choice)?.message.tool_calls.push(CallOut {
                    id,
                    kind: "function",
                    function: FunctionOut {
                        name,
                        arguments: String::new(),
                    },
                });
            }
            Event::ToolArguments {
                choice,
                index,
                fragment,
            } => {
                let calls = &mut self.choice(choice)?.message.tool_calls;
                let call = calls.get_mut(index as usize).ok_or_else(|| {
                    Fault::internal(format!(
                        "the engine sent arguments of call {index} before the call"
                    ))
                })?;
                call.function.arguments.push_str(&fragment);
            }
            Event::Finished {
                choice,
                reason,
                completion_tokens,
            } => {
                self.completion += completion_tokens;
                let choice = self.choice(choice)?;
                choice.finish_reason = Some(finish_word(reason));
                if choice.message.tool_calls.is_empty() {
                    choice.message.content.get_or_insert_default();
                }
            }
        }
        Ok(())
    }
}
