//! Attention over keys and values that lie in pages.

mod store;
mod work;

use std::ops::Range;

use crate::kernel;
use crate::pool::{Pool, Shared};

pub use store::{HEAD_DIM_MAX, KvStore, PAGE_SIZE_MAX};
use work::Work;

/// How keys and values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvDType {
    /// Single precision.
    F32,
    /// Half precision: half the memory and half the reading.
    F16,
}

/// The size of a store of keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvShape {
    /// The type of an element.
    pub dtype: KvDType,
    /// Layers of the model.
    pub layers: usize,
    /// Pages of each layer.
    pub pages: usize,
    /// Tokens that a page holds; at most [`PAGE_SIZE_MAX`], best a multiple of 16.
    pub page_size: usize,
    /// Heads of keys, and of values.
    pub kv_heads: usize,
    /// Elements of a head; at most [`HEAD_DIM_MAX`].
    pub head_dim: usize,
}

/// What an attention layer computes, beyond what the store knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Heads of queries; a multiple of the store's heads.
    pub heads: usize,
    /// What scores are multiplied with before the softmax; mostly `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// How many positions a token sees, itself included; all that came before if nothing.
    pub window: Option<usize>,
}

/// Consecutive tokens of one sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its first row in the step.
    pub first_row: usize,
    /// How many rows.
    pub rows: usize,
    /// The position of its first row in its sequence.
    pub first_position: usize,
    /// Where its pages stand in [`Batch::pages`]; the first holds position 0.
    pub pages: Range<usize>,
}

/// Which rows of a step belong to which sequence, and where those keep their past.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Rows, cut into spans.
    pub spans: &'a [Span],
    /// The page numbers of all spans.
    pub pages: &'a [u32],
}

/// `out = softmax(scale x queries x keys^T) x values`, each row over the positions up to its own
/// (and inside the window). `queries` and `out` are rows x `heads` x `head_dim`; the keys and values
/// of the batch's own rows must be stored already. Rows of no span are left alone.
///
/// # Panics
///
/// If the layer, a page or a row does not exist, or the heads are not a multiple of the store's.
pub fn attend(
    pool: &Pool,
    shape: Shape,
    store: &KvStore,
    layer: usize,
    batch: Batch<'_>,
    queries: &[f32],
    out: &mut [f32],
) {
    let row = shape.heads * store.shape().head_dim;
    let kv_heads = store.shape().kv_heads;
    assert!(shape.heads.is_multiple_of(kv_heads), "heads are not whole groups");
    assert_eq!(queries.len(), out.len(), "queries and results differ in length");
    assert!(queries.len().is_multiple_of(row), "queries are not whole rows");
    assert!(layer < store.shape().layers, "layer {layer} does not exist");
    let work = Work {
        cpu: pool.cpu(),
        shape,
        store,
        layer,
        batch,
        queries,
        group: shape.heads / kv_heads,
        width: kernel::float_widths(pool.cpu()).last().copied().unwrap_or(1),
    };
    let out = Shared::new(out);
    let parts = batch.spans.iter().map(|span| work.parts(span)).sum();
    pool.run(parts, &|part| work.run(part, &out));
}

#[cfg(test)]
mod tests;
