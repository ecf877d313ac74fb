//! Matrices times rows of activations.

#![expect(
    unsafe_code,
    reason = "the parts of a job write to results that do not overlap"
)]

mod inputs;

use crate::kernel;
use crate::matrix::Matrix;
use crate::panel::{Float, Format, ROWS, Scales, Sums, TILE, Tile, Wants, Width, tiles};
use crate::pool::{Pool, Shared};

pub use inputs::{Inputs, Loaded};

/// Panels that share a pass over the activations of many tokens: their codes stay in the
/// second-level cache meanwhile.
const PANELS_PER_PASS: usize = 8;
/// Columns of plain numbers that a pass covers, for the same reason.
const COLUMNS_PER_PASS: usize = 1024;
/// Work parts for each thread, so that a thread that was held up does not hold up the others.
const PARTS_PER_THREAD: usize = 4;

/// `out = inputs x matrix^T`: `tokens` x [`Matrix::rows`], row-major.
///
/// Integer formats meet activations rounded to eight bits with a scale for each 32; the others
/// multiply in single precision. A result does not depend on the number of threads.
///
/// # Panics
///
/// If the columns of `matrix` are not those of `inputs`, or `out` has another length.
pub fn matmul(pool: &Pool, matrix: &Matrix, inputs: &mut Loaded<'_>, out: &mut [f32]) {
    matmul_each(pool, [(matrix, out)], inputs);
}

/// [`matmul`] with several matrices, each with its results. Matrices that want the activations in
/// the same form are one job of the pool, so that the threads wait for each other once.
///
/// # Panics
///
/// If the columns of a matrix are not those of `inputs`, or results have another length.
pub fn matmul_each<const N: usize>(
    pool: &Pool,
    products: [(&Matrix, &mut [f32]); N],
    inputs: &mut Loaded<'_>,
) {
    let panels = products.iter().map(|(matrix, _)| matrix.panels()).sum();
    let part = panels_per_part(pool, panels, inputs.tokens);
    let products = products.map(|(matrix, out)| Product::new(matrix, out, inputs));
    for alike in products.chunk_by(|a, b| a.matrix.format().wants() == b.matrix.format().wants()) {
        match alike[0].matrix.format().wants() {
            Wants::Rounded(starts) => inputs.round(pool, starts),
            Wants::Spread => inputs.spread(pool),
        }
        let parts = alike.iter().map(|product| product.parts(part)).sum();
        let inputs = &*inputs;
        pool.run(parts, &|mut number| {
            for product in alike {
                let parts = product.parts(part);
                if number < parts {
                    return product.compute(pool, number * part, part, inputs);
                }
                number -= parts;
            }
        });
    }
}

/// A matrix and where its results go.
struct Product<'a> {
    matrix: &'a Matrix,
    results: Results<'a>,
}

impl<'a> Product<'a> {
    fn new(matrix: &'a Matrix, out: &'a mut [f32], inputs: &Loaded<'_>) -> Self {
        assert_eq!(
            matrix.cols(),
            inputs.cols,
            "activations and matrix differ in columns"
        );
        assert_eq!(
            out.len(),
            inputs.tokens * matrix.rows(),
            "results do not have their shape"
        );
        let results = Results {
            out: Shared::new(out),
            rows: matrix.rows(),
        };
        Self { matrix, results }
    }

    /// Parts of `part` panels.
    fn parts(&self, part: usize) -> usize {
        self.matrix.panels().div_ceil(part)
    }

    /// The results of up to `len` panels.
    fn compute(&self, pool: &Pool, first: usize, len: usize, inputs: &Loaded<'_>) {
        let panels = first..self.matrix.panels().min(first + len);
        for first in panels.clone().step_by(PANELS_PER_PASS) {
            let pass = first..panels.end.min(first + PANELS_PER_PASS);
            match self.matrix.format() {
                Format::Integer(width, scales) => {
                    int_pass(pool, self.matrix, (width, scales), pass, inputs, &self.results);
                }
                Format::Float(float) => float_pass(pool, self.matrix, float, pass, inputs, &self.results),
            }
        }
    }
}

