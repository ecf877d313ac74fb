//! Products of integers with `sdot`: four columns of four rows at a time. Codes below 128 are their
//! own signed value; those of eight bits become signed again.

use std::arch::aarch64::*;

use super::{dot, load, load_floats, load_halves, store};
use crate::panel::{Codes, IntPanel, IntTile, ROWS, SUPER, Scales, Sums, TILE, Width};

/// Multiplies a panel with a tile.
#[target_feature(enable = "neon,dotprod")]
pub(in crate::kernel) fn panel(panel: IntPanel<'_>, tile: IntTile<'_>, out: &mut [Sums; TILE]) {
    match tile.tokens {
        1 => blocks::<1>(panel, tile, out),
        2 => blocks::<2>(panel, tile, out),
        3 => blocks::<3>(panel, tile, out),
        _ => blocks::<4>(panel, tile, out),
    }
}

/// The kernel: all blocks of a panel with `M` tokens.
#[target_feature(enable = "neon,dotprod")]
fn blocks<const M: usize>(panel: IntPanel<'_>, tile: IntTile<'_>, out: &mut [Sums; TILE]) {
    let mut sums = [[vdupq_n_f32(0.0); M]; 4];
    let is_signed = panel.scales == Scales::Half { offset: 128 };
    let scales = tile.scales.as_chunks::<M>().0.iter();
    let activations = tile.codes.as_chunks::<M>().0.iter().zip(scales);
    for (block, (activations, scales)) in activations.enumerate() {
        for (rows, sums) in sums.iter_mut().enumerate() {
            let codes = unpack(panel, block, rows, is_signed);
            let meaning = Meaning::read(panel, block, rows);
            for token in 0..M {
                let place = block * M + token;
                let dots = |from, to| products(&codes, &activations[token], from, to);
                let dots = match panel.scales {
                    Scales::Half { .. } if !is_signed => {
                        vaddq_s32(vdupq_n_s32(tile.starts[place]), dots(0, 8))
                    }
                    Scales::Sixteenths => {
                        let start = |half| vdupq_n_s32(tile.starts[(2 * block + half) * M + token]);
                        let low = vaddq_s32(start(0), dots(0, 4));
                        let high = vaddq_s32(start(1), dots(4, 8));
                        let low = vmulq_s32(low, meaning.sixteenths[0]);
                        vmlaq_s32(low, high, meaning.sixteenths[1])
                    }
                    Scales::Half { .. } | Scales::HalfMin | Scales::Super => dots(0, 8),
                };
                let scale = vmulq_n_f32(meaning.scale, scales[token]);
                sums[token] = vfmaq_f32(sums[token], vcvtq_f32_s32(dots), scale);
                if matches!(panel.scales, Scales::HalfMin | Scales::Super) {
                    sums[token] = vfmaq_n_f32(sums[token], meaning.min, tile.sums[place]);
                }
            }
        }
    }
    for (rows, sums) in sums.iter().enumerate() {
        for (sums, out) in sums.iter().zip(&mut *out) {
            store(*sums, &mut out.as_chunks_mut().0[rows]);
        }
    }
}

/// The sums of products of some groups.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn products(codes: &[int8x16_t; 8], activations: &Codes, from: usize, to: usize) -> int32x4_t {
    let mut sums = vdupq_n_s32(0);
    for group in from..to {
        let activations = vreinterpretq_s8_s32(vdupq_n_s32(activations[group]));
        sums = dot(sums, codes[group], activations);
    }
    sums
}

/// The codes of a block for four rows, one register for each group.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn unpack(panel: IntPanel<'_>, block: usize, rows: usize, is_signed: bool) -> [int8x16_t; 8] {
    let size = panel.width.block_bytes();
    let quarters = panel.codes[block * size..][..size].as_chunks::<16>().0;
    let mut groups = [vdupq_n_s8(0); 8];
    for (group, codes) in groups.iter_mut().enumerate() {
        *codes = match panel.width {
            Width::Byte => load(&quarters[4 * group + rows]),
            Width::Nibble => {
                let pair = vreinterpretq_u8_s8(load(&quarters[4 * (group / 2) + rows]));
                let low = vandq_u8(pair, vdupq_n_u8(15));
                vreinterpretq_s8_u8(if group % 2 == 0 {
                    low
                } else {
                    vshrq_n_u8::<4>(pair)
                })
            }
        };
        if is_signed {
            *codes = veorq_s8(*codes, vdupq_n_s8(-128));
        }
    }
    groups
}

/// What the codes of a block mean, for four rows.
struct Meaning {
    scale: float32x4_t,
    /// What to add for an activation of 1; may be negative.
    min: float32x4_t,
    /// The scales of the two halves of the block.
    sixteenths: [int32x4_t; 2],
}

impl Meaning {
    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    fn read(panel: IntPanel<'_>, block: usize, rows: usize) -> Self {
        let halves = |bytes: &[u8], at: usize| {
            let halves: &[u16] = bytemuck::cast_slice(bytes);
            let halves = load_halves(&halves.as_chunks().0[4 * at + rows]);
            vcvt_f32_f16(vreinterpret_f16_u16(halves))
        };
        let byte = |field: usize, row: usize| panel.records[(2 * block + field) * ROWS + 4 * rows + row];
        let bytes = |field: usize| load_floats(&std::array::from_fn(|row| f32::from(byte(field, row))));
        let signed = |field: usize| {
            let scales = std::array::from_fn(|row| f32::from(byte(field, row).cast_signed()));
            vcvtq_s32_f32(load_floats(&scales))
        };
        let zero = vdupq_n_f32(0.0);
        let none = [vdupq_n_s32(0); 2];
        match panel.scales {
            Scales::Half { .. } => Self {
                scale: halves(panel.records, block),
                min: zero,
                sixteenths: none,
            },
            Scales::HalfMin => Self {
                scale: halves(panel.records, 2 * block),
                min: halves(panel.records, 2 * block + 1),
                sixteenths: none,
            },
            Scales::Super => Self {
                scale: vmulq_f32(halves(panel.supers, 2 * (block / SUPER)), bytes(0)),
                min: vnegq_f32(vmulq_f32(halves(panel.supers, 2 * (block / SUPER) + 1), bytes(1))),
                sixteenths: none,
            },
            Scales::Sixteenths => Self {
                scale: halves(panel.supers, block / SUPER),
                min: zero,
                sixteenths: [signed(0), signed(1)],
            },
        }
    }
}
