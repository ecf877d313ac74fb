//! The one order of weights and activations in memory that every kernel reads.
//!
//! Weights lie in panels of 16 rows. A panel of integers is cut into blocks of 32 columns; in a block
//! the columns come in groups of four, and in a group the rows come one after another:
//!
//! ```text
//! bytes:    group g, row r, column c   at  g * 64 + r * 4 + c          (512 bytes)
//! nibbles:  groups 2g and 2g+1 share a byte, the even one in the low half (256 bytes)
//! ```
//!
//! So one 512-bit register holds four columns of sixteen rows, and one `vpdpbusd` with four
//! activations in every lane adds their products to sixteen sums. A 256-bit register holds eight of
//! the rows, a 128-bit one four: the same bytes serve every instruction set. Scales stand in streams
//! of their own, sixteen side by side, so that everything is aligned.
//!
//! Panels of plain numbers are simpler: sixteen rows of column 0, of column 1, and so on.
//!
//! Activations lie in tiles of a few tokens, in each block token by token.

/// Rows of a panel.
pub(crate) const ROWS: usize = 16;
/// Columns of a block of integers.
pub(crate) const BLOCK: usize = 32;
/// Blocks under one pair of super-scales.
pub(crate) const SUPER: usize = 8;
/// The most tokens in a tile, of any instruction set.
pub(crate) const TILE: usize = 12;

/// Results of a tile: for each token, the sixteen rows of a panel.
pub(crate) type Sums = [f32; ROWS];
/// Eight groups of four activations, each group in one word as the kernels broadcast it.
pub(crate) type Codes = [i32; 8];

/// How weights lie in a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Plain numbers.
    Float(Float),
    /// Integers with scales.
    Integer(Width, Scales),
}

/// The form in which a format wants the activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    /// In eight bits, with these starts of the accumulators.
    Rounded(Starts),
    /// In single precision, in the order of tiles.
    Spread,
}

impl Format {
    /// What it wants of the activations.
    pub(crate) fn wants(self) -> Wants {
        match self {
            Self::Float(_) => Wants::Spread,
            Self::Integer(_, scales) => Wants::Rounded(scales.starts()),
        }
    }
}

/// The plain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Float {
    F32,
    F16,
    BF16,
}

/// How wide a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// Four bits, 256 bytes a block.
    Nibble,
    /// Up to eight bits, 512 bytes a block.
    Byte,
}

/// What a code means. `d` are half-precision numbers; sixteen of each stand side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scales {
    /// `d * (code - offset)`. A record for each block: 16 d.
    Half {
        /// 8, 16 or 128.
        offset: i32,
    },
    /// `d * code + min`. A record for each block: 16 d, 16 min.
    HalfMin,
    /// `d * scale * code - dmin * min`. A record for each block: 16 scales and 16 minimums as
    /// bytes; a super-record for each eight blocks: 16 d, 16 dmin.
    Super,
    /// `d * scale * (code - 32)` with a scale for each 16 columns. A record for each block: twice
    /// 16 scales as signed bytes; a super-record for each eight blocks: 16 d.
    Sixteenths,
}

/// The offset of [`Scales::Sixteenths`].
pub(crate) const SIXTEENTHS_OFFSET: i32 = 32;

impl Float {
    /// Bytes of sixteen rows of one column.
    pub(crate) fn column_bytes(self) -> usize {
        match self {
            Self::F32 => 4 * ROWS,
            Self::F16 | Self::BF16 => 2 * ROWS,
        }
    }
}

impl Width {
    /// Bytes of a block.
    pub(crate) fn block_bytes(self) -> usize {
        match self {
            Self::Nibble => ROWS * BLOCK / 2,
            Self::Byte => ROWS * BLOCK,
        }
    }
}

impl Scales {
    /// Bytes of a record.
    pub(crate) fn record_bytes(self) -> usize {
        match self {
            Self::Half { .. } | Self::Super | Self::Sixteenths => 2 * ROWS,
            Self::HalfMin => 4 * ROWS,
        }
    }

