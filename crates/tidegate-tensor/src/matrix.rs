//! Weights, repacked for the kernels.

use tidegate_base::DType;

use crate::error::{TensorError, check_bytes};
use crate::pool::Pool;

/// A matrix of weights in the order in which the kernels read it.
#[derive(Debug)]
pub struct Matrix {
    pub(crate) dtype: DType,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) data: Vec<u8>,
}

impl Matrix {
    /// Packs `rows` x `cols` weights (outputs x inputs, row-major, as files hold them). Exact: no
    /// weight changes its value.
    ///
    /// # Errors
    ///
    /// [`TensorError`] if a dimension is zero, a row is not a whole number of blocks, or `data` has
    /// another length than the shape needs.
    pub fn pack(
        pool: &Pool,
        dtype: DType,
        rows: usize,
        cols: usize,
        data: &[u8],
    ) -> Result<Self, TensorError> {
        let _ = pool;
        for (what, value) in [("rows", rows), ("cols", cols)] {
            if value == 0 {
                let expected = "at least 1";
                return Err(TensorError::Dimension {
                    what,
                    value,
                    expected,
                });
            }
        }
        let block = dtype.block_len();
        if !cols.is_multiple_of(block) {
            return Err(TensorError::Columns { dtype, cols, block });
        }
        let elements = rows.checked_mul(cols).ok_or(TensorError::Dimension {
            what: "rows",
            value: rows,
            expected: "a matrix that fits in memory",
        })?;
        check_bytes(dtype, elements, data.len())?;
        Ok(Self {
            dtype,
            rows,
            cols,
            data: data.to_vec(),
        })
    }

    /// Outputs: the width of a row of results.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs: the width of a row of activations.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The type that the weights had in their file.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Memory that the packed weights take.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }
}
