//! The limits of the multipliers, in registers.

use std::arch::x86_64::*;
use std::hint::black_box;

/// Independent sums: enough to hide the latency of two multipliers.
const SUMS: usize = 10;

/// Does `rounds` rounds of 8-bit multiply-additions; answers how many those were.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::kernel) fn int8(rounds: usize) -> usize {
    let factor = _mm256_set1_epi8(black_box(3));
    let mut sums = [_mm256_setzero_si256(); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_add_epi16(*sum, _mm256_maddubs_epi16(factor, *sum));
        }
    }
    black_box(sums);
    rounds * SUMS * 32
}

/// As [`int8`] in single precision.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::kernel) fn f32(rounds: usize) -> usize {
    let factor = _mm256_set1_ps(black_box(0.5));
    let mut sums = [_mm256_setzero_ps(); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, factor);
        }
    }
    black_box(sums);
    rounds * SUMS * 8
}
