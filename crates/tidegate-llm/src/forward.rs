//! One step of a model over a mixed batch: the seam between the scheduler and the model.
//!
//! The model owns the memory of keys and values; the scheduler owns page numbers only. A step is a
//! list of rows (tokens), cut into spans (consecutive tokens of one sequence): a prompt, a piece of
//! a prompt, or a single token that was sampled a step ago.

use std::ops::Range;

/// What to compute in one step. Borrowed from buffers that the scheduler keeps from step to step.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The tokens of all spans, one after another: the rows of the step.
    pub tokens: &'a [u32],
    /// How the rows belong to sequences; together the spans cover every row once, in order.
    pub spans: &'a [StepSpan],
    /// The page lists of all spans, one after another.
    pub page_table: &'a [u32],
    /// The rows whose logits are wanted, ascending.
    pub outputs: &'a [u32],
}

/// Consecutive tokens of one sequence.
///
/// In each layer every span's keys and values are stored before any span reads. So a span may read
/// pages that another span of the same step fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSpan {
    /// The first row.
    pub first_row: u32,
    /// How many rows; at least one.
    pub rows: u32,
    /// The position of the first row in its sequence, from 0.
    pub first_position: u32,
    /// Where the sequence's pages stand in `page_table`. The token at position `p` lives in the page
    /// `page_table[pages.start + p / page_size]`, slot `p % page_size`. Pages wholly before the
    /// model's attention window are never read; any valid number may stand there.
    pub pages: Range<u32>,
}

/// A step does not fit the model. Nothing was computed or stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// More rows than the buffers hold, or none.
    #[error("the step has {rows} rows, expected 1 to {most}")]
    Rows {
        /// Rows in the step.
        rows: usize,
        /// What the model was loaded for.
        most: usize,
    },
    /// A token that the model does not know.
    #[error("token {token} in row {row} is not in the vocabulary of {vocabulary}")]
    Token {
        /// The row.
        row: usize,
        /// The token.
        token: u32,
        /// How many tokens the model knows.
        vocabulary: usize,
    },
    /// The spans leave a gap, overlap, or end before or after the last row.
    #[error(
        "span {span} does not begin where the one before it ends, or is empty, or the spans do not end at the last row"
    )]
    Spans {
        /// The span.
        span: usize,
    },
    /// A span goes past the positions that the model knows.
    #[error("span {span} reaches position {position}, expected less than {context}")]
    Position {
        /// The span.
        span: usize,
        /// Its last position.
        position: u64,
        /// How many positions the model knows.
        context: usize,
    },
    /// A span's page list is outside the page table, too short, or names a page that does not exist.
    #[error("span {span} has no valid page list: expected {needed} pages below {pages} in the page table")]
    Pages {
        /// The span.
        span: usize,
        /// Pages that its positions need.
        needed: usize,
        /// Pages that exist.
        pages: usize,
    },
    /// Rows whose logits are wanted do not exist, or are not in ascending order.
    #[error("output {output} is not a row after the one before it")]
    Outputs {
        /// Its place in the list.
        output: usize,
    },
}

/// Runs a model.
pub trait Forward: Send {
    /// How many tokens the model knows: the width of a row of logits.
    fn vocabulary(&self) -> usize;
    /// The width of a hidden state.
    fn hidden(&self) -> usize;
    /// How many positions a sequence may have.
    fn context_length(&self) -> usize;
    /// How many tokens a page of keys and values holds.
    fn page_size(&self) -> usize;
    /// How many pages there are.
    fn pages(&self) -> usize;
    /// The most rows that a step may have.
    fn max_rows(&self) -> usize;
    /// The most rows that may ask for logits in one step.
    fn max_outputs(&self) -> usize {
        self.max_rows()
    }

