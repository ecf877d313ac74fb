//! `/v1/completions`: request, answer and stream (a chunk has the shape of an answer).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number};

use super::chat::{ResponseFormat, StreamOptions};
use super::prompt::Prompts;
use super::stop::Stop;
use super::usage::Usage;

/// Texts to continue. The fields are OpenAI's; see [`super::ChatRequest`] for the marks.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a completion request object")]
#[expect(
    missing_docs,
    reason = "the names are the API's own; its documentation defines them"
)]
pub struct CompletionRequest {
    pub model: String,
    pub prompt: Prompts,

    /// Refused, unless it equals `n`.
    pub best_of: Option<i64>,
    pub echo: Option<bool>,
    pub frequency_penalty: Option<f64>,
    pub logit_bias: Option<BTreeMap<String, f64>>,
    pub logprobs: Option<i64>,
    pub max_tokens: Option<i64>,
    pub n: Option<i64>,
    pub presence_penalty: Option<f64>,
    pub seed: Option<Number>,
    pub stop: Option<Stop>,
    pub stream: Option<bool>,
    pub stream_options: Option<StreamOptions>,
    /// Refused, unless it is empty.
    pub suffix: Option<String>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,

    /// Extension: keep this many tokens; 0 and -1 keep all.
    pub top_k: Option<i64>,
    /// Extension: drop tokens less likely than this share of the best one.
    pub min_p: Option<f64>,
    /// Extension: divides the scores of tokens seen before.
    pub repetition_penalty: Option<f64>,
    /// Extension: higher runs first.
    pub priority: Option<i64>,
    /// Extension: go on after the end-of-text token.
    pub ignore_eos: Option<bool>,
    /// Extension: as in a chat.
    pub response_format: Option<ResponseFormat>,

    /// Ignored.
    pub user: Option<String>,
}

/// An answer, or a chunk of a stream.
#[derive(Debug, Clone, Serialize)]
pub struct CompletionAnswer<'a> {
    /// `cmpl-…`.
    pub id: &'a str,
    /// `text_completion`.
    pub object: &'static str,
    /// Seconds since 1970.
    pub created: u64,
    /// The model that answered.
    pub model: &'a str,
    /// Changes when the program or the model changes.
    pub system_fingerprint: &'a str,
    /// One for each of `n` for each prompt.
    pub choices: &'a [CompletionChoice<'a>],
    /// What it cost. In a stream with `include_usage`: null in every chunk but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<Usage>>,
}

/// One continuation, or a piece of it.
#[derive(Debug, Clone, Serialize)]
pub struct CompletionChoice<'a> {
    /// The text.
    pub text: &'a str,
    /// Which one: prompt number times `n` plus choice number.
    pub index: u32,
    /// Where asked for.
    pub logprobs: Option<CompletionLogprobs>,
    /// `stop` or `length`; null while it goes on.
    pub finish_reason: Option<&'static str>,
}

/// How likely the tokens were, in columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CompletionLogprobs {
    /// Where each token begins in the text, in characters.
    pub text_offset: Vec<usize>,
    /// Natural logarithms of their probabilities.
    pub token_logprobs: Vec<Option<f32>>,
    /// Their texts; `bytes:\xe2` where they are no whole character.
    pub tokens: Vec<String>,
    /// The most likely tokens at each place with their logarithms.
    pub top_logprobs: Vec<Map<String, serde_json::Value>>,
}
