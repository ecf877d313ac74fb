//! Mistral 7B: Llama with a sliding window of attention in every layer.
//!
//! Jiang et al. 2023 (arXiv:2310.06825). Later versions have no window: `sliding_window: null`.

use super::family::{Activation, Family, Presence};

pub(super) static FAMILY: Family = Family {
    name: "mistral",
    qkv_bias: Presence::Absent,
    output_bias: Presence::Absent,
    qk_norm: Presence::Absent,
    window: |config, _| config.sliding_window,
    activation: Activation::Silu,
};
