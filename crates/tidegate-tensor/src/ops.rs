//! The small operations between matrices: norms, rotations, activations, softmax.

mod rope;

use crate::cpu::Cpu;
use crate::kernel;
use crate::pool::Pool;

pub use rope::{Pairing, RopeTable, rope};

/// Elements that make a part of a job worth handing over.
const ELEMENTS_PER_PART: usize = 1 << 14;

/// `out = x / sqrt(mean(x^2) + epsilon) * weight`, row by row; rows are as wide as `weight`.
///
/// # Panics
///
/// If `x` and `out` differ in length or are not whole rows.
pub fn rms_norm(pool: &Pool, x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    out.copy_from_slice(x);
    rms_norm_in_place(pool, out, weight, epsilon);
}

/// [`rms_norm`] where it stands; with `weight` as wide as a head, the norm of queries and keys.
///
/// # Panics
///
/// If `x` is not whole rows.
pub fn rms_norm_in_place(pool: &Pool, x: &mut [f32], weight: &[f32], epsilon: f32) {
    assert!(x.len().is_multiple_of(weight.len()), "`x` is not whole rows");
    let rows = (ELEMENTS_PER_PART / weight.len()).max(1);
    pool.for_chunks(x, rows * weight.len(), |_, rows| {
        for row in rows.chunks_exact_mut(weight.len()) {
            kernel::rms_norm(pool.cpu(), row, weight, epsilon);
        }
    });
}

/// `gate = silu(gate) * up`, where `silu(x) = x / (1 + exp(-x))`.
///
/// # Panics
///
/// If the two differ in length.
pub fn silu_mul(pool: &Pool, gate: &mut [f32], up: &[f32]) {
    assert_eq!(gate.len(), up.len(), "`gate` and `up` differ in length");
    pool.for_chunks(gate, ELEMENTS_PER_PART, |part, gate| {
        let up = &up[part * ELEMENTS_PER_PART..][..gate.len()];
        kernel::silu_mul(pool.cpu(), gate, up);
    });
}

/// `x += y`.
///
/// # Panics
///
/// If the two differ in length.
pub fn add_in_place(pool: &Pool, x: &mut [f32], y: &[f32]) {
    assert_eq!(x.len(), y.len(), "the sides of a sum differ in length");
    pool.for_chunks(x, ELEMENTS_PER_PART, |part, x| {
        let y = &y[part * ELEMENTS_PER_PART..][..x.len()];
        kernel::add(pool.cpu(), x, y);
    });
}

/// Adds `bias` to every row of `x`; rows are as wide as `bias`.
///
/// # Panics
///
/// If `x` is not whole rows.
pub fn add_bias(pool: &Pool, x: &mut [f32], bias: &[f32]) {
    assert!(x.len().is_multiple_of(bias.len()), "`x` is not whole rows");
    let rows = (ELEMENTS_PER_PART / bias.len()).max(1);
    pool.for_chunks(x, rows * bias.len(), |_, rows| {
        for row in rows.chunks_exact_mut(bias.len()) {
            kernel::add(pool.cpu(), row, bias);
        }
    });
}

/// `x = exp(x) / sum(exp(x))`, without overflow.
pub fn softmax(x: &mut [f32]) {
    let cpu = Cpu::detect();
    let most = kernel::maximum(cpu, x);
    let factor = 1.0 / kernel::exp_and_sum(cpu, x, most);
    kernel::scale(cpu, x, factor);
}

/// `x = ln(softmax(x))`, without overflow.
pub fn log_softmax(x: &mut [f32]) {
    let cpu = Cpu::detect();
    let most = kernel::maximum(cpu, x);
    let total = kernel::sum_of_exp(cpu, x, most);
    let log = total.ln();
    // In this order: `most` may be so large that the logarithm vanishes beside it.
    x.iter_mut().for_each(|x| *x = (*x - most) - log);
}

/// The place of the largest number, the first of equals; NaN never wins. 0 if there is none.
pub fn argmax(x: &[f32]) -> usize {
    let most = kernel::maximum(Cpu::detect(), x);
    x.iter().position(|x| *x == most).unwrap_or(0)
}

#[cfg(test)]
mod tests;
