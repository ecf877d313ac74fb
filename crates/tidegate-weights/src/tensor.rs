//! One tensor's bytes, with their meaning.

use std::borrow::Cow;
use std::fmt;

use tidegate_base::DType;

/// A tensor that lies in a mapped file.
#[derive(Clone, PartialEq, Eq)]
pub struct TensorView<'a> {
    /// The name; from a [`crate::Checkpoint`] it is GGUF's name for it.
    pub name: Cow<'a, str>,
    /// The type of the elements.
    pub dtype: DType,
    /// Row-major, outermost dimension first: a matrix is `[rows (outputs), columns (inputs)]`.
    pub shape: Vec<usize>,
    /// Exactly the bytes that `dtype` and `shape` need, little-endian. Not necessarily aligned to
    /// the element.
    pub data: &'a [u8],
}

impl TensorView<'_> {
    /// The product of the dimensions. The readers have checked that it does not overflow.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

impl fmt::Debug for TensorView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Gigabytes of weights do not belong in a log.
        write!(f, "TensorView({} {} {:?})", self.name, self.dtype, self.shape)
    }
}
