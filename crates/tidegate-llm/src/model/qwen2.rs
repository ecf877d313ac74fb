//! Qwen2 and Qwen2.5: Llama with a bias on queries, keys and values.
//!
//! Yang et al. 2024 (arXiv:2407.10671).

use super::family::{Activation, Family, Presence};

pub(super) static FAMILY: Family = Family {
    name: "qwen2",
    qkv_bias: Presence::Required,
    output_bias: Presence::Absent,
    qk_norm: Presence::Absent,
    window: |config, _| config.sliding_window,
    activation: Activation::Silu,
};
