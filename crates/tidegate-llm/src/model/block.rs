//! The blocks that all families are built from: attention and the feed-forward network, each with
//! the norm before it and the sum after it.

use tidegate_tensor::attention::attend;
use tidegate_tensor::matmul::Loaded;
use tidegate_tensor::ops::{RopeTable, add_bias, add_in_place, rms_norm, rms_norm_in_place, rope, silu_mul};
use tidegate_tensor::{Batch, KvStore, Matrix, Pool, Shape, matmul};

use super::Scratch;
use super::family::Activation;

/// One layer.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) attention: Attention,
    pub(crate) feed_forward: FeedForward,
}

/// What all blocks of a step share.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) rope: &'a RopeTable,
    pub(crate) kv: &'a mut KvStore,
    /// The page table of the step.
    pub(crate) pages: &'a [u32],
    pub(crate) heads: usize,
    pub(crate) head_dim: usize,
    /// Of the norms.
    pub(crate) epsilon: f32,
}

/// A matrix and what is added to its product.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) weight: Matrix,
    pub(crate) bias: Option<Vec<f32>>,
}

impl Linear {
    /// Fills the start of `out`; answers with that part.
    fn apply<'a>(
        &self,
        pool: &Pool,
        rows: usize,
        inputs: &mut Loaded<'_>,
        out: &'a mut [f32],
    ) -> &'a mut [f32] {
        let out = &mut out[..rows * self.weight.rows()];
        matmul(pool, &self.weight, inputs, out);
        if let Some(bias) = &self.bias {
            add_bias(pool, out, bias);
        }
        out
    }
}

/// Attention with grouped queries: several heads of queries share one of keys and values.
#[derive(Debug)]
pub(crate) struct Attention {
    pub(crate) norm: Vec<f32>,
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    /// The norm of each query head.
    pub(crate) query_norm: Option<Vec<f32>>,
    /// The norm of each key head.
    pub(crate) key_norm: Option<Vec<f32>>,
    pub(crate) output: Linear,
    /// How many positions a token sees, itself included; all before it if nothing.
    pub(crate) window: Option<usize>,
}

impl Attention {
    /// Stores keys and values of all rows, and adds to the residual stream what each row found. If
    /// only some rows are to be kept, only those ask.
    pub(crate) fn run(
        &self,
        parts: &mut Parts<'_>,
        layer: usize,
        scratch: &mut Scratch,
        keep: Option<&[u32]>,
    ) {
        let (pool, epsilon, rows) = (parts.pool, parts.epsilon, scratch.rows());
        let (residual, normed) = scratch.residual_and_normed();
        rms_norm(pool, residual, &self.norm, epsilon, normed);

        let Scratch {
            inputs,
            normed,
            query,
            key,
            value,
            positions,
            spans,
            ..
        } = scratch;
        let hidden = self.query.weight.cols();
        let mut loaded = inputs.load(&normed[..rows * hidden], rows, hidden);
        let key = self.key.apply(pool, rows, &mut loaded, key);
        let value = self.value.apply(pool, rows, &mut loaded, value);
        if keep.is_none() {
            self.query.apply(pool, rows, &mut loaded, query);
        }
        turn(parts, key, self.key_norm.as_deref(), positions);
        parts.kv.store(
            pool,
            layer,
            Batch {
                spans,
                pages: parts.pages,
            },
            key,
            value,
        );

        if let Some(keep) = keep {
            scratch.keep(keep);
            let rows = scratch.rows();
            if rows == 0 {
                return;
            }
            let Scratch {
                inputs,
                normed,
                query,
                ..
            } = scratch;
            let mut loaded = inputs.load(&normed[..rows * hidden], rows, hidden);
            self.query.apply(pool, rows, &mut loaded, query);
        }
        self.look(parts, layer, scratch);
    }

    /// From the queries, not yet turned, to the sum in the residual stream.
    fn look(&self, parts: &Parts<'_>, layer: usize, scratch: &mut Scratch) {
        let (pool, rows) = (parts.pool, scratch.rows());
        let Scratch {
            residual,
            inputs,
            normed,
            query,
            attended,
            positions,
            spans,
            ..
        } = scratch;
        let width = self.query.weight.rows();
        let (query, attended) = (&mut query[..rows * width], &mut attended[..rows * width]);
        turn(parts, query, self.query_norm.as_deref(), positions);
        let scale = 1.0 / (parts.head_dim as f32).sqrt();
        let shape = Shape {
            heads: parts.heads,
            scale,
            window: self.window,
        };
        attend(
            pool,
            shape,
            parts.kv,
            layer,
            Batch {
                spans,
                pages: parts.pages,
            },
            query,
            attended,
        );

        let mut loaded = inputs.load(attended, rows, width);
        let sum = self.output.apply(pool, rows, &mut loaded, normed);
        add_in_place(pool, &mut residual[..sum.len()], sum);
    }
}

/// Normalises each head where the family does, then turns it by its position.
fn turn(parts: &Parts<'_>, heads: &mut [f32], norm: Option<&[f32]>, positions: &[u32]) {
    if let Some(weight) = norm {
        rms_norm_in_place(parts.pool, heads, weight, parts.epsilon);
    }
    rope(parts.pool, heads, parts.head_dim, positions, parts.rope);
}

/// The gated feed-forward network.
#[derive(Debug)]
pub(crate) struct FeedForward {
    pub(crate) norm: Vec<f32>,
    pub(crate) gate: Matrix,
    pub(crate) up: Matrix,
    pub(crate) down: Matrix,
    pub(crate) activation: Activation,
}

impl FeedForward {
    /// Adds `down(activation(gate(x)) * up(x))` to the residual stream.
    pub(crate) fn run(&self, parts: &Parts<'_>, scratch: &mut Scratch) {
        let (pool, rows) = (parts.pool, scratch.rows());
        if rows == 0 {
            return;
        }
        let (residual, normed) = scratch.residual_and_normed();
        rms_norm(pool, residual, &self.norm, parts.epsilon, normed);

        let Scratch {
            residual,
            inputs,
            normed,
            gate,
            up,
            ..
        } = scratch;
        let (hidden, inner) = (self.gate.cols(), self.gate.rows());
        let (gate, up) = (&mut gate[..rows * inner], &mut up[..rows * inner]);
        let mut loaded = inputs.load(&normed[..rows * hidden], rows, hidden);
        matmul(pool, &self.gate, &mut loaded, gate);
        matmul(pool, &self.up, &mut loaded, up);
        match self.activation {
            Activation::Silu => silu_mul(pool, gate, up),
        }
        let (sum, residual) = (&mut normed[..rows * hidden], &mut residual[..rows * hidden]);
        let mut loaded = inputs.load(gate, rows, inner);
        matmul(pool, &self.down, &mut loaded, sum);
        add_in_place(pool, residual, sum);
    }
}
