//! The buffers of one planned step, kept from step to step.

use super::{Limits, Output, Purpose, SequenceId, Step, StepSpan};
use crate::sequence::Sequence;

/// One planned step. Its buffers are as large as any step can be, so that nothing grows later.
#[derive(Debug)]
pub(super) struct Plan {
    purpose: Purpose,
    tokens: Vec<u32>,
    spans: Vec<StepSpan>,
    page_table: Vec<u32>,
    rows_wanted: Vec<u32>,
    outputs: Vec<Output>,
    owners: Vec<SequenceId>,
}

impl Plan {
    /// Room for steps within these limits, of sequences with at most `pages` pages.
    pub(super) fn new(limits: &Limits, pages: usize) -> Self {
        Self {
            purpose: Purpose::Generate,
            tokens: Vec::with_capacity(limits.rows),
            spans: Vec::with_capacity(limits.running),
            page_table: Vec::with_capacity(limits.running * pages),
            rows_wanted: Vec::with_capacity(limits.outputs),
            outputs: Vec::with_capacity(limits.outputs),
            owners: Vec::with_capacity(limits.running),
        }
    }

    pub(super) fn clear(&mut self) {
        self.clear_rows();
        self.outputs.clear();
    }

    /// Forgets the rows, but not whose logits were asked for.
    pub(super) fn clear_rows(&mut self) {
        self.tokens.clear();
        self.spans.clear();
        self.page_table.clear();
        self.rows_wanted.clear();
        self.owners.clear();
    }

    pub(super) fn set_purpose(&mut self, purpose: Purpose) {
        self.purpose = purpose;
    }

    pub(super) fn purpose(&self) -> Purpose {
        self.purpose
    }

    pub(super) fn rows(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    pub(super) fn owners(&self) -> &[SequenceId] {
        &self.owners
    }

    /// Whose rows a span is, and how many.
    pub(super) fn share(&self, span: usize) -> (SequenceId, usize) {
        (self.owners[span], self.spans[span].rows as usize)
    }

    pub(super) fn step(&self) -> Step<'_> {
        Step {
            tokens: &self.tokens,
            spans: &self.spans,
            page_table: &self.page_table,
            outputs: &self.rows_wanted,
        }
    }

    /// Adds the next `rows` tokens of a sequence whose pages are all there.
    pub(super) fn push(&mut self, id: SequenceId, sequence: &Sequence, rows: usize) {
        let (first, start, end) = (self.tokens.len(), sequence.computed, sequence.computed + rows);
        self.tokens.extend_from_slice(&sequence.tokens[start..end]);
        let table = self.page_table.len();
        self.page_table.extend_from_slice(&sequence.pages);
        self.spans.push(StepSpan {
            first_row: short(first),
            rows: short(rows),
            first_position: short(start),
            pages: short(table)..short(self.page_table.len()),
        });
        self.owners.push(id);
        if sequence.arrival.purpose == Purpose::Embed {
            return;
        }
        for row in 0..rows {
            let position = start + row + 1;
            let chooses = position == sequence.tokens.len() && sequence.arrival.max_tokens > 0;
            let scores = sequence.arrival.score_prompt && position < sequence.prompt_len;
            if chooses || scores {
                self.rows_wanted.push(short(first + row));
                let known = sequence.tokens.get(position).copied();
                self.outputs.push(Output { id, position, known });
            }
        }
    }
}

/// Counts in a step are far below `u32::MAX`: the limits that made the buffers are.
fn short(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
