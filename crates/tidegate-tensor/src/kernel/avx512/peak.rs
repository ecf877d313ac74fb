//! The limits of the multipliers, in registers.

use std::arch::x86_64::*;
use std::hint::black_box;

/// Independent sums: enough to hide the latency of two multipliers.
const SUMS: usize = 16;

/// Does `rounds` rounds of 8-bit multiply-additions; answers how many those were.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(in crate::kernel) fn int8(rounds: usize) -> usize {
    let factor = _mm512_set1_epi8(black_box(3));
    let mut sums = [_mm512_setzero_si512(); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, factor, factor);
        }
    }
    black_box(sums);
    rounds * SUMS * 64
}

/// As [`int8`] in single precision.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(in crate::kernel) fn f32(rounds: usize) -> usize {
    let factor = _mm512_set1_ps(black_box(0.5));
    let mut sums = [_mm512_setzero_ps(); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, factor);
        }
    }
    black_box(sums);
    rounds * SUMS * 16
}
