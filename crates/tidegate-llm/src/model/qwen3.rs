//! Qwen3: no bias; each query and key head is normalised; the head size stands on its own.
//!
//! Yang et al. 2025 (arXiv:2505.09388).

use super::family::{Activation, Family, Presence};

pub(super) static FAMILY: Family = Family {
    name: "qwen3",
    qkv_bias: Presence::Absent,
    output_bias: Presence::Absent,
    qk_norm: Presence::Required,
    window: |config, _| config.sliding_window,
    activation: Activation::Silu,
};
