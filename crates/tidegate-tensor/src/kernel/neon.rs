//! 128 bits: a panel's sixteen rows in four registers. Needs `sdot` (Cortex-A76, Neoverse N1, Apple M1
//! and later). Its tests pass under QEMU; how fast it is nobody has measured yet.

#![expect(
    unsafe_code,
    reason = "loads and stores go by pointer, and `sdot` has no stable intrinsic"
)]

pub(super) mod float;
pub(super) mod integer;
pub(super) mod peak;

use std::arch::aarch64::{
    float32x4_t, int8x16_t, int32x4_t, uint16x4_t, vld1_u16, vld1q_f32, vld1q_s8, vst1q_f32,
};
use std::arch::asm;

super::plain::compiled_loops!(#[target_feature(enable = "neon,dotprod")]);

/// Adds to each 32-bit lane of `sums` the products of its four pairs of bytes.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot(sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    let mut sums = sums;
    // SAFETY: the instruction reads and writes the three named registers only, and the function is
    // compiled for machines that have it.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> int8x16_t {
    // SAFETY: the reference is to 16 bytes, and the load needs no alignment.
    unsafe { vld1q_s8(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_halves(halves: &[u16; 4]) -> uint16x4_t {
    // SAFETY: the reference is to four words.
    unsafe { vld1_u16(halves.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_floats(values: &[f32; 4]) -> float32x4_t {
    // SAFETY: the reference is to four floats.
    unsafe { vld1q_f32(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store(values: float32x4_t, to: &mut [f32; 4]) {
    // SAFETY: the reference is to four floats.
    unsafe { vst1q_f32(to.as_mut_ptr(), values) }
}
