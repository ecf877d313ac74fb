//! Attention over keys and values that lie in pages.

use std::ops::Range;

use half::f16;

use crate::error::TensorError;
use crate::pool::Pool;

/// The most elements that a head may have.
pub const HEAD_DIM_MAX: usize = 256;

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
    /// Tokens that a page holds.
    pub page_size: usize,
    /// Heads of keys, and of values.
    pub kv_heads: usize,
    /// Elements of a head; at most [`HEAD_DIM_MAX`].
    pub head_dim: usize,
}

/// The keys and values of all layers, in pages.
#[derive(Debug)]
pub struct KvStore {
    shape: KvShape,
    keys: Vec<f32>,
    values: Vec<f32>,
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

impl KvStore {
    /// Room for keys and values. The system hands out the memory as pages are first written.
    ///
    /// # Errors
    ///
    /// [`TensorError::Dimension`] if a number is zero, or the head is too long, or the sizes
    /// overflow.
    pub fn new(shape: KvShape) -> Result<Self, TensorError> {
        let numbers = [
            ("layers", shape.layers),
            ("pages", shape.pages),
            ("page_size", shape.page_size),
            ("kv_heads", shape.kv_heads),
            ("head_dim", shape.head_dim),
        ];
        let mut elements = Some(1_usize);
        for (what, value) in numbers {
            if value == 0 || (what == "head_dim" && value > HEAD_DIM_MAX) {
                let expected = if value == 0 { "at least 1" } else { "at most 256" };
                return Err(TensorError::Dimension {
                    what,
                    value,
                    expected,
                });
            }
            elements = elements.and_then(|elements| elements.checked_mul(value));
        }
        let elements = elements.ok_or(TensorError::Dimension {
            what: "pages",
            value: shape.pages,
            expected: "a store that fits in memory",
        })?;
        Ok(Self {
            shape,
            keys: vec![0.0; elements],
            values: vec![0.0; elements],
        })
    }

    /// What it was made for.
    pub fn shape(&self) -> KvShape {
        self.shape
    }

    /// Memory of the whole store.
    pub fn bytes(&self) -> usize {
        (self.keys.len() + self.values.len()) * 4
    }

    /// Writes the keys and values of the batch's rows (each `kv_heads` x `head_dim`, already
    /// rotated) to `layer`.
    ///
    /// # Panics
    ///
    /// If the layer, a page or a row does not exist.
    pub fn store(&mut self, pool: &Pool, layer: usize, batch: Batch<'_>, keys: &[f32], values: &[f32]) {
        let _ = pool;
        let KvShape {
            dtype,
            page_size,
            kv_heads,
            head_dim,
            ..
        } = self.shape;
        for span in batch.spans {
            let pages = &batch.pages[span.pages.clone()];
            for row in 0..span.rows {
                let position = span.first_position + row;
                for head in 0..kv_heads {
                    let at = self.at(layer, pages[position / page_size], head, position % page_size);
                    let from = ((span.first_row + row) * kv_heads + head) * head_dim;
                    for (to, from) in [(&mut self.keys, keys), (&mut self.values, values)]
                        .map(|(to, rows)| (&mut to[at..][..head_dim], &rows[from..][..head_dim]))
                    {
                        for (to, from) in to.iter_mut().zip(from) {
                            *to = match dtype {
                                KvDType::F32 => *from,
                                KvDType::F16 => f16::from_f32(*from).to_f32(),
                            };
                        }
                    }
                }
            }
        }
    }

    fn at(&self, layer: usize, page: u32, head: usize, slot: usize) -> usize {
        let KvShape {
            pages,
            page_size,
            kv_heads,
            head_dim,
            ..
        } = self.shape;
        (((layer * pages + page as usize) * kv_heads + head) * page_size + slot) * head_dim
    }
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
    let _ = pool;
    let KvShape {
        page_size,
        kv_heads,
        head_dim,
        ..
    } = store.shape;
    let group = shape.heads / kv_heads;
    for span in batch.spans {
        let pages = &batch.pages[span.pages.clone()];
        for row in 0..span.rows {
            let position = span.first_position + row;
            let first = shape
                .window
                .map_or(0, |window| (position + 1).saturating_sub(window));
            for head in 0..shape.heads {
                let at = ((span.first_row + row) * shape.heads + head) * head_dim;
                let query = &queries[at..][..head_dim];
                let place = |p: usize| store.at(layer, pages[p / page_size], head / group, p % page_size);
                let score = |p: usize| {
                    let key = &store.keys[place(p)..][..head_dim];
                    query.iter().zip(key).map(|(q, k)| q * k).sum::<f32>() * shape.scale
                };
                let most = (first..=position).map(score).fold(f32::NEG_INFINITY, f32::max);
                let mut total = 0.0;
                let out = &mut out[at..][..head_dim];
                out.fill(0.0);
                for p in first..=position {
                    let weight = (score(p) - most).exp();
                    total += weight;
                    for (out, v) in out.iter_mut().zip(&store.values[place(p)..][..head_dim]) {
                        *out += weight * v;
                    }
                }
                out.iter_mut().for_each(|out| *out /= total);
            }
        }
    }
}
