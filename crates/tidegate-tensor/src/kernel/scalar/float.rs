//! Products of plain numbers: the definition.

use half::{bf16, f16};

use crate::panel::{Float, FloatPanel, FloatTile, ROWS, Sums, TILE};

/// Multiplies a panel with a tile and adds to `out`.
pub(in crate::kernel) fn panel(panel: FloatPanel<'_>, tile: FloatTile<'_>, out: &mut [Sums; TILE]) {
    let columns = panel.columns.chunks_exact(panel.float.column_bytes());
    for (column, values) in columns.zip(tile.values.chunks_exact(tile.tokens)) {
        let weights: Sums = std::array::from_fn(|row| weight(panel.float, column, row));
        for (out, value) in out.iter_mut().zip(values) {
            for row in 0..ROWS {
                out[row] += weights[row] * value;
            }
        }
    }
}

/// Two panels, one after the other.
pub(in crate::kernel) fn pair(panels: [FloatPanel<'_>; 2], tile: FloatTile<'_>, out: &mut [[Sums; TILE]; 2]) {
    for (weights, out) in panels.into_iter().zip(out) {
        panel(weights, tile, out);
    }
}

fn weight(float: Float, column: &[u8], row: usize) -> f32 {
    let half = [2 * row, 2 * row + 1];
    match float {
        Float::F32 => f32::from_le_bytes(std::array::from_fn(|i| column[4 * row + i])),
        Float::F16 => f16::from_le_bytes(half.map(|at| column[at])).to_f32(),
        Float::BF16 => bf16::from_le_bytes(half.map(|at| column[at])).to_f32(),
    }
}
