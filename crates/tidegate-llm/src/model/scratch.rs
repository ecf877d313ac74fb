//! The buffers of a step, reserved once for the largest step.

use tidegate_tensor::{Inputs, Span};
use tidegate_weights::ModelConfig;

use crate::forward::Step;
use crate::load::Limits;

/// Buffers of one step. Each holds one row for each token of the step, one after another.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// What flows through the layers.
    pub(crate) residual: Vec<f32>,
    /// A normalised copy of it; then what a block adds to it.
    pub(crate) normed: Vec<f32>,
    pub(crate) query: Vec<f32>,
    pub(crate) key: Vec<f32>,
    pub(crate) value: Vec<f32>,
    pub(crate) attended: Vec<f32>,
    pub(crate) gate: Vec<f32>,
    pub(crate) up: Vec<f32>,
    pub(crate) logits: Vec<f32>,
    /// Activations as the kernels want them.
    pub(crate) inputs: Inputs,
    /// The position of each row.
    pub(crate) positions: Vec<u32>,
    /// Which rows belong together.
    pub(crate) spans: Vec<Span>,
    hidden: usize,
}

/// Widths of the buffers, in elements of a row.
fn widths(config: &ModelConfig) -> [usize; 8] {
    let (hidden, query, kv, ffn) = (config.hidden, config.query_width(), config.kv_width(), config.ffn);
    [hidden, hidden, query, kv, kv, query, ffn, ffn]
}

/// The widest row that meets a matrix.
fn widest(config: &ModelConfig) -> usize {
    config.hidden.max(config.query_width()).max(config.ffn)
}

impl Scratch {
    /// Memory that the buffers for these limits take.
    pub(crate) fn bytes(config: &ModelConfig, limits: &Limits) -> u64 {
        let widths: u64 = widths(config).iter().map(|width| *width as u64).sum();
        // Single precision, and eight bits with a scale for each 32.
        let inputs = widest(config) as u64 * 2;
        let rows = limits.max_rows as u64 * (4 * widths + inputs);
        rows.saturating_add(4 * limits.max_outputs as u64 * config.vocabulary as u64)
    }

    /// Reserves the buffers.
    pub(crate) fn new(config: &ModelConfig, limits: &Limits) -> Self {
        let [residual, normed, query, key, value, attended, gate, up] =
            widths(config).map(|width| vec![0.0; limits.max_rows * width]);
        Self {
            residual,
            normed,
            query,
            key,
            value,
            attended,
            gate,
            up,
            logits: vec![0.0; limits.max_outputs * config.vocabulary],
            inputs: Inputs::new(limits.max_rows, widest(config)),
            positions: Vec::with_capacity(limits.max_rows),
            // Those of the step and, while rows are dropped, one for each row that stays.
            spans: Vec::with_capacity(limits.max_rows + limits.max_outputs),
            hidden: config.hidden,
        }
    }

    /// Takes over how the rows of a step belong together. The step was checked.
    pub(crate) fn begin(&mut self, step: &Step<'_>) {
        self.positions.clear();
        self.spans.clear();
        for span in step.spans {
            self.positions
                .extend(span.first_position..span.first_position + span.rows);
            self.spans.push(Span {
                first_row: span.first_row as usize,
                rows: span.rows as usize,
                first_position: span.first_position as usize,
                pages: span.pages.start as usize..span.pages.end as usize,
            });
        }
    }

    /// Rows that are still worked on.
    pub(crate) fn rows(&self) -> usize {
        self.positions.len()
    }

    /// The residual stream and the buffer for its normalised copy, as long as there are rows.
    pub(crate) fn residual_and_normed(&mut self) -> (&mut [f32], &mut [f32]) {
        let end = self.rows() * self.hidden;
        (&mut self.residual[..end], &mut self.normed[..end])
    }

    /// Drops all rows but these (ascending): the residual stream and its normalised copy move up,
    /// and each row becomes a span of its own.
    pub(crate) fn keep(&mut self, rows: &[u32]) {
        let hidden = self.hidden;
        let whole = self.spans.len();
        let mut source = 0;
        for (to, row) in rows.iter().enumerate() {
            let from = *row as usize;
            self.residual
                .copy_within(from * hidden..(from + 1) * hidden, to * hidden);
            self.normed
                .copy_within(from * hidden..(from + 1) * hidden, to * hidden);
            self.positions[to] = self.positions[from];
            while self.spans[source].first_row + self.spans[source].rows <= from {
                source += 1;
            }
            let pages = self.spans[source].pages.clone();
            let first_position = self.positions[to] as usize;
            self.spans.push(Span {
                first_row: to,
                rows: 1,
                first_position,
                pages,
            });
        }
        self.positions.truncate(rows.len());
        self.spans.drain(..whole);
    }
}
