//! How fast this machine reads and multiplies: the limits that kernels are measured against.

use tidegate_base::Clock;

use crate::pool::Pool;

/// Bytes per second that all threads of `pool` together read from memory. Takes a fraction of a
/// second and 64 MiB for each thread.
pub fn bandwidth(pool: &Pool, clock: &dyn Clock) -> f64 {
    let _ = (pool, clock);
    0.0
}

/// Multiply-additions of 8-bit integers per second that all threads together reach in registers.
pub fn int8_peak(pool: &Pool, clock: &dyn Clock) -> f64 {
    let _ = (pool, clock);
    0.0
}

/// Multiply-additions in single precision per second that all threads together reach in registers.
pub fn f32_peak(pool: &Pool, clock: &dyn Clock) -> f64 {
    let _ = (pool, clock);
    0.0
}