    /// Bytes of a super-record.
    pub(crate) fn super_bytes(self) -> usize {
        match self {
            Self::Half { .. } | Self::HalfMin => 0,
            Self::Super => 4 * ROWS,
            Self::Sixteenths => 2 * ROWS,
        }
    }

    /// What the accumulators start with.
    pub(crate) fn starts(self) -> Starts {
        match self {
            Self::Half { offset } => Starts::Block(offset),
            Self::HalfMin | Self::Super => Starts::Zero,
            Self::Sixteenths => Starts::Halves(SIXTEENTHS_OFFSET),
        }
    }
}

/// What an integer accumulator starts with, so that unsigned codes count as signed weights:
/// `sum((code - offset) * a) = sum(code * a) - offset * sum(a)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starts {
    /// The codes are what they are.
    Zero,
    /// `-offset` times the sum of a block.
    Block(i32),
    /// `-offset` times the sums of the two halves of a block.
    Halves(i32),
}

/// One panel of integers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntPanel<'a> {
    pub(crate) width: Width,
    pub(crate) scales: Scales,
    /// [`Width::block_bytes`] for each block.
    pub(crate) codes: &'a [u8],
    /// [`Scales::record_bytes`] for each block.
    pub(crate) records: &'a [u8],
    /// [`Scales::super_bytes`] for each eight blocks.
    pub(crate) supers: &'a [u8],
}

/// One tile of activations, rounded to eight bits with a scale for each block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntTile<'a> {
    /// Tokens.
    pub(crate) tokens: usize,
    /// `[block][token]`: the rounded activations.
    pub(crate) codes: &'a [Codes],
    /// `[block][token]`: what a rounded activation of 1 is worth.
    pub(crate) scales: &'a [f32],
    /// `[block][token]`, or `[block][half][token]`, or nothing; see [`Starts`].
    pub(crate) starts: &'a [i32],
    /// `[block][token]`: the scale times the sum of the rounded activations, for minimums.
    pub(crate) sums: &'a [f32],
}

/// One panel of plain numbers, or some consecutive columns of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FloatPanel<'a> {
    pub(crate) float: Float,
    /// [`Float::column_bytes`] for each column.
    pub(crate) columns: &'a [u8],
}

/// One tile of activations in single precision: `[column][token]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FloatTile<'a> {
    /// Tokens.
    pub(crate) tokens: usize,
    /// As many columns as the panel has.
    pub(crate) values: &'a [f32],
}

/// One tile of a step: which tokens it holds, and as how many it counts with its padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tile {
    /// The first token.
    pub(crate) first: usize,
    /// How many there are.
    pub(crate) tokens: usize,
    /// How many the kernel computes; one of the widths.
    pub(crate) width: usize,
}

/// Cuts `tokens` into tiles of the largest of `widths` (ascending) and one for the rest, which gets
/// the least width that holds it.
pub(crate) fn tiles(tokens: usize, widths: &'static [usize]) -> impl Iterator<Item = Tile> {
    let most = widths.last().copied().unwrap_or(1);
    (0..tokens).step_by(most).map(move |first| {
        let tokens = most.min(tokens - first);
        let width = widths.iter().copied().find(|width| *width >= tokens);
        Tile {
            first,
            tokens,
            width: width.unwrap_or(most),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_token_once_with_the_least_padding() {
        let widths = &[1, 2, 4, 8];
        for tokens in 0..40 {
            let mut next = 0;
            for tile in tiles(tokens, widths) {
                assert_eq!(tile.first, next);
                next += tile.tokens;
                assert!(tile.tokens <= tile.width && widths.contains(&tile.width));
                assert!(tile.width < 2 * tile.tokens);
            }
            assert_eq!(next, tokens);
        }
    }
}
