//! The small operations between matrices: norms, rotations, activations, softmax.

mod rope;

use crate::pool::Pool;

pub use rope::{Pairing, RopeTable, rope};

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
    pool.for_chunks(x, weight.len(), |_, row| {
        let squares: f32 = row.iter().map(|x| x * x).sum();
        let factor = 1.0 / (squares / row.len() as f32 + epsilon).sqrt();
        for (x, weight) in row.iter_mut().zip(weight) {
            *x = *x * factor * weight;
        }
    });
}

/// `gate = silu(gate) * up`, where `silu(x) = x / (1 + exp(-x))`.
///
/// # Panics
///
/// If the two differ in length.
pub fn silu_mul(pool: &Pool, gate: &mut [f32], up: &[f32]) {
    let _ = pool;
    assert_eq!(gate.len(), up.len(), "`gate` and `up` differ in length");
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + (-*gate).exp()) * up;
    }
}

/// `x += y`.
///
/// # Panics
///
/// If the two differ in length.
pub fn add_in_place(pool: &Pool, x: &mut [f32], y: &[f32]) {
    let _ = pool;
    assert_eq!(x.len(), y.len(), "the sides of a sum differ in length");
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// Adds `bias` to every row of `x`; rows are as wide as `bias`.
///
/// # Panics
///
/// If `x` is not whole rows.
pub fn add_bias(pool: &Pool, x: &mut [f32], bias: &[f32]) {
    let _ = pool;
    assert!(x.len().is_multiple_of(bias.len()), "`x` is not whole rows");
    for row in x.chunks_exact_mut(bias.len()) {
        for (x, y) in row.iter_mut().zip(bias) {
            *x += y;
        }
    }
}

/// `x = exp(x) / sum(exp(x))`, without overflow.
pub fn softmax(x: &mut [f32]) {
    let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for x in x.iter_mut() {
        *x = (*x - most).exp();
        total += *x;
    }
    x.iter_mut().for_each(|x| *x /= total);
}

/// `x = ln(softmax(x))`, without overflow.
pub fn log_softmax(x: &mut [f32]) {
    let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = x.iter().map(|x| f64::from(x - most).exp()).sum();
    let shift = most + total.ln() as f32;
    x.iter_mut().for_each(|x| *x -= shift);
}

/// The place of the largest number, the first of equals; NaN never wins. 0 if there is none.
pub fn argmax(x: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (place, x) in x.iter().enumerate() {
        if *x > best.1 {
            best = (place, *x);
        }
    }
    best.0
}
