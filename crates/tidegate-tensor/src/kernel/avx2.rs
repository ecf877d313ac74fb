//! 256 bits: a panel's sixteen rows in two registers. Needs fused multiply-add and half precision
//! (Haswell, Zen and later).

#![expect(unsafe_code, reason = "loads and stores go by pointer")]

pub(super) mod float;
pub(super) mod integer;
pub(super) mod peak;

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_loadu_si128, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_storeu_ps,
};

super::plain::compiled_loops!(#[target_feature(enable = "avx2,fma,f16c")]);

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the reference is to 32 bytes, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_half(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is to 16 bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_floats(values: &[f32; 8]) -> __m256 {
    // SAFETY: the reference is to eight floats, and the load needs no alignment.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(values: __m256, to: &mut [f32; 8]) {
    // SAFETY: the reference is to eight floats, and the store needs no alignment.
    unsafe { _mm256_storeu_ps(to.as_mut_ptr(), values) }
}
