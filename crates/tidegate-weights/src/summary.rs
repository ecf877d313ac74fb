//! What a model file holds, for people: the numbers that `inspect` prints.

use std::collections::BTreeMap;

use serde::Serialize;
use tidegate_base::DType;

use crate::checkpoint::Checkpoint;
use crate::gguf::file_type_name;
use crate::tokenizer::Tokenizer;

/// A description of a checkpoint and its tokenizer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The architecture, in GGUF's names.
    pub architecture: String,
    /// The model's own name for itself; may be empty.
    pub name: String,
    /// How the weights are stored, as llama.cpp writes it: `Q4_K - Medium`, `F16`.
    pub quantisation: String,
    /// Numbers that the model learned.
    pub parameters: u64,
    /// Tensors.
    pub tensors: usize,
    /// Bytes of all tensors: what the weights need in memory.
    pub weight_bytes: u64,
    /// The same for each element type, the largest share first.
    pub types: Vec<TypeShare>,
    /// Bits per parameter, over all tensors.
    pub bits_per_parameter: f64,
    /// Positions that the model was made for.
    pub context_length: usize,
    /// A query sees this many positions, if not all.
    pub sliding_window: Option<usize>,
    /// Transformer blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Rows of the embedding table.
    pub vocabulary: usize,
    /// Bytes of keys and values that one token leaves in the cache, if they are stored as F16.
    pub kv_bytes_per_token: u64,
    /// The tokenizer, if there is one.
    pub tokenizer: Option<TokenizerSummary>,
}

/// How much of a model has one element type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeShare {
    /// The type's name.
    pub dtype: &'static str,
    /// Tensors of this type.
    pub tensors: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// A description of a tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenizerSummary {
    /// `byte-level BPE`, `SentencePiece BPE`, ...
    pub kind: String,
    /// How many tokens.
    pub size: usize,
    /// The text of the begin-of-sequence token.
    pub bos: Option<String>,
    /// The texts of the tokens that end a generation.
    pub end: Vec<String>,
    /// Whether a chat template came with it.
    pub chat_template: bool,
}

/// Bytes of an F16 element.
const F16_BYTES: u64 = 2;

impl Summary {
    /// Describes a checkpoint. It adds up sizes and touches no weights.
    pub fn new(checkpoint: &Checkpoint<'_>, tokenizer: Option<&Tokenizer>) -> Self {
        let config = &checkpoint.config;
        let types = types(checkpoint);
        let weight_bytes = types.iter().map(|share| share.bytes).sum();
        // Divisors of frequencies are a setting, not learned.
        let learned = checkpoint
            .tensors()
            .filter(|tensor| tensor.name != "rope_freqs.weight");
        let parameters = learned.map(|tensor| tensor.elements() as u64).sum();
        let named = checkpoint.file_type().and_then(file_type_name);
        let dominant = types.first().map_or("none", |share| share.dtype);
        Self {
            architecture: config.architecture.clone(),
            name: config.name.clone(),
            quantisation: named.unwrap_or(dominant).to_owned(),
            parameters,
            tensors: checkpoint.tensors().len(),
            weight_bytes,
            types,
            bits_per_parameter: weight_bytes as f64 * 8.0 / parameters as f64,
            context_length: config.context_length,
            sliding_window: config.sliding_window,
            layers: config.layers,
            hidden: config.hidden,
            heads: config.heads,
            kv_heads: config.kv_heads,
            vocabulary: config.vocabulary,
            kv_bytes_per_token: config.kv_elements_per_token() as u64 * F16_BYTES,
            tokenizer: tokenizer.map(TokenizerSummary::new),
        }
    }
}

impl TokenizerSummary {
    /// Describes a tokenizer.
    pub fn new(tokenizer: &Tokenizer) -> Self {
        let text = |id: u32| String::from_utf8_lossy(tokenizer.token_bytes(id)).into_owned();
        Self {
            kind: tokenizer.kind().to_owned(),
            size: tokenizer.vocabulary(),
            bos: tokenizer.bos().map(text),
            end: tokenizer.end_tokens().iter().map(|&id| text(id)).collect(),
            chat_template: tokenizer.chat_template().is_some(),
        }
    }
}

fn types(checkpoint: &Checkpoint<'_>) -> Vec<TypeShare> {
    let mut shares: BTreeMap<DType, TypeShare> = BTreeMap::new();
    for tensor in checkpoint.tensors() {
        let share = shares.entry(tensor.dtype).or_insert_with(|| TypeShare {
            dtype: tensor.dtype.name(),
            tensors: 0,
            bytes: 0,
        });
        share.tensors += 1;
        share.bytes += tensor.data.len() as u64;
    }
    let mut shares: Vec<TypeShare> = shares.into_values().collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    shares
}
