//! `/v1/chat/completions`, the answer and its stream.

use serde::Serialize;

use super::tool::{CallDelta, CallOut};
use super::usage::Usage;

/// A complete answer.
#[derive(Debug, Clone, Serialize)]
pub struct ChatAnswer<'a> {
    /// `chatcmpl-…`.
    pub id: &'a str,
    /// `chat.completion`.
    pub object: &'static str,
    /// Seconds since 1970.
    pub created: u64,
    /// The model that answered.
    pub model: &'a str,
    /// One for each of `n`.
    pub choices: Vec<ChatChoice>,
    /// What it cost.
    pub usage: Usage,
    /// Changes when the program or the model changes.
    pub system_fingerprint: &'a str,
}

/// One of `n` answers.
#[derive(Debug, Clone, Serialize)]
pub struct ChatChoice {
    /// Which one.
    pub index: u32,
    /// The turn to add to the conversation.
    pub message: AnswerMessage,
    /// Where asked for.
    pub logprobs: Option<ChatLogprobs>,
    /// `stop`, `length` or `tool_calls`.
    pub finish_reason: Option<&'static str>,
}

/// The assistant's turn.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerMessage {
    /// `assistant`.
    pub role: &'static str,
    /// The text; null where the model only calls tools.
    pub content: Option<String>,
    /// Always null: no model here refuses in a separate field.
    pub refusal: Option<String>,
    /// The calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<CallOut>,
}

/// A piece of a stream.
#[derive(Debug, Clone, Serialize)]
pub struct ChatChunk<'a> {
    /// `chatcmpl-…`, the same in every chunk.
    pub id: &'a str,
    /// `chat.completion.chunk`.
    pub object: &'static str,
    /// Seconds since 1970, the same in every chunk.
    pub created: u64,
    /// The model that answers.
    pub model: &'a str,
    /// Changes when the program or the model changes.
    pub system_fingerprint: &'a str,
    /// One element, or none in the chunk with the usage.
    pub choices: &'a [ChunkChoice<'a>],
    /// With `include_usage`: null in every chunk but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<Usage>>,
}

/// A piece of one answer.
#[derive(Debug, Clone, Serialize)]
pub struct ChunkChoice<'a> {
    /// Which of `n`.
    pub index: u32,
    /// What is new.
    pub delta: ChatDelta<'a>,
    /// Where asked for.
    pub logprobs: Option<ChatLogprobs>,
    /// In the last piece of this answer.
    pub finish_reason: Option<&'static str>,
}

/// What is new.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ChatDelta<'a> {
    /// In the first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// More text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<&'a str>,
    /// More of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<[CallDelta<'a>; 1]>,
}

/// How likely the tokens of an answer were.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ChatLogprobs {
    /// One for each token.
    pub content: Vec<ChatTokenLogprob>,
    /// Always null.
    pub refusal: Option<()>,
}

/// A token and how likely it was.
#[derive(Debug, Clone, Serialize)]
pub struct ChatTokenLogprob {
    /// Its text; bytes that are no whole character show as U+FFFD.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The most likely tokens at this place.
    pub top_logprobs: Vec<ChatTopLogprob>,
}

/// A token that was likely.
#[derive(Debug, Clone, Serialize)]
pub struct ChatTopLogprob {
    /// Its text.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}
