//! The inner loops: one folder for each instruction set, and `scalar` as the oracle of all others.
//!
//! A kernel is a safe function that is compiled for an instruction set; calling it is the only
//! unsafe step, and the proof is the [`Cpu`] that came with the call. Loads and stores go through
//! references to arrays, so their lengths are proved by types.

#![expect(
    unsafe_code,
    reason = "calls functions compiled for instruction sets, on the word of a `Cpu`"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
mod scalar;

use crate::cpu::{Cpu, Isa};
use crate::panel::{FloatPanel, FloatTile, IntPanel, IntTile, Sums, TILE};

pub(crate) use plain::RoundedRow;

/// Repeats a body with a constant for each of the first `$count` numbers: sums kept in an array stay
/// in registers only if every index is a constant, and the compiler unrolls long loops too late.
#[cfg(target_arch = "x86_64")]
macro_rules! unroll {
    ($count:expr, $index:ident => $body:block) => {
        unroll!(@ $count, $index, $body, 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    (@ $count:expr, $index:ident, $body:block, $($number:literal)*) => {
        $(if $number < $count {
            const $index: usize = $number;
            $body
        })*
    };
}
#[cfg(target_arch = "x86_64")]
use unroll;

/// Calls a function of the module of an instruction set.
macro_rules! on {
    ($cpu:expr, $($function:ident)::+ ($($argument:expr),* $(,)?)) => {
        match $cpu.isa() {
            Isa::Scalar => scalar::$($function)::+($($argument),*),
            #[cfg(target_arch = "aarch64")]
            // SAFETY: a `Cpu` of this set exists only where the machine has the set's features.
            Isa::Neon => unsafe { neon::$($function)::+($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Cpu` of this set exists only where the machine has the set's features.
            Isa::Avx2 => unsafe { avx2::$($function)::+($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Cpu` of this set exists only where the machine has the set's features.
            Isa::Avx512 => unsafe { avx512::$($function)::+($($argument),*) },
        }
    };
}

/// The widths of tiles that [`integer`] has kernels for.
pub(crate) fn int_widths(cpu: Cpu) -> &'static [usize] {
    match cpu.isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &[1, 2, 3, 4, 6, 8, 12],
        _ => &[1, 2, 3, 4],
    }
}

/// The widths of tiles that [`float`] has kernels for.
pub(crate) fn float_widths(cpu: Cpu) -> &'static [usize] {
    match cpu.isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &[1, 2, 3, 4, 6, 8, 12],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &[1, 2, 3, 4, 6],
        _ => &[1, 2, 3, 4],
    }
}

/// Multiplies a panel of integers with a tile of rounded activations.
pub(crate) fn integer(cpu: Cpu, panel: IntPanel<'_>, tile: IntTile<'_>, out: &mut [Sums; TILE]) {
    on!(cpu, integer::panel(panel, tile, out));
}

/// Multiplies a panel of plain numbers with a tile of activations and adds to `out`.
pub(crate) fn float(cpu: Cpu, panel: FloatPanel<'_>, tile: FloatTile<'_>, out: &mut [Sums; TILE]) {
    on!(cpu, float::panel(panel, tile, out));
}

/// As [`float`] with two panels of the same columns at a time: half the loads of activations.
pub(crate) fn float_pair(
    cpu: Cpu,
    panels: [FloatPanel<'_>; 2],
    tile: FloatTile<'_>,
    out: &mut [[Sums; TILE]; 2],
) {
    on!(cpu, float::pair(panels, tile, out));
}

/// Rounds a row of activations to eight bits.
pub(crate) fn round(cpu: Cpu, row: &[f32], target: RoundedRow<'_>) {
    on!(cpu, loops::round(row, target));
}

/// The largest number; negative infinity if there is none.
pub(crate) fn maximum(cpu: Cpu, x: &[f32]) -> f32 {
    on!(cpu, loops::maximum(x))
}

/// `x = exp(x - shift)`; answers with the sum.
pub(crate) fn exp_and_sum(cpu: Cpu, x: &mut [f32], shift: f32) -> f32 {
    on!(cpu, loops::exp_and_sum(x, shift))
}

/// The sum of `exp(x - shift)`.
pub(crate) fn sum_of_exp(cpu: Cpu, x: &[f32], shift: f32) -> f32 {
    on!(cpu, loops::sum_of_exp(x, shift))
}

/// `x *= factor`.
pub(crate) fn scale(cpu: Cpu, x: &mut [f32], factor: f32) {
    on!(cpu, loops::scale(x, factor));
}

/// `x = x / sqrt(mean(x^2) + epsilon) * weight`.
pub(crate) fn rms_norm(cpu: Cpu, x: &mut [f32], weight: &[f32], epsilon: f32) {
    on!(cpu, loops::rms_norm(x, weight, epsilon));
}

/// `gate = silu(gate) * up`.
pub(crate) fn silu_mul(cpu: Cpu, gate: &mut [f32], up: &[f32]) {
    on!(cpu, loops::silu_mul(gate, up));
}

/// `x += y`.
pub(crate) fn add(cpu: Cpu, x: &mut [f32], y: &[f32]) {
    on!(cpu, loops::add(x, y));
}

/// Adds up words: what it takes to read memory.
pub(crate) fn sum_words(cpu: Cpu, words: &[u64]) -> u64 {
    on!(cpu, loops::sum_words(words))
}

/// Does `rounds` rounds of 8-bit multiply-additions in registers; answers how many those were.
pub(crate) fn int8_peak(cpu: Cpu, rounds: usize) -> usize {
    on!(cpu, peak::int8(rounds))
}

/// As [`int8_peak`] in single precision.
pub(crate) fn f32_peak(cpu: Cpu, rounds: usize) -> usize {
    on!(cpu, peak::f32(rounds))
}
