//! Loops in plain Rust that the compiler turns into vectors by itself: one body each, compiled once
//! for every instruction set. (Bodies are inlined into functions that enable the features.)

use crate::panel::{BLOCK, Codes};

/// Makes a module `loops` with every body of this file, compiled with some target features.
macro_rules! compiled_loops {
    ($(#[$feature:meta])*) => {
        /// The loops of `plain`, compiled for this instruction set.
        pub(in crate::kernel) mod loops {
            use crate::kernel::plain;

            $(#[$feature])*
            pub(in crate::kernel) fn round(row: &[f32], target: plain::RoundedRow<'_>) {
                plain::round(row, target);
            }

            $(#[$feature])*
            pub(in crate::kernel) fn sum_words(words: &[u64]) -> u64 {
                plain::sum_words(words)
            }
        }
    };
}
pub(super) use compiled_loops;

/// Where a token's rounded activations go: places 0, `stride`, twice `stride` and so on of each
/// slice belong to its blocks.
#[derive(Debug)]
pub(crate) struct RoundedRow<'a> {
    pub(crate) codes: &'a mut [Codes],
    pub(crate) scales: &'a mut [f32],
    pub(crate) sums: &'a mut [f32],
    pub(crate) halves: &'a mut [[i32; 2]],
    pub(crate) stride: usize,
}

impl RoundedRow<'_> {
    /// Writes zeroes: a token that only fills up its tile.
    pub(crate) fn clear(self) {
        self.codes
            .iter_mut()
            .step_by(self.stride)
            .for_each(|codes| *codes = [0; 8]);
        self.scales
            .iter_mut()
            .step_by(self.stride)
            .for_each(|scale| *scale = 0.0);
        self.sums
            .iter_mut()
            .step_by(self.stride)
            .for_each(|sum| *sum = 0.0);
        self.halves
            .iter_mut()
            .step_by(self.stride)
            .for_each(|halves| *halves = [0; 2]);
    }
}

/// Rounds to eight bits, symmetrically: in each block the largest magnitude becomes 127, so that
/// -128 never occurs. What is not a number becomes 0; beside an infinity the scale is infinite and
/// so the result is not a number.
#[inline(always)]
pub(super) fn round(row: &[f32], target: RoundedRow<'_>) {
    let RoundedRow {
        codes,
        scales,
        sums,
        halves,
        stride,
    } = target;
    let targets = (codes
        .iter_mut()
        .step_by(stride)
        .zip(scales.iter_mut().step_by(stride)))
    .zip(
        sums.iter_mut()
            .step_by(stride)
            .zip(halves.iter_mut().step_by(stride)),
    );
    for (block, ((codes, scale), (sum, halves))) in row.as_chunks::<BLOCK>().0.iter().zip(targets) {
        let most = block.iter().fold(0_f32, |most, x| most.max(x.abs()));
        let factor = if most > 0.0 { 127.0 / most } else { 0.0 };
        let mut rounded = [0_i8; BLOCK];
        for (rounded, x) in rounded.iter_mut().zip(block) {
            *rounded = (x * factor).round_ties_even() as i8;
        }
        let (low, high) = rounded.split_at(BLOCK / 2);
        *halves = [low, high].map(|half| half.iter().map(|x| i32::from(*x)).sum());
        *scale = most / 127.0;
        *sum = *scale * (halves[0] + halves[1]) as f32;
        for (code, group) in codes.iter_mut().zip(rounded.as_chunks::<4>().0) {
            *code = i32::from_le_bytes(group.map(i8::cast_unsigned));
        }
    }
}

/// Adds up words.
#[inline(always)]
pub(super) fn sum_words(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, word| sum.wrapping_add(*word))
}
