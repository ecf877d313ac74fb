//! `/v1/chat/completions`, the request.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Number, Value};

use super::message::ChatMessage;
use super::stop::Stop;
use super::tool::{ToolChoice, ToolDefinition};

/// A conversation to answer. The fields are OpenAI's; those marked "extension" are known from other
/// servers; those marked "ignored" are checked for their type and change nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a chat completion request object")]
#[expect(
    missing_docs,
    reason = "the names are the API's own; its documentation defines them"
)]
pub struct ChatRequest {
    pub model: String,
    pub messages: Vec<ChatMessage>,

    pub frequency_penalty: Option<f64>,
    pub logit_bias: Option<BTreeMap<String, f64>>,
    pub logprobs: Option<bool>,
    pub max_completion_tokens: Option<i64>,
    pub max_tokens: Option<i64>,
    pub n: Option<i64>,
    pub parallel_tool_calls: Option<bool>,
    pub presence_penalty: Option<f64>,
    pub response_format: Option<ResponseFormat>,
    pub seed: Option<Number>,
    pub stop: Option<Stop>,
    pub stream: Option<bool>,
    pub stream_options: Option<StreamOptions>,
    pub temperature: Option<f64>,
    pub tool_choice: Option<ToolChoice>,
    pub tools: Option<Vec<ToolDefinition>>,
    pub top_logprobs: Option<i64>,
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
    /// Extension: extra variables for the chat template.
    pub chat_template_kwargs: Option<Map<String, Value>>,

    /// Ignored.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Ignored: it only makes answers faster where it is known.
    pub prediction: Option<IgnoredAny>,
    /// Ignored: prefixes are found without it.
    pub prompt_cache_key: Option<String>,
    /// Ignored.
    pub reasoning_effort: Option<String>,
    /// Ignored.
    pub safety_identifier: Option<String>,
    /// Ignored.
    pub service_tier: Option<String>,
    /// Ignored: nothing is stored.
    pub store: Option<bool>,
    /// Ignored.
    pub user: Option<String>,
    /// Ignored.
    pub verbosity: Option<String>,

    /// Refused, except for `["text"]`.
    pub modalities: Option<Vec<String>>,
    /// Refused.
    pub audio: Option<IgnoredAny>,
    /// Refused: the old form of `tools`.
    pub functions: Option<IgnoredAny>,
    /// Refused: the old form of `tool_choice`.
    pub function_call: Option<IgnoredAny>,
    /// Refused.
    pub web_search_options: Option<IgnoredAny>,
}

/// What comes with a stream.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(expecting = "a stream options object")]
pub struct StreamOptions {
    /// Send the token counts in a last chunk.
    pub include_usage: Option<bool>,
    /// Ignored.
    pub include_obfuscation: Option<bool>,
}

/// What shape the answer must have.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a response format object")]
pub struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`; extensions: `regex`, `lark`.
    #[serde(rename = "type")]
    pub kind: String,
    /// With `json_schema`.
    pub json_schema: Option<JsonSchema>,
    /// Extension, with `regex`: the expression that the answer must match.
    pub regex: Option<String>,
    /// Extension, with `lark`: the grammar that must derive the answer.
    pub lark: Option<String>,
}

/// A schema with a name.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a JSON schema object")]
pub struct JsonSchema {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The schema.
    pub schema: Option<Map<String, Value>>,
    /// Ignored: the schema is always obeyed.
    pub strict: Option<bool>,
}
