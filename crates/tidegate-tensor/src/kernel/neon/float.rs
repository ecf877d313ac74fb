//! Products of plain numbers: four times four rows of a column times one activation, fused.

use std::arch::aarch64::*;

use super::{load_floats, load_halves, store};
use crate::panel::{Float, FloatPanel, FloatTile, Sums, TILE};

/// Multiplies a panel with a tile and adds to `out`.
#[target_feature(enable = "neon,dotprod")]
pub(in crate::kernel) fn panel(panel: FloatPanel<'_>, tile: FloatTile<'_>, out: &mut [Sums; TILE]) {
    match tile.tokens {
        1 => columns::<1>(panel, tile, out),
        2 => columns::<2>(panel, tile, out),
        3 => columns::<3>(panel, tile, out),
        _ => columns::<4>(panel, tile, out),
    }
}

/// Two panels, one after the other.
#[target_feature(enable = "neon,dotprod")]
pub(in crate::kernel) fn pair(panels: [FloatPanel<'_>; 2], tile: FloatTile<'_>, out: &mut [[Sums; TILE]; 2]) {
    for (weights, out) in panels.into_iter().zip(out) {
        panel(weights, tile, out);
    }
}

/// The kernel of `M` tokens, whose sums stay in registers.
#[target_feature(enable = "neon,dotprod")]
fn columns<const M: usize>(panel: FloatPanel<'_>, tile: FloatTile<'_>, out: &mut [Sums; TILE]) {
    let mut sums = [[vdupq_n_f32(0.0); 4]; M];
    for (sums, out) in sums.iter_mut().zip(&*out) {
        *sums = [0, 1, 2, 3].map(|rows| load_floats(&out.as_chunks().0[rows]));
    }
    let columns = panel.columns.chunks_exact(panel.float.column_bytes());
    for (column, values) in columns.zip(tile.values.as_chunks::<M>().0) {
        let weights = weights(panel.float, column);
        for (sums, value) in sums.iter_mut().zip(values) {
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = vfmaq_n_f32(*sum, weights, *value);
            }
        }
    }
    for (sums, out) in sums.iter().zip(out) {
        for (sums, out) in sums.iter().zip(out.as_chunks_mut().0) {
            store(*sums, out);
        }
    }
}

/// Sixteen rows of a column in single precision.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn weights(float: Float, column: &[u8]) -> [float32x4_t; 4] {
    match float {
        Float::F32 => {
            let rows: &[f32] = bytemuck::cast_slice(column);
            [0, 1, 2, 3].map(|quarter| load_floats(&rows.as_chunks().0[quarter]))
        }
        Float::F16 | Float::BF16 => {
            let rows: &[u16] = bytemuck::cast_slice(column);
            [0, 1, 2, 3].map(|quarter| {
                let words = load_halves(&rows.as_chunks().0[quarter]);
                if float == Float::F16 {
                    vcvt_f32_f16(vreinterpret_f16_u16(words))
                } else {
                    vreinterpretq_f32_u32(vshll_n_u16::<16>(words))
                }
            })
        }
    }
}
