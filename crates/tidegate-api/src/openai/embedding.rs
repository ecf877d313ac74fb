//! `/v1/embeddings`.

use serde::{Deserialize, Serialize};

use super::prompt::Prompts;

/// Texts to turn into vectors.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "an embedding request object")]
pub struct EmbeddingRequest {
    /// Which model.
    pub model: String,
    /// The texts.
    pub input: Prompts,
    /// `float` or `base64`.
    pub encoding_format: Option<String>,
    /// Keep only this many leading dimensions.
    pub dimensions: Option<i64>,
    /// Ignored.
    pub user: Option<String>,
}

/// The vectors.
#[derive(Debug, Clone, Serialize)]
pub struct EmbeddingAnswer<'a> {
    /// `list`.
    pub object: &'static str,
    /// One for each text, in their order.
    pub data: Vec<Embedding<'a>>,
    /// The model that made them.
    pub model: &'a str,
    /// What it cost.
    pub usage: EmbeddingUsage,
}

/// One vector.
#[derive(Debug, Clone, Serialize)]
pub struct Embedding<'a> {
    /// `embedding`.
    pub object: &'static str,
    /// Which text.
    pub index: usize,
    /// The vector.
    pub embedding: Vector<'a>,
}

/// A vector as numbers, or as base64 of its little-endian `f32` bytes.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Vector<'a> {
    /// Numbers.
    Float(&'a [f32]),
    /// Base64.
    Base64(String),
}

/// What it cost.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct EmbeddingUsage {
    /// Tokens read.
    pub prompt_tokens: usize,
    /// The same.
    pub total_tokens: usize,
}
