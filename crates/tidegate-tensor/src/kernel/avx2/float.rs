//! Products of plain numbers: twice eight rows of a column times one activation, fused.

use std::arch::x86_64::*;

use super::{load, load_floats, load_half, store};
use crate::kernel::unroll;
use crate::panel::{Float, FloatPanel, FloatTile, Sums, TILE};

/// The types, as numbers that can be parameters of a kernel.
const F32: u8 = 0;
const F16: u8 = 1;
const BF16: u8 = 2;

/// Multiplies a panel with a tile and adds to `out`.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::kernel) fn panel(panel: FloatPanel<'_>, tile: FloatTile<'_>, out: &mut [Sums; TILE]) {
    match panel.float {
        Float::F32 => sized::<F32, 64>(panel, tile, out),
        Float::F16 => sized::<F16, 32>(panel, tile, out),
        Float::BF16 => sized::<BF16, 32>(panel, tile, out),
    }
}

/// Two panels, one after the other: sixteen registers hold the sums of one.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::kernel) fn pair(panels: [FloatPanel<'_>; 2], tile: FloatTile<'_>, out: &mut [[Sums; TILE]; 2]) {
    for (weights, out) in panels.into_iter().zip(out) {
        panel(weights, tile, out);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn sized<const TYPE: u8, const BYTES: usize>(
    panel: FloatPanel<'_>,
    tile: FloatTile<'_>,
    out: &mut [Sums; TILE],
) {
    match tile.tokens {
        1 => one_token::<TYPE, BYTES>(panel, tile, &mut out[0]),
        2 => columns::<TYPE, BYTES, 2>(panel, tile, out),
        3 => columns::<TYPE, BYTES, 3>(panel, tile, out),
        4 => columns::<TYPE, BYTES, 4>(panel, tile, out),
        _ => columns::<TYPE, BYTES, 6>(panel, tile, out),
    }
}

/// The kernel of one token: memory is the limit, and four pairs of sums hide the latency of an
/// addition.
#[target_feature(enable = "avx2,fma,f16c")]
fn one_token<const TYPE: u8, const BYTES: usize>(panel: FloatPanel<'_>, tile: FloatTile<'_>, out: &mut Sums) {
    let mut sums = [[_mm256_setzero_ps(); 2]; 4];
    let (columns, last_columns) = panel.columns.as_chunks::<BYTES>().0.as_chunks::<4>();
    let (values, last_values) = tile.values.as_chunks::<4>();
    for (columns, values) in columns.iter().zip(values) {
        for ((column, value), sums) in columns.iter().zip(values).zip(&mut sums) {
            *sums = multiply(weights::<TYPE, BYTES>(column), *value, *sums);
        }
    }
    for (column, value) in last_columns.iter().zip(last_values) {
        sums[0] = multiply(weights::<TYPE, BYTES>(column), *value, sums[0]);
    }
    for (rows, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
        let low = _mm256_add_ps(sums[0][rows], sums[1][rows]);
        let high = _mm256_add_ps(sums[2][rows], sums[3][rows]);
        store(_mm256_add_ps(load_floats(out), _mm256_add_ps(low, high)), out);
    }
}

/// The kernel of `M` tokens, whose sums stay in registers.
#[target_feature(enable = "avx2,fma,f16c")]
fn columns<const TYPE: u8, const BYTES: usize, const M: usize>(
    panel: FloatPanel<'_>,
    tile: FloatTile<'_>,
    out: &mut [Sums; TILE],
) {
    let mut sums = [[_mm256_setzero_ps(); 2]; M];
    for (sums, out) in sums.iter_mut().zip(&*out) {
        *sums = [0, 1].map(|rows| load_floats(&out.as_chunks().0[rows]));
    }
    let columns = panel.columns.as_chunks::<BYTES>().0;
    for (column, values) in columns.iter().zip(tile.values.as_chunks::<M>().0) {
        let weights = weights::<TYPE, BYTES>(column);
        unroll!(M, I => {
            sums[I] = multiply(weights, values[I], sums[I]);
        });
    }
    for (sums, out) in sums.iter().zip(out) {
        for (sums, out) in sums.iter().zip(out.as_chunks_mut().0) {
            store(*sums, out);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn multiply(weights: [__m256; 2], value: f32, sums: [__m256; 2]) -> [__m256; 2] {
    let value = _mm256_set1_ps(value);
    [
        _mm256_fmadd_ps(weights[0], value, sums[0]),
        _mm256_fmadd_ps(weights[1], value, sums[1]),
    ]
}

/// Sixteen rows of a column in single precision.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn weights<const TYPE: u8, const BYTES: usize>(column: &[u8; BYTES]) -> [__m256; 2] {
    let halves = column.as_chunks::<16>().0;
    match TYPE {
        F32 => [0, 1].map(|rows| _mm256_castsi256_ps(load(&column.as_chunks().0[rows]))),
        F16 => [0, 1].map(|rows| _mm256_cvtph_ps(load_half(&halves[rows]))),
        _ => [0, 1].map(|rows| {
            let words = _mm256_cvtepu16_epi32(load_half(&halves[rows]));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(words))
        }),
    }
}
