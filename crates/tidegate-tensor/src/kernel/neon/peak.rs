//! The limits of the multipliers, in registers.

use std::arch::aarch64::*;
use std::hint::black_box;

use super::dot;

/// Independent sums: enough to hide the latency of four multipliers.
const SUMS: usize = 16;

/// Does `rounds` rounds of 8-bit multiply-additions; answers how many those were.
#[target_feature(enable = "neon,dotprod")]
pub(in crate::kernel) fn int8(rounds: usize) -> usize {
    let factor = vdupq_n_s8(black_box(3));
    let mut sums = [vdupq_n_s32(0); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = dot(*sum, factor, factor);
        }
    }
    black_box(sums);
    rounds * SUMS * 16
}

/// As [`int8`] in single precision.
#[target_feature(enable = "neon,dotprod")]
pub(in crate::kernel) fn f32(rounds: usize) -> usize {
    let factor = vdupq_n_f32(black_box(0.5));
    let mut sums = [vdupq_n_f32(0.0); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = vfmaq_f32(factor, *sum, factor);
        }
    }
    black_box(sums);
    rounds * SUMS * 4
}