/// How many panels a thread takes at a time: an even number, because the kernels of plain numbers
/// like pairs, and few enough that all threads end together.
fn panels_per_part(pool: &Pool, panels: usize, tokens: usize) -> usize {
    let fair = panels
        .div_ceil(pool.threads() * PARTS_PER_THREAD)
        .next_multiple_of(2);
    if tokens > 1 {
        fair.min(PANELS_PER_PASS)
    } else {
        fair
    }
}

/// Where results go: `tokens` x `rows`.
struct Results<'a> {
    out: Shared<'a, f32>,
    rows: usize,
}

impl Results<'_> {
    /// The results of one token and one panel: up to sixteen.
    ///
    /// # Safety
    ///
    /// The panel must belong to the calling part, which may hold no other borrow of these results.
    #[expect(clippy::mut_from_ref, reason = "panels belong to one part each")]
    unsafe fn of(&self, token: usize, panel: usize) -> &mut [f32] {
        let row = panel * ROWS;
        // SAFETY: results of different tokens or panels do not overlap; the rest is the caller's.
        unsafe { self.out.piece(token * self.rows + row, ROWS.min(self.rows - row)) }
    }
}

/// Products of integers: some panels with every tile of activations, which stays in the first-level
/// cache from panel to panel.
fn int_pass(
    pool: &Pool,
    matrix: &Matrix,
    (width, scales): (Width, Scales),
    panels: std::ops::Range<usize>,
    inputs: &Loaded<'_>,
    results: &Results<'_>,
) {
    let mut sums = [[0.0; ROWS]; TILE];
    for tile in tiles(inputs.tokens, kernel::int_widths(pool.cpu())) {
        let activations = inputs.int_tile(tile);
        for panel in panels.clone() {
            let weights = matrix.int_panel(width, scales, panel);
            kernel::integer(pool.cpu(), weights, activations, &mut sums);
            for (token, sums) in sums.iter().take(tile.tokens).enumerate() {
                // SAFETY: `panels` belong to this part; the borrow ends with the statement.
                let out = unsafe { results.of(tile.first + token, panel) };
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
    }
}

/// Products of plain numbers: in pieces of columns, so that the weights of a pass stay near; sums so
/// far wait in the results.
fn float_pass(
    pool: &Pool,
    matrix: &Matrix,
    float: Float,
    panels: std::ops::Range<usize>,
    inputs: &Loaded<'_>,
    results: &Results<'_>,
) {
    let step = if inputs.tokens > 1 {
        COLUMNS_PER_PASS
    } else {
        matrix.cols()
    };
    let mut sums = [[[0.0; ROWS]; TILE]; 2];
    for from in (0..matrix.cols()).step_by(step) {
        let len = step.min(matrix.cols() - from);
        for tile in tiles(inputs.tokens, kernel::float_widths(pool.cpu())) {
            let activations = inputs.float_tile(tile, from, len);
            for first in panels.clone().step_by(2) {
                let pair = first..panels.end.min(first + 2);
                for (panel, sums) in pair.clone().zip(&mut sums) {
                    begin(from, tile, panel, results, sums);
                }
                let weights = |panel| matrix.float_panel(float, panel, from, len);
                if pair.len() == 2 {
                    let weights = [weights(first), weights(first + 1)];
                    kernel::float_pair(pool.cpu(), weights, activations, &mut sums);
                } else {
                    kernel::float(pool.cpu(), weights(first), activations, &mut sums[0]);
                }
                for (panel, sums) in pair.zip(&sums) {
                    for (token, sums) in sums.iter().take(tile.tokens).enumerate() {
                        // SAFETY: `panels` belong to this part; the borrow ends with the statement.
                        let out = unsafe { results.of(tile.first + token, panel) };
                        out.copy_from_slice(&sums[..out.len()]);
                    }
                }
            }
        }
    }
}

/// The sums that a pass over columns from `from` begins with: zero, or what was reached so far.
fn begin(from: usize, tile: Tile, panel: usize, results: &Results<'_>, sums: &mut [Sums; TILE]) {
    if from == 0 {
        sums[..tile.width].fill([0.0; ROWS]);
        return;
    }
    for (token, sums) in sums.iter_mut().take(tile.tokens).enumerate() {
        // SAFETY: the caller's part owns the panel; the borrow ends with the statement.
        let out = unsafe { results.of(tile.first + token, panel) };
        sums[..out.len()].copy_from_slice(out);
    }
}

#[cfg(test)]
mod tests;
