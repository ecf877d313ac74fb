//! A decoder-only transformer: its weights, its keys and values, and one step through all of it.

mod block;
mod embedding;
mod family;
mod llama;
mod mistral;
mod qwen2;
mod qwen3;
mod rope;
mod scratch;

use std::sync::Arc;

use tidegate_tensor::attention::KvShape;
use tidegate_tensor::ops::{Pairing, RopeTable, rms_norm};
use tidegate_tensor::{KvStore, Matrix, Pool, TensorError, matmul};
use tidegate_weights::{ModelConfig, RopePairing};

pub(crate) use block::{Attention, FeedForward, Layer, Linear};
pub(crate) use embedding::Embedding;
pub(crate) use family::{Family, Presence};
pub(crate) use scratch::Scratch;

use self::block::Parts;
use crate::forward::{Forward, Step, StepError};
use crate::load::{Estimate, Limits};

/// A model that can run. Made by [`Model::load`].
#[derive(Debug)]
pub struct Model {
    config: ModelConfig,
    limits: Limits,
    estimate: Estimate,
    weights: Weights,
    rope: RopeTable,
    kv: KvStore,
    scratch: Scratch,
    pool: Arc<Pool>,
}

/// Everything that comes out of the files.
#[derive(Debug)]
pub(crate) struct Weights {
    pub(crate) embedding: Embedding,
    pub(crate) layers: Vec<Layer>,
    pub(crate) output_norm: Vec<f32>,
    pub(crate) output: Matrix,
    pub(crate) rope_divisors: Option<Vec<f32>>,
}

/// The store of keys and values that a model needs.
pub(crate) fn kv_shape(config: &ModelConfig, limits: &Limits) -> KvShape {
    KvShape {
        dtype: limits.kv_dtype,
        layers: config.layers,
        pages: limits.pages,
        page_size: limits.page_size,
        kv_heads: config.kv_heads,
        head_dim: config.head_dim,
    }
}

impl Model {
    /// Reserves everything that a step needs.
    pub(crate) fn new(
        config: ModelConfig,
        weights: Weights,
        limits: Limits,
        estimate: Estimate,
        pool: Arc<Pool>,
    ) -> Result<Self, TensorError> {
        let kv = KvStore::new(kv_shape(&config, &limits))?;
        let pairing = match config.rope.pairing {
            RopePairing::Interleaved => Pairing::Interleaved,
            RopePairing::Halves => Pairing::Halves,
        };
        let frequencies = rope::frequencies(&config.rope, weights.rope_divisors.as_deref());
        let rope = RopeTable::new(
            config.rope.dimensions,
            &frequencies,
            limits.context_length,
            pairing,
        );
        let scratch = Scratch::new(&config, &limits);
        Ok(Self {
            config,
            limits,
            estimate,
            weights,
            rope,
            kv,
            scratch,
            pool,
        })
    }

    /// The shape of the model.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// What it takes in memory.
    pub fn estimate(&self) -> &Estimate {
        &self.estimate
    }

    /// Runs all layers over the rows of the step, and the last norm. What stays are the rows in
    /// `keep`, or all where it is nothing.
    fn run(&mut self, step: &Step<'_>, keep: Option<&[u32]>) {
        let Self {
            config,
            weights,
            rope,
            kv,
            scratch,
            pool,
            ..
        } = self;
        scratch.begin(step);
        let rows = scratch.rows();
        for (token, row) in step
            .tokens
            .iter()
            .zip(rows.residual.chunks_exact_mut(config.hidden))
        {
            weights.embedding.look_up(*token, row);
        }
        let mut parts = Parts {
            pool,
            rope,
            kv,
            pages: step.page_table,
            head_dim: config.head_dim,
            heads: config.heads,
            epsilon: config.norm_epsilon,
        };
        let last = weights.layers.len() - 1;
        let keep = keep.filter(|keep| keep.len() < step.tokens.len());
        for (number, layer) in weights.layers.iter().enumerate() {
            // Nothing reads what the last layer makes of the other rows.
            let keep = keep.filter(|_| number == last);
            layer.attention.run(&mut parts, number, scratch, keep);
            layer.feed_forward.run(&parts, scratch);
        }
        let rows = scratch.rows();
        rms_norm(
            pool,
            rows.residual,
            &weights.output_norm,
            config.norm_epsilon,
            rows.normed,
        );
    }
}

impl Forward for Model {
    fn vocabulary(&self) -> usize {
        self.config.vocabulary
    }

    fn hidden(&self) -> usize {
        self.config.hidden
    }

    fn context_length(&self) -> usize {
        self.limits.context_length
    }

    fn page_size(&self) -> usize {
        self.limits.page_size
    }

    fn pages(&self) -> usize {
        self.limits.pages
    }

    fn max_rows(&self) -> usize {
        self.limits.max_rows
    }

    fn max_outputs(&self) -> usize {
        self.limits.max_outputs
    }

    fn forward(&mut self, step: &Step<'_>) -> Result<&[f32], StepError> {
        step.check(self)?;
        self.run(step, Some(step.outputs));
        let rows = self.scratch.rows();
        if rows.count > 0 {
            let mut inputs = rows.inputs.load(rows.normed, rows.count, self.config.hidden);
            matmul(&self.pool, &self.weights.output, &mut inputs, rows.logits);
        }
        Ok(rows.logits)
    }

    fn hidden_states(&mut self, step: &Step<'_>) -> Result<&[f32], StepError> {
        Step {
            outputs: &[],
            ..*step
        }
        .check(self)?;
        self.run(step, None);
        Ok(self.scratch.rows().normed)
    }
}
