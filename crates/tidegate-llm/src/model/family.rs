//! What a family of models is, as data. A new family is a new short file with one constant.

use tidegate_weights::ModelConfig;

use super::{llama, mistral, qwen2, qwen3};

/// How a family differs from its relatives. The reader of weights and the blocks in `block.rs` go by
/// this; they never ask for a family by name.
///
/// What comes with a new family gets a field here: norms after a block (Gemma), another activation
/// (a variant of [`Activation`]), windows in some layers only (`window` is asked for each), experts
/// (another feed-forward block).
#[derive(Debug)]
pub(crate) struct Family {
    /// The architecture's name in weight files.
    pub(crate) name: &'static str,
    /// Query, key and value projections have a bias.
    pub(crate) qkv_bias: Presence,
    /// The projection of attention's answer has a bias.
    pub(crate) output_bias: Presence,
    /// Each query and key head is normalised before it is rotated.
    pub(crate) qk_norm: Presence,
    /// How far back a layer looks; nothing where it looks at everything.
    pub(crate) window: fn(&ModelConfig, layer: usize) -> Option<usize>,
    /// What stands between the two halves of the feed-forward network.
    pub(crate) activation: Activation,
}

/// Whether a family has a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Every model has it.
    Required,
    /// Some models have it.
    Optional,
    /// No model has it.
    Absent,
}

/// The gate of the feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `silu(gate) * up`.
    Silu,
}

/// Every family, by name.
static FAMILIES: [&Family; 4] = [&llama::FAMILY, &mistral::FAMILY, &qwen2::FAMILY, &qwen3::FAMILY];

impl Family {
    /// The family with this name in weight files.
    pub(crate) fn named(architecture: &str) -> Option<&'static Self> {
        FAMILIES.into_iter().find(|family| family.name == architecture)
    }

    /// The names of all families, for error messages.
    pub(crate) fn names() -> String {
        FAMILIES.map(|family| family.name).join("`, `")
    }
}
