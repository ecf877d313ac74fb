//! The embedding table: rows that stay in the mapped file until a token asks for one.

use tidegate_base::DType;
use tidegate_tensor::TensorError;
use tidegate_tensor::dequant::dequantize;

use crate::load::{Mapped, row_bytes};

/// One row of numbers for each token.
#[derive(Debug)]
pub(crate) struct Embedding {
    rows: Mapped,
    dtype: DType,
    row_bytes: usize,
}

impl Embedding {
    /// A table of rows of `columns` elements.
    pub(crate) fn new(rows: Mapped, dtype: DType, columns: usize) -> Result<Self, TensorError> {
        let row_bytes = row_bytes(dtype, columns)?;
        Ok(Self {
            rows,
            dtype,
            row_bytes,
        })
    }

    /// Writes the row of `token`, which is in the vocabulary.
    #[expect(
        clippy::expect_used,
        reason = "the sizes were checked when the table was made"
    )]
    pub(crate) fn look_up(&self, token: u32, out: &mut [f32]) {
        let start = token as usize * self.row_bytes;
        let row = &self.rows[start..start + self.row_bytes];
        dequantize(self.dtype, row, out).expect("a row of the table has the size of a row");
    }
}
