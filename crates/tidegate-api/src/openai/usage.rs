//! Token counts.

use serde::Serialize;

/// What a request cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Tokens read.
    pub prompt_tokens: usize,
    /// Tokens written, over all answers.
    pub completion_tokens: usize,
    /// Their sum.
    pub total_tokens: usize,
    /// More about the tokens read.
    pub prompt_tokens_details: PromptTokens,
}

/// More about the tokens read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PromptTokens {
    /// Found in the prefix cache.
    pub cached_tokens: usize,
}

impl Usage {
    /// The counts of one request.
    pub fn new(prompt_tokens: usize, cached_tokens: usize, completion_tokens: usize) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
            prompt_tokens_details: PromptTokens { cached_tokens },
        }
    }
}
