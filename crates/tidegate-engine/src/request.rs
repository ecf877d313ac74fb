//! What is asked of an engine, free of any wire format.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A conversation to answer.
#[derive(Debug, Clone, Default)]
pub struct ChatRequest {
    /// The turns so far, oldest first.
    pub messages: Vec<Message>,
    /// Tools that the model may call.
    pub tools: Vec<Tool>,
    /// Whether it must call one.
    pub tool_choice: ToolChoice,
    /// Whether it may call several at once.
    pub parallel_tool_calls: bool,
    /// Extra variables for the chat template (`enable_thinking`).
    pub template_arguments: Map<String, Value>,
    /// How to generate.
    pub params: Params,
}

/// A text to continue.
#[derive(Debug, Clone)]
pub struct CompletionRequest {
    /// The text or its tokens.
    pub prompt: Prompt,
    /// Whether the answer starts with the prompt.
    pub echo: bool,
    /// How to generate.
    pub params: Params,
}

/// Texts to turn into vectors.
#[derive(Debug, Clone)]
pub struct EmbedRequest {
    /// The texts.
    pub inputs: Vec<Prompt>,
    /// Keep only this many leading dimensions, then normalise again.
    pub dimensions: Option<usize>,
}

/// Text, or tokens that the client made itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Text to tokenise.
    Text(String),
    /// Token numbers, used as they are.
    Tokens(Vec<u32>),
}

/// One turn. Serialises to the shape that chat templates expect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user`, `assistant` or `tool`; templates may know more.
    pub role: String,
    /// The text. Empty for a turn that only calls tools.
    pub content: String,
    /// The speaker's or the tool's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Calls that the assistant made in this turn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Which call this turn answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

/// A call that the assistant made. `arguments` is the JSON object, already parsed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The id that the result refers to.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    pub arguments: Value,
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON schema of its arguments.
    pub parameters: Option<Value>,
    /// Whether the arguments must obey the schema to the letter.
    pub strict: bool,
}

/// Whether a tool must be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// None may be called.
    None,
    /// At least one must be called.
    Required,
    /// This one must be called.
    Named(String),
}

/// How to generate.
#[derive(Debug, Clone)]
pub struct Params {
    /// How many answers.
    pub n: u32,
    /// The most tokens an answer may have; the rest of the context where absent.
    pub max_tokens: Option<usize>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// What shape the answer must have.
    pub format: Format,
    /// Report the chosen token's logarithm and this many alternatives.
    pub logprobs: Option<u8>,
    /// Go on after the end-of-text token (for measurements).
    pub ignore_eos: bool,
    /// Higher runs first; 0 is normal.
    pub priority: i8,
    /// Give up after this much time.
    pub deadline: Option<Duration>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n: 1,
            max_tokens: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
            format: Format::Text,
            logprobs: None,
            ignore_eos: false,
            priority: 0,
            deadline: None,
        }
    }
}

/// How tokens are chosen. The defaults are OpenAI's; filters that are off do nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 always takes the most likely token.
    pub temperature: f32,
    /// Keep the smallest set of tokens whose probabilities reach this sum; 1 keeps all.
    pub top_p: f32,
    /// Keep this many tokens; 0 keeps all.
    pub top_k: u32,
    /// Drop tokens less likely than this share of the best one; 0 drops none.
    pub min_p: f32,
    /// Subtracted once for each time that a token was generated.
    pub frequency_penalty: f32,
    /// Subtracted once if a token was generated.
    pub presence_penalty: f32,
    /// Divides (or multiplies, below zero) the score of tokens seen in prompt or answer; 1 is off.
    pub repetition_penalty: f32,
    /// Added to the scores of these tokens.
    pub logit_bias: Vec<(u32, f32)>,
    /// Makes the choice repeatable.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            repetition_penalty: 1.0,
            logit_bias: Vec::new(),
            seed: None,
        }
    }
}

/// What shape the answer must have.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Format {
    /// Any text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that obeys this schema.
    JsonSchema(Value),
    /// Text that matches this regular expression.
    Regex(String),
    /// Text that this Lark grammar (llguidance's dialect) derives.
    Lark(String),
}
