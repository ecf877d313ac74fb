//! The configuration in GGUF metadata: `ARCHITECTURE.key`.

use super::{ARCHITECTURES, ConfigError, ModelConfig, Rope, RopePairing, RopeScaling};
use crate::gguf::{Gguf, Value};

/// llama.cpp's default where the key is absent.
const THETA_DEFAULT: f64 = 10_000.0;

impl ModelConfig {
    /// Reads the metadata keys of `general.architecture`, and from the tensors the vocabulary and
    /// whether the output matrix is the embedding table.
    pub fn from_gguf(gguf: &Gguf<'_>) -> Result<Self, ConfigError> {
        let architecture = gguf
            .text("general.architecture")?
            .ok_or_else(|| ConfigError::Missing {
                key: "general.architecture".into(),
            })?;
        if !ARCHITECTURES.contains(&architecture) {
            let known = ARCHITECTURES.join(", ");
            return Err(ConfigError::Architecture {
                found: architecture.to_owned(),
                known,
            });
        }
        let keys = Keys { gguf, architecture };
        keys.refuse_experts()?;
        let hidden = keys.required("embedding_length")?;
        let heads = keys.required("attention.head_count")?;
        let head_dim = match keys.size("attention.key_length")? {
            Some(dim) => dim,
            None => even_share(hidden, heads, &keys.name("attention.head_count"))?,
        };
        keys.same_value_length(head_dim)?;
        let context_length = keys.required("context_length")?;
        let config = Self {
            architecture: architecture.to_owned(),
            name: gguf.text("general.name")?.unwrap_or_default().to_owned(),
            vocabulary: vocabulary(&keys)?,
            hidden,
            layers: keys.required("block_count")?,
            heads,
            kv_heads: keys.size("attention.head_count_kv")?.unwrap_or(heads),
            head_dim,
            ffn: keys.required("feed_forward_length")?,
            context_length,
            norm_epsilon: keys.required_float("attention.layer_norm_rms_epsilon")?,
            rope: rope(&keys, head_dim)?,
            sliding_window: keys
                .size("attention.sliding_window")?
                .filter(|w| (1..context_length).contains(w)),
            tie_embeddings: gguf.tensor("output.weight").is_none(),
        };
        config.check()?;
        Ok(config)
    }
}

/// The metadata keys of one architecture.
struct Keys<'g, 'a> {
    gguf: &'g Gguf<'a>,
    architecture: &'g str,
}

impl Keys<'_, '_> {
    fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    /// A size. Newer files may hold one per layer: an array of equal values is the same.
    fn size(&self, key: &str) -> Result<Option<usize>, ConfigError> {
        let name = self.name(key);
        if let Some(Value::Array(array)) = self.gguf.metadata(&name) {
            let mut values = array
                .integers()
                .ok_or_else(|| ConfigError::invalid(&name, array.kind().name(), "whole numbers"))?;
            let first = values
                .next()
                .ok_or_else(|| ConfigError::invalid(&name, "empty", "a number"))?;
            if values.any(|value| value != first) {
                return Err(ConfigError::unsupported(&name, "another size in each layer"));
            }
            return match usize::try_from(first) {
                Ok(size) => Ok(Some(size)),
                Err(_) => Err(ConfigError::invalid(&name, first, "a size")),
            };
        }
        let Some(value) = self.gguf.unsigned(&name)? else {
            return Ok(None);
        };
        usize::try_from(value)
            .map(Some)
            .map_err(|_| ConfigError::invalid(&name, value, "a size"))
    }

    fn required(&self, key: &str) -> Result<usize, ConfigError> {
        self.size(key)?
            .ok_or_else(|| ConfigError::Missing { key: self.name(key) })
    }

    fn float(&self, key: &str) -> Result<Option<f32>, ConfigError> {
        Ok(self.gguf.float(&self.name(key))?.map(narrow))
    }

    fn required_float(&self, key: &str) -> Result<f32, ConfigError> {
        self.float(key)?
            .ok_or_else(|| ConfigError::Missing { key: self.name(key) })
    }

    fn refuse_experts(&self) -> Result<(), ConfigError> {
        match self.size("expert_count")? {
            Some(experts) if experts > 0 => {
                let what = format!("a mixture of {experts} experts");
                Err(ConfigError::unsupported(&self.name("expert_count"), what))
            }
            _ => Ok(()),
        }
    }

    fn same_value_length(&self, head_dim: usize) -> Result<(), ConfigError> {
        match self.size("attention.value_length")? {
            Some(length) if length != head_dim => {
                let what = format!("values of {length} elements beside keys of {head_dim}");
                Err(ConfigError::unsupported(
                    &self.name("attention.value_length"),
                    what,
                ))
            }
            _ => Ok(()),
        }
    }
}

fn rope(keys: &Keys<'_, '_>, head_dim: usize) -> Result<Rope, ConfigError> {
    // llama.cpp: LLAMA_ROPE_TYPE_NORM for llama, LLAMA_ROPE_TYPE_NEOX for the others here.
    let pairing = match keys.architecture {
        "llama" | "mistral" => RopePairing::Interleaved,
        _ => RopePairing::Halves,
    };
    Ok(Rope {
        theta: keys.float("rope.freq_base")?.unwrap_or(narrow(THETA_DEFAULT)),
        dimensions: keys.size("rope.dimension_count")?.unwrap_or(head_dim),
        scaling: scaling(keys)?,
        pairing,
    })
}

fn scaling(keys: &Keys<'_, '_>) -> Result<RopeScaling, ConfigError> {
    let key = keys.name("rope.scaling.type");
    match keys.gguf.text(&key)? {
        Some("none") => Ok(RopeScaling::None),
        Some("linear") => Ok(RopeScaling::Linear {
            factor: keys.required_float("rope.scaling.factor")?,
        }),
        // `scale_linear` is the key's name in files from before the type existed.
        None => Ok(match keys.float("rope.scale_linear")? {
            Some(factor) => RopeScaling::Linear { factor },
            None => RopeScaling::None,
        }),
        Some(other) => Err(ConfigError::unsupported(&key, format!("`{other}`"))),
    }
}

fn vocabulary(keys: &Keys<'_, '_>) -> Result<usize, ConfigError> {
    if let Some(table) = keys.gguf.tensor("token_embd.weight") {
        return Ok(table.shape.first().copied().unwrap_or_default());
    }
    keys.required("vocab_size")
}

/// `hidden / heads`, if that is whole.
pub(super) fn even_share(hidden: usize, heads: usize, key: &str) -> Result<usize, ConfigError> {
    if heads == 0 || !hidden.is_multiple_of(heads) {
        return Err(ConfigError::invalid(
            key,
            heads,
            format!("a divisor of the hidden size, {hidden}"),
        ));
    }
    Ok(hidden / heads)
}

/// To the precision that the forward pass computes in.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a rounding; `check` refuses infinities"
)]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}
