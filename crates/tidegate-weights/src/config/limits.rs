//! Bounds on the sizes of a model, so that a forged file cannot ask for absurd memory.

use super::{ConfigError, ModelConfig, RopeScaling};

/// Transformer blocks.
pub const LAYERS_MAX: usize = 1024;
/// Heads of one block.
pub const HEADS_MAX: usize = 4096;
/// Width of one head.
pub const HEAD_DIM_MAX: usize = 1024;
/// Width of the residual stream.
pub const HIDDEN_MAX: usize = 1 << 17;
/// Inner width of the feed-forward part.
pub const FFN_MAX: usize = 1 << 20;
/// Rows of the embedding table.
pub const VOCABULARY_MAX: usize = 1 << 22;
/// Positions.
pub const CONTEXT_MAX: usize = 1 << 28;

impl ModelConfig {
    /// Checks that the sizes are possible and fit each other. The readers call it; call it again
    /// after changing a field.
    pub fn check(&self) -> Result<(), ConfigError> {
        within("layers", self.layers, LAYERS_MAX)?;
        within("heads", self.heads, HEADS_MAX)?;
        within("key-value heads", self.kv_heads, HEADS_MAX)?;
        within("head dimension", self.head_dim, HEAD_DIM_MAX)?;
        within("hidden size", self.hidden, HIDDEN_MAX)?;
        within("feed-forward size", self.ffn, FFN_MAX)?;
        within("vocabulary", self.vocabulary, VOCABULARY_MAX)?;
        within("context length", self.context_length, CONTEXT_MAX)?;
        within("rope dimensions", self.rope.dimensions, self.head_dim)?;
        if let Some(window) = self.sliding_window {
            within("sliding window", window, CONTEXT_MAX)?;
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let expected = format!("a divisor of the {} heads", self.heads);
            return Err(ConfigError::invalid("key-value heads", self.kv_heads, expected));
        }
        even("head dimension", self.head_dim)?;
        even("rope dimensions", self.rope.dimensions)?;
        if !(self.norm_epsilon > 0.0 && self.norm_epsilon < 1.0) {
            return Err(ConfigError::invalid(
                "norm epsilon",
                self.norm_epsilon,
                "a number between 0 and 1",
            ));
        }
        positive("rope theta", self.rope.theta)?;
        match self.rope.scaling {
            RopeScaling::None => Ok(()),
            RopeScaling::Linear { factor } => positive("rope scaling factor", factor),
            RopeScaling::Llama3 {
                factor,
                low,
                high,
                original_context,
            } => {
                positive("rope scaling factor", factor)?;
                positive("rope low_freq_factor", low)?;
                positive("rope high_freq_factor", high)?;
                if high <= low {
                    let expected = format!("more than low_freq_factor, {low}");
                    return Err(ConfigError::invalid("rope high_freq_factor", high, expected));
                }
                within("rope original context", original_context, CONTEXT_MAX)
            }
        }
    }
}

fn within(key: &str, found: usize, max: usize) -> Result<(), ConfigError> {
    if (1..=max).contains(&found) {
        return Ok(());
    }
    Err(ConfigError::invalid(key, found, format!("1 to {max}")))
}

fn even(key: &str, found: usize) -> Result<(), ConfigError> {
    if found.is_multiple_of(2) {
        return Ok(());
    }
    Err(ConfigError::invalid(key, found, "an even number"))
}

fn positive(key: &str, found: f32) -> Result<(), ConfigError> {
    if found > 0.0 && found.is_finite() {
        return Ok(());
    }
    Err(ConfigError::invalid(key, found, "a positive number"))
}
