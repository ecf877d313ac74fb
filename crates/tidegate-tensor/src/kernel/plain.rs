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

            $(#[$feature])*
            pub(in crate::kernel) fn maximum(x: &[f32]) -> f32 {
                plain::maximum(x)
            }

            $(#[$feature])*
            pub(in crate::kernel) fn exp_and_sum(x: &mut [f32], shift: f32) -> f32 {
                plain::exp_and_sum(x, shift)
            }

            $(#[$feature])*
            pub(in crate::kernel) fn sum_of_exp(x: &[f32], shift: f32) -> f32 {
                plain::sum_of_exp(x, shift)
            }

            $(#[$feature])*
            pub(in crate::kernel) fn scale(x: &mut [f32], factor: f32) {
                plain::scale(x, factor);
            }

            $(#[$feature])*
            pub(in crate::kernel) fn rms_norm(x: &mut [f32], weight: &[f32], epsilon: f32) {
                plain::rms_norm(x, weight, epsilon);
            }

            $(#[$feature])*
            pub(in crate::kernel) fn silu_mul(gate: &mut [f32], up: &[f32]) {
                plain::silu_mul(gate, up);
            }

            $(#[$feature])*
            pub(in crate::kernel) fn add(x: &mut [f32], y: &[f32]) {
                plain::add(x, y);
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
        let most = largest_magnitude(block);
        let factor = if most > 0.0 { 127.0 / most } else { 0.0 };
        let rounded = block.map(|x| nearest(x * factor));
        let (low, high) = (
            rounded.as_chunks::<LANES>().0[0],
            rounded.as_chunks::<LANES>().0[1],
        );
        *halves = [low, high].map(|half| joined(half, |a, b| a + b));
        *scale = most / 127.0;
        *sum = *scale * (halves[0] + halves[1]) as f32;
        let bytes = rounded.map(|x| x.to_le_bytes()[0]);
        for (code, group) in codes.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *code = i32::from_le_bytes(*group);
        }
    }
}

/// The largest magnitude in a block; what is not a number does not count.
#[inline(always)]
fn largest_magnitude(block: &[f32; BLOCK]) -> f32 {
    let mut lanes = [0.0; LANES];
    for half in block.as_chunks::<LANES>().0 {
        for (lane, x) in lanes.iter_mut().zip(half) {
            *lane = larger(*lane, x.abs());
        }
    }
    joined(lanes, larger)
}

/// The nearest whole number from -127 to 127, ties to even; 0 for what is not a number.
#[inline(always)]
fn nearest(x: f32) -> i32 {
    let x = if x > 127.0 { 127.0 } else { x };
    let x = if x < -127.0 { -127.0 } else { x };
    let x = if x.is_nan() { 0.0 } else { x };
    (x + ROUND).to_bits().cast_signed() - ROUND.to_bits().cast_signed()
}

/// 1.5 * 2^23: adding it leaves the nearest whole number in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Adds up words.
#[inline(always)]
pub(super) fn sum_words(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, word| sum.wrapping_add(*word))
}

/// Partial sums and maxima side by side, so that a loop over them fills a vector.
const LANES: usize = 16;

/// Folds `x` in [`LANES`] lanes and then the lanes: the same order on every instruction set.
#[inline(always)]
fn fold(x: &[f32], start: f32, step: impl Fn(f32, f32) -> f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, *x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, *x);
    }
    joined(lanes, join)
}

/// Joins lanes in halves, quarters and so on, as vectors like it.
#[inline(always)]
fn joined<T: Copy>(lanes: [T; LANES], join: impl Fn(T, T) -> T) -> T {
    let lanes: [T; 8] = std::array::from_fn(|i| join(lanes[i], lanes[i + 8]));
    let lanes: [T; 4] = std::array::from_fn(|i| join(lanes[i], lanes[i + 4]));
    join(join(lanes[0], lanes[2]), join(lanes[1], lanes[3]))
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The largest number; negative infinity if there is none.
#[inline(always)]
pub(super) fn maximum(x: &[f32]) -> f32 {
    fold(x, f32::NEG_INFINITY, larger, larger)
}

/// `x = exp(x - shift)`; answers with the sum.
#[inline(always)]
pub(super) fn exp_and_sum(x: &mut [f32], shift: f32) -> f32 {
    for x in x.iter_mut() {
        *x = exp(*x - shift);
    }
    fold(x, 0.0, |a, b| a + b, |a, b| a + b)
}

/// The sum of `exp(x - shift)`.
#[inline(always)]
pub(super) fn sum_of_exp(x: &[f32], shift: f32) -> f32 {
    fold(x, 0.0, |sum, x| sum + exp(x - shift), |a, b| a + b)
}

/// `x *= factor`.
#[inline(always)]
pub(super) fn scale(x: &mut [f32], factor: f32) {
    x.iter_mut().for_each(|x| *x *= factor);
}

/// `x = x / sqrt(mean(x^2) + epsilon) * weight`.
#[inline(always)]
pub(super) fn rms_norm(x: &mut [f32], weight: &[f32], epsilon: f32) {
    let squares = fold(x, 0.0, |sum, x| sum + x * x, |a, b| a + b);
    let factor = 1.0 / (squares / x.len() as f32 + epsilon).sqrt();
    for (x, weight) in x.iter_mut().zip(weight) {
        *x = *x * factor * weight;
    }
}

/// `gate = silu(gate) * up`.
#[inline(always)]
pub(super) fn silu_mul(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp(-*gate)) * up;
    }
}

/// `x += y`.
#[inline(always)]
pub(super) fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// e^x to about one unit in the last place, without a branch: 2^n times a polynomial of the rest
/// (Cephes `expf`). Below -87.3 it is 0, above 88.3 it stays what it is there; NaN stays NaN.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let bounded = if x > 88.3 { 88.3 } else { x };
    let shifted = bounded * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let rest = bounded - n * LN_2_HIGH - n * LN_2_LOW;
    let polynomial = [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
        1.0,
        1.0,
    ]
    .into_iter()
    .fold(1.987_569_1e-4, |sum, factor| sum * rest + factor);
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000));
    if x < -87.3 { 0.0 } else { polynomial * power }
}
