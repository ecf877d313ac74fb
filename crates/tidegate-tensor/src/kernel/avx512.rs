//! 512 bits: sixteen rows in a register. Needs `vpdpbusd` (Cascade Lake, Zen 4 and later).

#![expect(unsafe_code, reason = "loads and stores go by pointer")]

pub(super) mod float;
pub(super) mod integer;
pub(super) mod peak;

use std::arch::x86_64::{
    __m256i, __m512, __m512i, _MM_HINT_T0, _mm_prefetch, _mm256_loadu_si256, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_storeu_ps,
};

super::plain::compiled_loops!(
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
);

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the reference is to 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_half(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the reference is to 32 bytes, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_floats(values: &[f32; 16]) -> __m512 {
    // SAFETY: the reference is to sixteen floats, and the load needs no alignment.
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(values: __m512, to: &mut [f32; 16]) {
    // SAFETY: the reference is to sixteen floats, and the store needs no alignment.
    unsafe { _mm512_storeu_ps(to.as_mut_ptr(), values) }
}

/// Asks for the cache line `ahead` bytes after the start of `from`, which may be past its end.
#[inline]
#[target_feature(enable = "avx512f")]
fn prefetch(from: &[u8], ahead: usize) {
    let line = from.as_ptr().wrapping_add(ahead);
    _mm_prefetch::<_MM_HINT_T0>(line.cast());
}
