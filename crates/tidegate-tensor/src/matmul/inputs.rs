//! Activations in the forms that the kernels want.

#![expect(unsafe_code, reason = "the parts of a job write to tiles that do not overlap")]

use crate::buffer::Buffer;
use crate::kernel;
use crate::panel::{BLOCK, Codes, FloatTile, IntTile, Starts, TILE, Tile, tiles};
use crate::pool::{Pool, Shared};

/// Room for the activations of a step in the forms that the kernels want. Made once for the largest
/// step; [`Inputs::load`] and [`matmul`](super::matmul()) then allocate nothing.
#[derive(Debug)]
pub struct Inputs {
    max_tokens: usize,
    max_cols: usize,
    rounded: Rounded,
    /// Tile by tile `[column][token]`.
    floats: Buffer<f32>,
}

/// Activations rounded to eight bits, tile by tile.
#[derive(Debug)]
struct Rounded {
    codes: Buffer<Codes>,
    scales: Buffer<f32>,
    sums: Buffer<f32>,
    /// For each block and token the sums of the rounded activations of its two halves, from which
    /// `starts` are made when a format asks for them.
    halves: Buffer<[i32; 2]>,
    starts: Buffer<i32>,
}

/// Activations ready to meet any number of matrices; brought into the form that a matrix wants when
/// the first such matrix comes.
#[derive(Debug)]
pub struct Loaded<'a> {
    inputs: &'a mut Inputs,
    values: &'a [f32],
    pub(super) tokens: usize,
    pub(super) cols: usize,
    is_rounded: bool,
    is_spread: bool,
    starts: Starts,
}

impl Inputs {
    /// Memory that room for `max_tokens` rows of `max_cols` takes.
    pub fn bytes(max_tokens: usize, max_cols: usize) -> usize {
        let block = size_of::<Codes>() + 2 * size_of::<f32>() + 4 * size_of::<i32>();
        let token = max_cols.div_ceil(BLOCK) * block + max_cols * size_of::<f32>();
        (max_tokens + TILE).saturating_mul(token)
    }

    /// Room for `max_tokens` rows of `max_cols`.
    pub fn new(max_tokens: usize, max_cols: usize) -> Self {
        // The last tile may be padded.
        let tokens = max_tokens + TILE;
        let blocks = tokens * max_cols.div_ceil(BLOCK);
        Self {
            max_tokens,
            max_cols,
            rounded: Rounded {
                codes: Buffer::zeroed(blocks),
                scales: Buffer::zeroed(blocks),
                sums: Buffer::zeroed(blocks),
                halves: Buffer::zeroed(blocks),
                starts: Buffer::zeroed(blocks * 2),
            },
            floats: Buffer::zeroed(tokens * max_cols),
        }
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
        Loaded {
            inputs: self,
            values,
            tokens,
            cols,
            is_rounded: false,
            is_spread: false,
            starts: Starts::Zero,
        }
    }
}

