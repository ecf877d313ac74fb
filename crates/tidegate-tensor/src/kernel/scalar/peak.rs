//! The limits of plain Rust.

use std::hint::black_box;

/// Independent sums.
const SUMS: usize = 16;

/// Does `rounds` rounds of 8-bit multiply-additions; answers how many those were.
pub(in crate::kernel) fn int8(rounds: usize) -> usize {
    let factor = black_box([3_i8; SUMS]);
    let mut sums = [0_i32; SUMS];
    for _ in 0..rounds {
        for (sum, factor) in sums.iter_mut().zip(black_box(&factor)) {
            *sum = sum.wrapping_add(i32::from(*factor) * i32::from(*factor));
        }
    }
    black_box(sums);
    rounds * SUMS
}

/// As [`int8`] in single precision.
pub(in crate::kernel) fn f32(rounds: usize) -> usize {
    let factor = black_box(0.5_f32);
    let mut sums = [0.0_f32; SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = *sum * factor + factor;
        }
    }
    black_box(sums);
    rounds * SUMS
}
