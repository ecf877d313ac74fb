//! Products of integers: the definition.

use half::f16;

use crate::panel::{BLOCK, IntPanel, IntTile, ROWS, SUPER, Scales, Sums, TILE, Width};

/// Multiplies a panel with a tile.
pub(in crate::kernel) fn panel(panel: IntPanel<'_>, tile: IntTile<'_>, out: &mut [Sums; TILE]) {
    for (token, out) in out.iter_mut().take(tile.tokens).enumerate() {
        for (row, out) in out.iter_mut().enumerate() {
            *out = 0.0;
            for block in 0..tile.scales.len() / tile.tokens {
                *out = add_block(*out, panel, tile, row, token, block);
            }
        }
    }
}

/// Adds what one block of one row and one token gives to `sum`.
fn add_block(
    sum: f32,
    panel: IntPanel<'_>,
    tile: IntTile<'_>,
    row: usize,
    token: usize,
    block: usize,
) -> f32 {
    let place = block * tile.tokens + token;
    let scale = tile.scales[place];
    let record = &panel.records[block * panel.scales.record_bytes()..];
    let supers = &panel.supers[block / SUPER * panel.scales.super_bytes()..];
    let half = |bytes: &[u8], at: usize| {
        let at = 2 * (at * ROWS + row);
        f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
    };
    let dot = |from, to| dot(panel, tile, row, place, from..to);
    match panel.scales {
        Scales::Half { .. } => {
            let products = dot(0, BLOCK) + tile.starts[place];
            sum + products as f32 * (half(record, 0) * scale)
        }
        Scales::HalfMin => {
            let sum = sum + dot(0, BLOCK) as f32 * (half(record, 0) * scale);
            sum + half(record, 1) * tile.sums[place]
        }
        Scales::Super => {
            let d = half(supers, 0) * f32::from(record[row]);
            let min = half(supers, 1) * f32::from(record[ROWS + row]);
            let sum = sum + dot(0, BLOCK) as f32 * (d * scale);
            sum - min * tile.sums[place]
        }
        Scales::Sixteenths => {
            let start = |half| tile.starts[(2 * block + half) * tile.tokens + token];
            let low = dot(0, BLOCK / 2) + start(0);
            let high = dot(BLOCK / 2, BLOCK) + start(1);
            let scales = [record[row], record[ROWS + row]].map(|scale| i32::from(scale.cast_signed()));
            // Below 2^24, so the conversion is exact.
            let products = low * scales[0] + high * scales[1];
            sum + products as f32 * (half(supers, 0) * scale)
        }
    }
}

/// The products of codes and rounded activations in some columns of a block.
fn dot(
    panel: IntPanel<'_>,
    tile: IntTile<'_>,
    row: usize,
    place: usize,
    columns: std::ops::Range<usize>,
) -> i32 {
    let size = panel.width.block_bytes();
    let codes = &panel.codes[place / tile.tokens * size..][..size];
    columns
        .map(|column| {
            let (group, rest) = (column / 4, column % 4);
            let activation = tile.codes[place][group].to_le_bytes()[rest].cast_signed();
            let code = match panel.width {
                Width::Byte => codes[(group * ROWS + row) * 4 + rest],
                Width::Nibble => codes[(group / 2 * ROWS + row) * 4 + rest] >> (group % 2 * 4) & 15,
            };
            i32::from(code) * i32::from(activation)
        })
        .sum()
}
