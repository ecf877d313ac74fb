//! The shape of a decoder-only transformer: what the forward pass must know besides the weights.

mod gguf;
mod hf;
mod limits;

pub(crate) use gguf::narrow;
pub use limits::*;

use crate::gguf::GgufError;

/// The architectures that can be read, by GGUF's names.
pub const ARCHITECTURES: [&str; 4] = ["llama", "mistral", "qwen2", "qwen3"];

/// The shape of a decoder-only transformer with RMS norm, rotary positions, grouped-query attention
/// and a gated SiLU feed-forward part. Always checked: see [`ModelConfig::check`].
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The architecture as found, in GGUF's names: one of [`ARCHITECTURES`].
    pub architecture: String,
    /// The model's own name for itself; may be empty.
    pub name: String,
    /// Rows of the embedding table. May be larger than the tokenizer's vocabulary (padding).
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head; even. `heads * head_dim` need not be `hidden`.
    pub head_dim: usize,
    /// Inner width of the feed-forward part.
    pub ffn: usize,
    /// Positions that the model was made for.
    pub context_length: usize,
    /// Added to the mean square in RMS norm.
    pub norm_epsilon: f32,
    /// Rotary positions.
    pub rope: Rope,
    /// A query sees this many positions, itself included; `None` sees all. Only a window smaller
    /// than `context_length` is kept.
    pub sliding_window: Option<usize>,
    /// Whether the embedding table is also the output matrix.
    pub tie_embeddings: bool,
}

/// Rotary position embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// The base of the frequencies.
    pub theta: f32,
    /// How many leading dimensions of a head are rotated; even.
    pub dimensions: usize,
    /// How the frequencies are stretched. A tensor `rope_freqs.weight` in the checkpoint (divisors,
    /// one per pair) stands for `Llama3` in GGUF files.
    pub scaling: RopeScaling,
    /// Which dimensions turn together.
    pub pairing: RopePairing,
}

/// How rotary frequencies are stretched for longer contexts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Every frequency is divided by the factor.
    Linear {
        /// The divisor.
        factor: f32,
    },
    /// Low frequencies are divided, high ones kept, those between blended (Llama 3.1).
    Llama3 {
        /// The divisor of low frequencies.
        factor: f32,
        /// `low_freq_factor`.
        low: f32,
        /// `high_freq_factor`.
        high: f32,
        /// Positions before stretching.
        original_context: usize,
    },
}

/// Which dimensions of a head turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopePairing {
    /// `2i` with `2i + 1`: GGUF files of `llama` have their query and key rows permuted for it.
    Interleaved,
    /// `i` with `i + dimensions / 2`: as in Hugging Face checkpoints.
    Halves,
}

/// Why no configuration could be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum ConfigError {
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error("config.json is not valid JSON: {0}")]
    Json(String),
    #[error("`{key}` is missing")]
    Missing { key: String },
    #[error("`{key}` is {found}: expected {expected}")]
    Invalid {
        key: String,
        found: String,
        expected: String,
    },
    #[error("the architecture `{found}` is not supported: expected one of {known}")]
    Architecture { found: String, known: String },
    #[error("`{key}` asks for {what}, which is not supported")]
    Unsupported { key: String, what: String },
}

impl ConfigError {
    fn invalid(key: &str, found: impl ToString, expected: impl Into<String>) -> Self {
        Self::Invalid {
            key: key.to_owned(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    fn unsupported(key: &str, what: impl Into<String>) -> Self {
        Self::Unsupported {
            key: key.to_owned(),
            what: what.into(),
        }
    }
}

impl ModelConfig {
    /// Width of all query heads together.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads together; values have the same.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Elements of keys and values that one token leaves in the cache, over all layers.
    pub fn kv_elements_per_token(&self) -> usize {
        2 * self.layers * self.kv_width()
    }
}
