//! Llama 2 and 3, and the many models that took their shape (TinyLlama, SmolLM2, Mistral in GGUF).
//!
//! Touvron et al. 2023 (arXiv:2307.09288); the Llama 3 herd 2024 (arXiv:2407.21783). Their rope
//! scaling comes with the config or as `rope_freqs.weight`.

use super::family::{Activation, Family, Presence};

pub(super) static FAMILY: Family = Family {
    name: "llama",
    // `attention_bias: true` in a few relatives.
    qkv_bias: Presence::Optional,
    output_bias: Presence::Optional,
    qk_norm: Presence::Absent,
    window: |config, _| config.sliding_window,
    activation: Activation::Silu,
};
