//! What an engine streams back.

use std::pin::Pin;

use futures_core::Stream;
use tidegate_base::Fault;

/// The answer as it comes. Dropping it cancels the request.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Event, Fault>> + Send>>;

/// One step of an answer. `choice` counts the answers of a request with `n > 1` from 0.
///
/// Order for each choice: any number of `Text`, `ToolCall` and `ToolArguments`, then one `Finished`.
/// `Started` comes once, before everything else. The stream ends after the last choice finished.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The prompt was read; generation begins.
    Started {
        /// Tokens in the prompt.
        prompt_tokens: usize,
        /// Of these, how many were found in the prefix cache.
        cached_tokens: usize,
    },
    /// More text. Never empty unless it only carries `logprobs`.
    Text {
        /// Which answer.
        choice: u32,
        /// The text, always whole characters.
        text: String,
        /// One entry for each token that this text covers, when asked for.
        logprobs: Vec<TokenLogprob>,
    },
    /// A tool call begins.
    ToolCall {
        /// Which answer.
        choice: u32,
        /// Which call of this answer, from 0.
        index: u32,
        /// A fresh id (`call_…`).
        id: String,
        /// The tool's name.
        name: String,
    },
    /// More of a tool call's arguments (JSON text).
    ToolArguments {
        /// Which answer.
        choice: u32,
        /// Which call of this answer.
        index: u32,
        /// The next piece of the JSON text.
        fragment: String,
    },
    /// This answer is complete.
    Finished {
        /// Which answer.
        choice: u32,
        /// Why it ended.
        reason: FinishReason,
        /// Tokens that were generated for it.
        completion_tokens: usize,
    },
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// The model ended it, or a stop string was met.
    Stop,
    /// The token limit or the context was reached.
    Length,
    /// The model called tools and waits for their results.
    ToolCalls,
}

/// A token and how likely it was.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// The token's number.
    pub token: u32,
    /// Its bytes; a character may be spread over several tokens.
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// The most likely tokens at this place with their logarithms, best first.
    pub top: Vec<(u32, Vec<u8>, f32)>,
}

/// Vectors, one for each text that was asked for, in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// The vectors.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read in all.
    pub prompt_tokens: usize,
}