impl Loaded<'_> {
    /// Rounds to eight bits, unless that is done, and makes the starts of the accumulators.
    pub(super) fn round(&mut self, pool: &Pool, starts: Starts) {
        if !self.is_rounded {
            self.is_rounded = true;
            self.round_all(pool);
        }
        if self.starts != starts {
            self.starts = starts;
            self.make_starts(pool);
        }
    }

    fn round_all(&mut self, pool: &Pool) {
        let (values, cols, tokens) = (self.values, self.cols, self.tokens);
        let blocks = cols / BLOCK;
        let widths = kernel::int_widths(pool.cpu());
        let codes = Shared::new(self.inputs.rounded.codes.as_mut_slice());
        let scales = Shared::new(self.inputs.rounded.scales.as_mut_slice());
        let sums = Shared::new(self.inputs.rounded.sums.as_mut_slice());
        let halves = Shared::new(self.inputs.rounded.halves.as_mut_slice());
        pool.run(tiles(tokens, widths).count(), &|number| {
            for tile in tiles(tokens, widths).skip(number).take(1) {
                let (from, len) = (tile.first * blocks, tile.width * blocks);
                // SAFETY: tile `number` belongs to this part alone, and the elements
                // `first * blocks .. (first + width) * blocks` of each buffer to the tile: only the
                // last tile is wider than its tokens.
                let codes = unsafe { codes.piece(from, len) };
                // SAFETY: as above.
                let scales = unsafe { scales.piece(from, len) };
                // SAFETY: as above.
                let sums = unsafe { sums.piece(from, len) };
                // SAFETY: as above.
                let halves = unsafe { halves.piece(from, len) };
                let rows = &values[tile.first * cols..][..tile.tokens * cols];
                for token in 0..tile.width {
                    let row = rows.get(token * cols..).and_then(|rows| rows.get(..cols));
                    let places = token..;
                    let target = kernel::RoundedRow {
                        codes: &mut codes[places.clone()],
                        scales: &mut scales[places.clone()],
                        sums: &mut sums[places.clone()],
                        halves: &mut halves[places],
                        stride: tile.width,
                    };
                    match row {
                        Some(row) => kernel::round(pool.cpu(), row, target),
                        None => target.clear(),
                    }
                }
            }
        });
    }

    /// Makes the starts from the sums of the halves: cheap beside everything else, so they are made
    /// anew whenever a matrix of another format comes.
    fn make_starts(&mut self, pool: &Pool) {
        let blocks = self.cols / BLOCK;
        let rounded = &mut self.inputs.rounded;
        let halves = rounded.halves.as_slice();
        let starts = rounded.starts.as_mut_slice();
        for tile in tiles(self.tokens, kernel::int_widths(pool.cpu())) {
            let (from, len) = (tile.first * blocks, tile.width * blocks);
            let halves = &halves[from..][..len];
            match self.starts {
                Starts::Zero => {}
                Starts::Block(offset) => {
                    for (start, halves) in starts[from..][..len].iter_mut().zip(halves) {
                        *start = -offset * (halves[0] + halves[1]);
                    }
                }
                Starts::Halves(offset) => {
                    let starts = starts[2 * from..][..2 * len].chunks_exact_mut(2 * tile.width);
                    for (starts, halves) in starts.zip(halves.chunks_exact(tile.width)) {
                        let (low, high) = starts.split_at_mut(tile.width);
                        for ((low, high), halves) in low.iter_mut().zip(high).zip(halves) {
                            *low = -offset * halves[0];
                            *high = -offset * halves[1];
                        }
                    }
                }
            }
        }
    }

    /// The rounded activations of a tile.
    pub(super) fn int_tile(&self, tile: Tile) -> IntTile<'_> {
        let blocks = self.cols / BLOCK;
        let (from, len) = (tile.first * blocks, tile.width * blocks);
        let rounded = &self.inputs.rounded;
        let starts = match self.starts {
            Starts::Zero => 0..0,
            Starts::Block(_) => from..from + len,
            Starts::Halves(_) => 2 * from..2 * (from + len),
        };
        IntTile {
            tokens: tile.width,
            codes: &rounded.codes.as_slice()[from..][..len],
            scales: &rounded.scales.as_slice()[from..][..len],
            starts: &rounded.starts.as_slice()[starts],
            sums: &rounded.sums.as_slice()[from..][..len],
        }
    }

    /// Brings the activations into the order of tiles, unless that is done.
    pub(super) fn spread(&mut self, pool: &Pool) {
        if self.is_spread {
            return;
        }
        self.is_spread = true;
        let (values, cols, tokens) = (self.values, self.cols, self.tokens);
        let widths = kernel::float_widths(pool.cpu());
        let floats = Shared::new(self.inputs.floats.as_mut_slice());
        pool.run(tiles(tokens, widths).count(), &|number| {
            for tile in tiles(tokens, widths).skip(number).take(1) {
                let (from, len) = (tile.first * cols, tile.width * cols);
                // SAFETY: tile `number` belongs to this part alone, and these elements to the tile:
                // only the last tile is wider than its tokens.
                let floats = unsafe { floats.piece(from, len) };
                let rows = &values[tile.first * cols..][..tile.tokens * cols];
                for (column, floats) in floats.chunks_exact_mut(tile.width).enumerate() {
                    floats.fill(0.0);
                    for (value, row) in floats.iter_mut().zip(rows.chunks_exact(cols)) {
                        *value = row[column];
                    }
                }
            }
        });
    }

    /// Columns `from .. from + len` of a tile in single precision.
    pub(super) fn float_tile(&self, tile: Tile, from: usize, len: usize) -> FloatTile<'_> {
        let at = tile.first * self.cols + from * tile.width;
        FloatTile {
            tokens: tile.width,
            values: &self.inputs.floats.as_slice()[at..][..len * tile.width],
        }
    }
}
