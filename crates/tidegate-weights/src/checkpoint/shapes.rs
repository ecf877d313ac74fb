//! Which tensors a model must and may have, and their shapes.

use std::collections::BTreeMap;

use super::CheckpointError;
use crate::config::ModelConfig;
use crate::tensor::TensorView;

/// Whether a model must have a tensor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Must,
    May,
}

/// Refuses a checkpoint in which a tensor is missing, has another shape than the configuration
/// says, or belongs to something that the forward pass would silently leave out.
pub(super) fn check(
    config: &ModelConfig,
    tensors: &BTreeMap<String, TensorView<'_>>,
) -> Result<(), CheckpointError> {
    let mut seen = 0;
    for (name, shape, need) in expected(config) {
        match tensors.get(&name) {
            Some(tensor) if tensor.shape == shape => seen += 1,
            Some(tensor) => {
                let found = tensor.shape.clone();
                return Err(CheckpointError::Shape {
                    name,
                    found,
                    expected: shape,
                });
            }
            None if need == Need::Must => return Err(CheckpointError::Missing { name }),
            None => {}
        }
    }
    if seen == tensors.len() {
        return Ok(());
    }
    let known: std::collections::BTreeSet<String> = expected(config).map(|row| row.0).collect();
    match tensors.keys().find(|name| !known.contains(*name)) {
        Some(name) => Err(CheckpointError::Stray {
            name: name.clone(),
            architecture: config.architecture.clone(),
        }),
        None => Ok(()),
    }
}

fn expected(config: &ModelConfig) -> impl Iterator<Item = (String, Vec<usize>, Need)> + '_ {
    use Need::{May, Must};
    let &ModelConfig {
        vocabulary, hidden, ..
    } = config;
    let whole = [
        ("token_embd.weight", vec![vocabulary, hidden], Must),
        ("output_norm.weight", vec![hidden], Must),
        (
            "output.weight",
            vec![vocabulary, hidden],
            if config.tie_embeddings { May } else { Must },
        ),
        ("rope_freqs.weight", vec![config.rope.dimensions / 2], May),
    ];
    let whole = whole
        .into_iter()
        .map(|(name, shape, need)| (name.to_owned(), shape, need));
    whole.chain((0..config.layers).flat_map(move |layer| {
        block(config)
            .into_iter()
            .map(move |(name, shape, need)| (format!("blk.{layer}.{name}"), shape, need))
    }))
}

fn block(config: &ModelConfig) -> Vec<(&'static str, Vec<usize>, Need)> {
    use Need::{May, Must};
    let &ModelConfig {
        hidden,
        ffn,
        head_dim,
        ..
    } = config;
    let (query, kv) = (config.query_width(), config.kv_width());
    let mut rows = vec![
        ("attn_norm.weight", vec![hidden], Must),
        ("attn_q.weight", vec![query, hidden], Must),
        ("attn_k.weight", vec![kv, hidden], Must),
        ("attn_v.weight", vec![kv, hidden], Must),
        ("attn_output.weight", vec![hidden, query], Must),
        ("ffn_norm.weight", vec![hidden], Must),
        ("ffn_gate.weight", vec![ffn, hidden], Must),
        ("ffn_up.weight", vec![ffn, hidden], Must),
        ("ffn_down.weight", vec![hidden, ffn], Must),
    ];
    let bias = if config.architecture == "qwen2" { Must } else { May };
    rows.push(("attn_q.bias", vec![query], bias));
    rows.push(("attn_k.bias", vec![kv], bias));
    rows.push(("attn_v.bias", vec![kv], bias));
    rows.push(("attn_output.bias", vec![hidden], May));
    if config.architecture == "qwen3" {
        rows.push(("attn_q_norm.weight", vec![head_dim], Must));
        rows.push(("attn_k_norm.weight", vec![head_dim], Must));
    }
    rows
}
