//! What can be wrong with the bytes and shapes that come in from files.

use tidegate_base::DType;

/// Why a tensor could not be read or packed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// The bytes are too few or too many.
    #[error("tensor of `{dtype}` has {bytes} bytes, expected {expected}")]
    Bytes {
        /// The type of the elements.
        dtype: DType,
        /// The bytes that came.
        bytes: usize,
        /// The bytes that the shape needs.
        expected: usize,
    },
    /// A row is not a whole number of blocks.
    #[error("row of `{dtype}` has {cols} elements, expected a multiple of {block}")]
    Columns {
        /// The type of the elements.
        dtype: DType,
        /// Elements in a row.
        cols: usize,
        /// Elements in a block.
        block: usize,
    },
    /// A dimension is zero, or the sizes overflow.
    #[error("`{what}` of {value} cannot be used, expected {expected}")]
    Dimension {
        /// The dimension.
        what: &'static str,
        /// What it was.
        value: usize,
        /// What it may be.
        expected: &'static str,
    },
}

/// Checks that `bytes` hold `elements` of `dtype`.
pub(crate) fn check_bytes(dtype: DType, elements: usize, bytes: usize) -> Result<(), TensorError> {
    let expected = dtype.bytes_for(elements).ok_or(TensorError::Columns {
        dtype,
        cols: elements,
        block: dtype.block_len(),
    })?;
    if bytes == expected {
        Ok(())
    } else {
        Err(TensorError::Bytes {
            dtype,
            bytes,
            expected,
        })
    }
}
