//! The blocks that all families are built from: attention and the feed-forward network, each with
//! the norm before it and the sum after it.

use tidegate_tensor::attention::attend;
use tidegate_tensor::matmul::Loaded;
use tidegate_tensor::ops::{RopeTable, add_bias, add_in_place, rms_norm, rms_norm_in_place, rope, silu_mul};
use tidegate_tensor::{Batch, KvStore, Matrix, Pool, Shape, matmul, matmul_each};

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

/// Several projections of the same rows, in one job of the pool.
fn project<const N: usize>(pool: &Pool, inputs: &mut Loaded<'_>, mut into: [(&Linear, &mut [f32]); N]) {
    let products = into.each_mut().map(|(linear, out)| (&linear.weight, &mut **out));
    matmul_each(pool, products, inputs);
    for (linear, out) in into {
        if let Some(bias) = &linear.bias {
            add_bias(pool, out, bias);
        }
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
        let pool = parts.pool;
        let rows = scratch.rows();
        rms_norm(pool, rows.residual, &self.norm, parts.epsilon, rows.normed);

        let (query, key, value) = (rows.query, rows.key, rows.value);
        let mut inputs = rows
            .inputs
            .load(rows.normed, rows.count, self.query.weight.cols());
        if keep.is_none() {
            let into = [
                (&self.query, query),
                (&self.key, &mut *key),
                (&self.value, &mut *value),
            ];
            project(pool, &mut inputs, into);
        } else {
            project(
                pool,
                &mut inputs,
                [(&self.key, &mut *key), (&self.value, &mut *value)],
            );
        }
        turn(parts, key, self.key_norm.as_deref(), rows.positions);
        let batch = Batch {
            spans: rows.spans,
            pages: parts.pages,
        };
        parts.kv.store(pool, layer, batch, key, value);

        if let Some(keep) = keep {
            scratch.keep(keep);
            if keep.is_empty() {
                return;
            }
            let rows = scratch.rows();
            let mut inputs = rows
                .inputs
                .load(rows.normed, rows.count, self.query.weight.cols());
            project(pool, &mut inputs, [(&self.query, rows.query)]);
        }
        self.look(parts, layer, scratch);
    }

    /// From the queries, not yet turned, to the sum in the residual stream.
    fn look(&self, parts: &Parts<'_>, layer: usize, scratch: &mut Scratch) {
        let pool = parts.pool;
        let rows = scratch.rows();
        turn(parts, rows.query, self.query_norm.as_deref(), rows.positions);
        let scale = 1.0 / (parts.head_dim as f32).sqrt();
        let shape = Shape {
            heads: parts.heads,
            scale,
            window: self.window,
        };
        let batch = Batch {
            spans: rows.spans,
            pages: parts.pages,
        };
        attend(pool, shape, parts.kv, layer, batch, rows.query, rows.attended);

        let mut inputs = rows
            .inputs
            .load(rows.attended, rows.count, self.output.weight.cols());
        project(pool, &mut inputs, [(&self.output, &mut *rows.normed)]);
        add_in_place(pool, rows.residual, rows.normed);
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
        let pool = parts.pool;
        let rows = scratch.rows();
        if rows.count == 0 {
            return;
        }
        rms_norm(pool, rows.residual, &self.norm, parts.epsilon, rows.normed);

        let (gate, up) = (rows.gate, rows.up);
        let mut inputs = rows.inputs.load(rows.normed, rows.count, self.gate.cols());
        matmul_each(
            pool,
            [(&self.gate, &mut *gate), (&self.up, &mut *up)],
            &mut inputs,
        );
        match self.activation {
            Activation::Silu => silu_mul(pool, gate, up),
        }
        let mut inputs = rows.inputs.load(gate, rows.count, self.down.cols());
        matmul(pool, &self.down, &mut inputs, rows.normed);
        add_in_place(pool, rows.residual, rows.normed);
    }
}