    /// Computes one step: stores the keys and values of its rows, and answers with the logits of
    /// the rows in `step.outputs`, row after row, each `vocabulary` wide. Allocates nothing.
    fn forward(&mut self, step: &Step<'_>) -> Result<&[f32], StepError>;

    /// Computes one step like `forward`, but answers with the hidden state of every row after the
    /// last normalisation, row after row, each `hidden` wide. `step.outputs` is not looked at.
    fn hidden_states(&mut self, step: &Step<'_>) -> Result<&[f32], StepError>;
}

impl Step<'_> {
    /// Whether the step fits `model`; what every implementation asks first.
    pub fn check<F: Forward + ?Sized>(&self, model: &F) -> Result<(), StepError> {
        let (rows, most) = (self.tokens.len(), model.max_rows());
        if rows == 0 || rows > most {
            return Err(StepError::Rows { rows, most });
        }
        let vocabulary = model.vocabulary();
        if let Some(row) = self.tokens.iter().position(|token| *token as usize >= vocabulary) {
            let token = self.tokens[row];
            return Err(StepError::Token {
                row,
                token,
                vocabulary,
            });
        }
        let mut next_row = 0;
        for (number, span) in self.spans.iter().enumerate() {
            if span.rows == 0 || span.first_row as usize != next_row {
                return Err(StepError::Spans { span: number });
            }
            next_row += span.rows as usize;
            self.check_pages(model, number, span)?;
        }
        if next_row != rows {
            return Err(StepError::Spans {
                span: self.spans.len().saturating_sub(1),
            });
        }
        self.check_outputs(model)
    }

    fn check_pages<F: Forward + ?Sized>(
        &self,
        model: &F,
        number: usize,
        span: &StepSpan,
    ) -> Result<(), StepError> {
        let end = u64::from(span.first_position) + u64::from(span.rows);
        let context = model.context_length();
        if end > context as u64 {
            return Err(StepError::Position {
                span: number,
                position: end - 1,
                context,
            });
        }
        let end = span.first_position as usize + span.rows as usize;
        let (needed, pages) = (end.div_ceil(model.page_size()), model.pages());
        let list = self
            .page_table
            .get(span.pages.start as usize..span.pages.end as usize)
            .unwrap_or_default();
        if list.len() < needed || list.iter().any(|page| *page as usize >= pages) {
            return Err(StepError::Pages {
                span: number,
                needed,
                pages,
            });
        }
        Ok(())
    }

    fn check_outputs<F: Forward + ?Sized>(&self, model: &F) -> Result<(), StepError> {
        let mut least = 0;
        for (output, row) in self.outputs.iter().enumerate() {
            let row = *row as usize;
            if row < least || row >= self.tokens.len() || output >= model.max_outputs() {
                return Err(StepError::Outputs { output });
            }
            least = row + 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 pages of 8 tokens, 16 tokens in the vocabulary.
    struct Small;

    impl Forward for Small {
        fn vocabulary(&self) -> usize {
            16
        }
        fn hidden(&self) -> usize {
            1
        }
        fn context_length(&self) -> usize {
            20
        }
        fn page_size(&self) -> usize {
            8
        }
        fn pages(&self) -> usize {
            4
        }
        fn max_rows(&self) -> usize {
            6
        }
        fn forward(&mut self, _: &Step<'_>) -> Result<&[f32], StepError> {
            Ok(&[])
        }
        fn hidden_states(&mut self, _: &Step<'_>) -> Result<&[f32], StepError> {
            Ok(&[])
        }
    }

    fn span(first_row: u32, rows: u32, first_position: u32, pages: Range<u32>) -> StepSpan {
        StepSpan {
            first_row,
            rows,
            first_position,
            pages,
        }
    }

    fn check(
        tokens: &[u32],
        spans: &[StepSpan],
        page_table: &[u32],
        outputs: &[u32],
    ) -> Result<(), StepError> {
        Step {
            tokens,
            spans,
            page_table,
            outputs,
        }
        .check(&Small)
    }

    #[test]
    fn a_mixed_step_is_accepted() {
        let spans = [span(0, 3, 7, 0..2), span(3, 1, 19, 2..5)];
        assert_eq!(check(&[1, 2, 3, 4], &spans, &[0, 1, 2, 3, 0], &[2, 3]), Ok(()));
    }

    #[test]
    fn each_mismatch_is_named() {
        let one = [span(0, 1, 0, 0..1)];
        for (error, result) in [
            (StepError::Rows { rows: 0, most: 6 }, check(&[], &[], &[], &[])),
            (
                StepError::Rows { rows: 7, most: 6 },
                check(&[0; 7], &[], &[], &[]),
            ),
            (
                StepError::Token {
                    row: 0,
                    token: 16,
                    vocabulary: 16,
                },
                check(&[16], &one, &[0], &[]),
            ),
            (StepError::Spans { span: 0 }, check(&[0], &[], &[0], &[])),
            (
                StepError::Spans { span: 0 },
                check(&[0], &[span(0, 0, 0, 0..1)], &[0], &[]),
            ),
            (StepError::Spans { span: 0 }, check(&[0, 0], &one, &[0], &[])),
            (
                StepError::Spans { span: 0 },
                check(&[0], &[span(1, 1, 0, 0..1)], &[0], &[]),
            ),
            (
                StepError::Position {
                    span: 0,
                    position: 20,
                    context: 20,
                },
                check(&[0], &[span(0, 1, 20, 0..3)], &[0, 1, 2], &[]),
            ),
            (
                StepError::Pages {
                    span: 0,
                    needed: 2,
                    pages: 4,
                },
                check(&[0], &[span(0, 1, 8, 0..1)], &[0], &[]),
            ),
            (
                StepError::Pages {
                    span: 0,
                    needed: 1,
                    pages: 4,
                },
                check(&[0], &one, &[], &[]),
            ),
            (
                StepError::Pages {
                    span: 0,
                    needed: 1,
                    pages: 4,
                },
                check(&[0], &one, &[4], &[]),
            ),
            (StepError::Outputs { output: 0 }, check(&[0], &one, &[0], &[1])),
            (StepError::Outputs { output: 1 }, check(&[0], &one, &[0], &[0, 0])),
        ] {
            assert_eq!(result, Err(error));
        }
    }
}
