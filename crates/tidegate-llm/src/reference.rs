//! The oracle: a whole decoder in plain f32 loops, one token at a time, after `llama2.c`'s `run.c`.
//!
//! Slow, short and never optimised. It reads top to bottom as the mathematics does, shares no code
//! with the model that it judges, and is used by tests only.

use std::collections::HashMap;

use tidegate_tensor::dequant::dequantize;
use tidegate_weights::{Checkpoint, ModelConfig, RopePairing, RopeScaling};

/// A model and the keys and values of one sequence.
#[derive(Debug)]
pub struct Reference {
    config: ModelConfig,
    weights: HashMap<String, Vec<f32>>,
    /// `[layer][position]`, each `kv_heads * head_dim` wide.
    keys: Vec<Vec<Vec<f32>>>,
    values: Vec<Vec<Vec<f32>>>,
}

impl Reference {
    /// Reads every tensor as f32.
    pub fn new(checkpoint: &Checkpoint<'_>) -> Self {
        let mut weights = HashMap::new();
        for tensor in checkpoint.tensors() {
            let mut values = vec![0.0; tensor.shape.iter().product()];
            if dequantize(tensor.dtype, tensor.data, &mut values).is_ok() {
                weights.insert(tensor.name.to_string(), values);
            }
        }
        let config = checkpoint.config.clone();
        let empty = vec![Vec::new(); config.layers];
        Self {
            config,
            weights,
            keys: empty.clone(),
            values: empty,
        }
    }

    /// Forgets the sequence.
    pub fn reset(&mut self) {
        self.keys.iter_mut().chain(&mut self.values).for_each(Vec::clear);
    }

    /// Reads the next token of the sequence and answers with (hidden state after the last norm,
    /// logits).
    pub fn forward(&mut self, token: u32) -> (Vec<f32>, Vec<f32>) {
        let config = self.config.clone();
        let (hidden, epsilon) = (config.hidden, config.norm_epsilon);

        // The token's row of the embedding table is the start of the residual stream.
        let row = token as usize * hidden;
        let mut x = self.weight("token_embd.weight")[row..row + hidden].to_vec();

        for layer in 0..config.layers {
            // Attention reads a normalised copy and adds its answer to the stream.
            let normed = rms_norm(&x, self.weight(&format!("blk.{layer}.attn_norm.weight")), epsilon);
            let attended = self.attention(layer, &normed);
            add(&mut x, &attended);

            // So does the feed-forward network: down(silu(gate(x)) * up(x)).
            let normed = rms_norm(&x, self.weight(&format!("blk.{layer}.ffn_norm.weight")), epsilon);
            let gate = self.linear(&format!("blk.{layer}.ffn_gate"), &normed);
            let up = self.linear(&format!("blk.{layer}.ffn_up"), &normed);
            let inner: Vec<f32> = gate
                .iter()
                .zip(&up)
                .map(|(g, u)| g / (1.0 + (-g).exp()) * u)
                .collect();
            add(&mut x, &self.linear(&format!("blk.{layer}.ffn_down"), &inner));
        }

        let x = rms_norm(&x, self.weight("output_norm.weight"), epsilon);
        // Without an output matrix of its own a model uses the embedding table again.
        let output = if config.tie_embeddings {
            "token_embd"
        } else {
            "output"
        };
        let logits = self.linear(output, &x);
        (x, logits)
    }

    fn attention(&mut self, layer: usize, x: &[f32]) -> Vec<f32> {
        let config = self.config.clone();
        let size = config.head_dim;
        let name = |part: &str| format!("blk.{layer}.attn_{part}");
        let mut q = self.linear(&name("q"), x);
        let mut k = self.linear(&name("k"), x);
        let v = self.linear(&name("v"), x);
        let position = self.keys[layer].len();

        for (heads, part) in [(&mut q, "q_norm.weight"), (&mut k, "k_norm.weight")] {
            for head in heads.chunks_exact_mut(size) {
                // Some families normalise each head (Qwen3).
                if let Some(weight) = self.weights.get(&name(part)) {
                    let normed = rms_norm(head, weight, config.norm_epsilon);
                    head.copy_from_slice(&normed);
                }
                self.rotate(head, position);
            }
        }
        self.keys[layer].push(k);
        self.values[layer].push(v);

        // Each group of query heads shares one head of keys and values; a sliding window forgets
        // what is too far back.
        let group = config.heads / config.kv_heads;
        let first = config
            .sliding_window
            .map_or(0, |window| (position + 1).saturating_sub(window));
        let mut out = vec![0.0; q.len()];
        for (head, (q, out)) in q.chunks_exact(size).zip(out.chunks_exact_mut(size)).enumerate() {
            let at = head / group * size..(head / group + 1) * size;
            let mut scores: Vec<f32> = self.keys[layer][first..]
                .iter()
                .map(|k| dot(q, &k[at.clone()]) / (size as f32).sqrt())
                .collect();
            softmax(&mut scores);
            for (score, v) in scores.iter().zip(&self.values[layer][first..]) {
                out.iter_mut()
                    .zip(&v[at.clone()])
                    .for_each(|(out, v)| *out += score * v);
            }
        }
        self.linear(&name("output"), &out)
    }

    /// Rotary position embedding: turns each pair of dimensions by an angle that grows with the
    /// position, slower for later pairs.
    fn rotate(&self, head: &mut [f32], position: usize) {
        let rope = &self.config.rope;
        let pairs = rope.dimensions / 2;
        for pair in 0..pairs {
            let (a, b) = match rope.pairing {
                RopePairing::Interleaved => (2 * pair, 2 * pair + 1),
                RopePairing::Halves => (pair, pair + pairs),
            };
            let angle = position as f32 * self.frequency(pair);
            let (x, y) = (head[a], head[b]);
            head[a] = x * angle.cos() - y * angle.sin();
            head[b] = x * angle.sin() + y * angle.cos();
        }
    }

    fn frequency(&self, pair: usize) -> f32 {
        let rope = &self.config.rope;
        let plain = rope.theta.powf(-2.0 * pair as f32 / rope.dimensions as f32);
        if let Some(divisors) = self.weights.get("rope_freqs.weight") {
            return plain / divisors[pair];
        }
        match rope.scaling {
            RopeScaling::None => plain,
            RopeScaling::Linear { factor } => plain / factor,
            // Llama 3.1: long waves are stretched, short ones kept, those between mixed.
            RopeScaling::Llama3 {
                factor,
                low,
                high,
                original_context,
            } => {
                let turns = original_context as f32 * plain / std::f32::consts::TAU;
                let keep = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                plain * keep + plain / factor * (1.0 - keep)
            }
        }
    }

    /// `weight * x + bias`; the weight is `[out, in]`, row after row.
    fn linear(&self, name: &str, x: &[f32]) -> Vec<f32> {
        let weight = self.weight(&format!("{name}.weight"));
        let mut out: Vec<f32> = weight.chunks_exact(x.len()).map(|row| dot(row, x)).collect();
        if let Some(bias) = self.weights.get(&format!("{name}.bias")) {
            add(&mut out, bias);
        }
        out
    }

    fn weight(&self, name: &str) -> &[f32] {
        self.weights.get(name).map_or(&[], Vec::as_slice)
    }
}

fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let scale = 1.0 / (dot(x, x) / x.len() as f32 + epsilon).sqrt();
    x.iter()
        .zip(weight)
        .map(|(x, weight)| x * scale * weight)
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(a: &mut [f32], b: &[f32]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
}

fn softmax(x: &mut [f32]) {
    let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x.iter_mut().for_each(|x| *x = (*x - most).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= sum);
}
