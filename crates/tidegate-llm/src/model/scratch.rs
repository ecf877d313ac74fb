//! The buffers of a step, reserved once for the largest step.

use tidegate_tensor::{Inputs, Span};
use tidegate_weights::ModelConfig;

use crate::forward::Step;
use crate::load::Limits;

/// Buffers of one step. Each holds one row for each token of the step, one after another.
#[derive(Debug)]
pub(crate) struct Scratch {
    widths: Widths,
    residual: Vec<f32>,
    normed: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    attended: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    logits: Vec<f32>,
    inputs: Inputs,
    positions: Vec<u32>,
    spans: Vec<Span>,
}

/// The buffers of a [`Scratch`], cut to the rows that are worked on.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    /// How many there are.
    pub(crate) count: usize,
    /// What flows through the layers.
    pub(crate) residual: &'a mut [f32],
    /// A normalised copy of it; then what a block adds to it.
    pub(crate) normed: &'a mut [f32],
    pub(crate) query: &'a mut [f32],
    pub(crate) key: &'a mut [f32],
    pub(crate) value: &'a mut [f32],
    pub(crate) attended: &'a mut [f32],
    pub(crate) gate: &'a mut [f32],
    pub(crate) up: &'a mut [f32],
    /// As long as the rows may ask for logits; else empty.
    pub(crate) logits: &'a mut [f32],
    /// Activations as the kernels want them.
    pub(crate) inputs: &'a mut Inputs,
    /// The position of each row.
    pub(crate) positions: &'a [u32],
    /// Which rows belong together.
    pub(crate) spans: &'a [Span],
}

/// Elements of a row in each kind of buffer.
#[derive(Debug, Clone, Copy)]
struct Widths {
    hidden: usize,
    query: usize,
    kv: usize,
    ffn: usize,
    vocabulary: usize,
}

impl Widths {
    fn of(config: &ModelConfig) -> Self {
        Self {
            hidden: config.hidden,
            query: config.query_width(),
            kv: config.kv_width(),
            ffn: config.ffn,
            vocabulary: config.vocabulary,
        }
    }

    /// The widest row that meets a matrix.
    fn widest(self) -> usize {
        self.hidden.max(self.query).max(self.ffn)
    }
}

impl Scratch {
    /// Memory that the buffers for these limits take.
    pub(crate) fn bytes(config: &ModelConfig, limits: &Limits) -> u64 {
        let widths = Widths::of(config);
        let row = 2 * (widths.hidden + widths.query + widths.kv + widths.ffn);
        let rows = limits.max_rows.saturating_mul(row);
        let logits = limits.max_outputs.saturating_mul(widths.vocabulary);
        let inputs = Inputs::bytes(limits.max_rows, widths.widest());
        (rows.saturating_add(logits).saturating_mul(size_of::<f32>())).saturating_add(inputs) as u64
    }

    /// Reserves the buffers.
    pub(crate) fn new(config: &ModelConfig, limits: &Limits) -> Self {
        let widths = Widths::of(config);
        let rows = |width: usize| vec![0.0; limits.max_rows * width];
        Self {
            widths,
            residual: rows(widths.hidden),
            normed: rows(widths.hidden),
            query: rows(widths.query),
            key: rows(widths.kv),
            value: rows(widths.kv),
            attended: rows(widths.query),
            gate: rows(widths.ffn),
            up: rows(widths.ffn),
            logits: vec![0.0; limits.max_outputs * widths.vocabulary],
            inputs: Inputs::new(limits.max_rows, widths.widest()),
            positions: Vec::with_capacity(limits.max_rows),
            // Those of the step and, while rows are dropped, one for each row that stays.
            spans: Vec::with_capacity(limits.max_rows + limits.max_outputs),
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

    /// The rows that are worked on.
    pub(crate) fn rows(&mut self) -> Rows<'_> {
        let count = self.positions.len();
        let Widths {
            hidden,
            query,
            kv,
            ffn,
            vocabulary,
        } = self.widths;
        Rows {
            count,
            residual: &mut self.residual[..count * hidden],
            normed: &mut self.normed[..count * hidden],
            query: &mut self.query[..count * query],
            key: &mut self.key[..count * kv],
            value: &mut self.value[..count * kv],
            attended: &mut self.attended[..count * query],
            gate: &mut self.gate[..count * ffn],
            up: &mut self.up[..count * ffn],
            logits: self.logits.get_mut(..count * vocabulary).unwrap_or_default(),
            inputs: &mut self.inputs,
            positions: &self.positions,
            spans: &self.spans,
        }
    }

    /// Drops all rows but these (ascending): the residual stream and its normalised copy move up,
    /// and each row becomes a span of its own.
    pub(crate) fn keep(&mut self, rows: &[u32]) {
        let hidden = self.widths.hidden;
        let whole = self.spans.len();
        let mut source = 0;
        for (to, row) in rows.iter().enumerate() {
            let from = *row as usize;
            for buffer in [&mut self.residual, &mut self.normed] {
                buffer.copy_within(from * hidden..(from + 1) * hidden, to * hidden);
            }
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
