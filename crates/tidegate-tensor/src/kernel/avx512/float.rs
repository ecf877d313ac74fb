//! Products of plain numbers: sixteen rows of a column times one activation, fused.

use std::arch::x86_64::*;

use super::{load, load_floats, load_half, prefetch, store};
use crate::kernel::unroll;
use crate::panel::{Float, FloatPanel, FloatTile, Sums, TILE};

/// The types, as numbers that can be parameters of a kernel.
const F32: u8 = 0;
const F16: u8 = 1;
const BF16: u8 = 2;

/// How far ahead of the columns in use memory is asked for.
const AHEAD: usize = 2048;

/// Multiplies a panel with a tile and adds to `out`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(in crate::kernel) fn panel(panel: FloatPanel<'_>, tile: FloatTile<'_>, out: &mut [Sums; TILE]) {
    match panel.float {
        Float::F32 => sized::<F32, 64, 1>([panel], tile, [out]),
        Float::F16 => sized::<F16, 32, 1>([panel], tile, [out]),
        Float::BF16 => sized::<BF16, 32, 1>([panel], tile, [out]),
    }
}

/// Multiplies two panels with a tile and adds to `out`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(in crate::kernel) fn pair(panels: [FloatPanel<'_>; 2], tile: FloatTile<'_>, out: &mut [[Sums; TILE]; 2]) {
    let out = out.each_mut();
    match panels[0].float {
        Float::F32 => sized::<F32, 64, 2>(panels, tile, out),
        Float::F16 => sized::<F16, 32, 2>(panels, tile, out),
        Float::BF16 => sized::<BF16, 32, 2>(panels, tile, out),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn sized<const TYPE: u8, const BYTES: usize, const P: usize>(
    panels: [FloatPanel<'_>; P],
    tile: FloatTile<'_>,
    out: [&mut [Sums; TILE]; P],
) {
    match tile.tokens {
        1 => {
            for (panel, out) in panels.into_iter().zip(out) {
                one_token::<TYPE, BYTES>(panel, tile, &mut out[0]);
            }
        }
        2 => columns::<TYPE, BYTES, P, 2>(panels, tile, out),
        3 => columns::<TYPE, BYTES, P, 3>(panels, tile, out),
        4 => columns::<TYPE, BYTES, P, 4>(panels, tile, out),
        6 => columns::<TYPE, BYTES, P, 6>(panels, tile, out),
        8 => columns::<TYPE, BYTES, P, 8>(panels, tile, out),
        _ => columns::<TYPE, BYTES, P, 12>(panels, tile, out),
    }
}

/// The kernel of one token: memory is the limit, and four sums hide the latency of an addition.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn one_token<const TYPE: u8, const BYTES: usize>(panel: FloatPanel<'_>, tile: FloatTile<'_>, out: &mut Sums) {
    let mut sums = [_mm512_setzero_ps(); 4];
    sums[0] = load_floats(out);
    let (columns, last_columns) = panel.columns.as_chunks::<BYTES>().0.as_chunks::<4>();
    let (values, last_values) = tile.values.as_chunks::<4>();
    for (columns, values) in columns.iter().zip(values) {
        for line in 0..4 * BYTES / 64 {
            prefetch(&columns[0], AHEAD + line * 64);
        }
        for ((column, value), sum) in columns.iter().zip(values).zip(&mut sums) {
            let value = _mm512_set1_ps(*value);
            *sum = _mm512_fmadd_ps(weights::<TYPE, BYTES>(column), value, *sum);
        }
    }
    for (column, value) in last_columns.iter().zip(last_values) {
        let value = _mm512_set1_ps(*value);
        sums[0] = _mm512_fmadd_ps(weights::<TYPE, BYTES>(column), value, sums[0]);
    }
    let [a, b, c, d] = sums;
    store(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)), out);
}

/// The kernel of `M` tokens and `P` panels, whose sums stay in registers.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn columns<const TYPE: u8, const BYTES: usize, const P: usize, const M: usize>(
    panels: [FloatPanel<'_>; P],
    tile: FloatTile<'_>,
    out: [&mut [Sums; TILE]; P],
) {
    let mut sums = [[_mm512_setzero_ps(); P]; M];
    for panel in 0..P {
        for token in 0..M {
            sums[token][panel] = load_floats(&out[panel][token]);
        }
    }
    let values = tile.values.as_chunks::<M>().0;
    let columns = panels.map(|panel| &panel.columns.as_chunks::<BYTES>().0[..values.len()]);
    for (column, values) in values.iter().enumerate() {
        for columns in columns {
            prefetch(&columns[column], AHEAD);
        }
        let weights = columns.map(|columns| weights::<TYPE, BYTES>(&columns[column]));
        unroll!(M, I => {
            let value = _mm512_set1_ps(values[I]);
            for panel in 0..P {
                sums[I][panel] = _mm512_fmadd_ps(weights[panel], value, sums[I][panel]);
            }
        });
    }
    for (panel, out) in out.into_iter().enumerate() {
        for (sums, out) in sums.iter().zip(out) {
            store(sums[panel], out);
        }
    }
}

/// Sixteen rows of a column in single precision.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn weights<const TYPE: u8, const BYTES: usize>(column: &[u8; BYTES]) -> __m512 {
    match TYPE {
        F32 => _mm512_castsi512_ps(load(&column.as_chunks().0[0])),
        F16 => _mm512_cvtph_ps(load_half(&column.as_chunks().0[0])),
        _ => {
            let words = _mm512_cvtepu16_epi32(load_half(&column.as_chunks().0[0]));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words))
        }
    }
}
