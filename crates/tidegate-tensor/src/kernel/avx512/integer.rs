//! Products of integers with `vpdpbusd`: four columns of sixteen rows at a time.

use std::arch::x86_64::*;

use super::{load, load_half, prefetch, store};
use crate::kernel::unroll;
use crate::panel::{Codes, IntPanel, IntTile, SUPER, Scales, Sums, TILE, Width};

/// The meanings of codes, as numbers that can be parameters of a kernel.
const HALF: u8 = 0;
const HALF_MIN: u8 = 1;
const SUPER_MIN: u8 = 2;
const SIXTEENTHS: u8 = 3;

/// How far ahead of the codes in use memory is asked for.
const AHEAD: usize = 2048;

/// Multiplies a panel with a tile.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(in crate::kernel) fn panel(panel: IntPanel<'_>, tile: IntTile<'_>, out: &mut [Sums; TILE]) {
    match (panel.width, panel.scales) {
        (Width::Nibble, Scales::Half { .. }) => sized::<256, HALF>(panel, tile, out),
        (Width::Nibble, Scales::HalfMin) => sized::<256, HALF_MIN>(panel, tile, out),
        (Width::Nibble, Scales::Super) => sized::<256, SUPER_MIN>(panel, tile, out),
        (Width::Nibble, Scales::Sixteenths) => sized::<256, SIXTEENTHS>(panel, tile, out),
        (Width::Byte, Scales::Half { .. }) => sized::<512, HALF>(panel, tile, out),
        (Width::Byte, Scales::HalfMin) => sized::<512, HALF_MIN>(panel, tile, out),
        (Width::Byte, Scales::Super) => sized::<512, SUPER_MIN>(panel, tile, out),
        (Width::Byte, Scales::Sixteenths) => sized::<512, SIXTEENTHS>(panel, tile, out),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn sized<const BYTES: usize, const SCALES: u8>(
    panel: IntPanel<'_>,
    tile: IntTile<'_>,
    out: &mut [Sums; TILE],
) {
    match tile.tokens {
        1 => blocks::<BYTES, SCALES, 1>(panel, tile, out),
        2 => blocks::<BYTES, SCALES, 2>(panel, tile, out),
        3 => blocks::<BYTES, SCALES, 3>(panel, tile, out),
        4 => blocks::<BYTES, SCALES, 4>(panel, tile, out),
        6 => blocks::<BYTES, SCALES, 6>(panel, tile, out),
        8 => blocks::<BYTES, SCALES, 8>(panel, tile, out),
        _ => blocks::<BYTES, SCALES, 12>(panel, tile, out),
    }
}

/// The kernel: all blocks of a panel with `M` tokens, whose sums stay in registers. `BYTES` of a
/// block of codes tell nibbles from bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn blocks<const BYTES: usize, const SCALES: u8, const M: usize>(
    panel: IntPanel<'_>,
    tile: IntTile<'_>,
    out: &mut [Sums; TILE],
) {
    let mut sums = [_mm512_setzero_ps(); M];
    let weights = panel.codes.as_chunks::<BYTES>().0.iter().enumerate();
    let activations = tile.codes.as_chunks::<M>().0.iter();
    let scales = tile.scales.as_chunks::<M>().0.iter();
    for (((block, weights), activations), scales) in weights.zip(activations).zip(scales) {
        for line in 0..BYTES / 64 {
            prefetch(weights, AHEAD + line * 64);
        }
        let codes = unpack(weights);
        let meaning = Meaning::read::<SCALES>(panel, block);
        let starts = |at: usize| tile.starts.as_chunks::<M>().0[at];
        let [start, low_start, high_start] = match SCALES {
            HALF => [starts(block), [0; M], [0; M]],
            SIXTEENTHS => [[0; M], starts(2 * block), starts(2 * block + 1)],
            _ => [[0; M]; 3],
        };
        let has_minimums = SCALES == HALF_MIN || SCALES == SUPER_MIN;
        let activation_sums = if has_minimums {
            tile.sums.as_chunks::<M>().0[block]
        } else {
            [0.0; M]
        };
        unroll!(M, I => {
            let scale = _mm512_mul_ps(meaning.scale, _mm512_set1_ps(scales[I]));
            let dots = match SCALES {
                HALF => dot::<0, 8>(_mm512_set1_epi32(start[I]), &codes, &activations[I]),
                SIXTEENTHS => {
                    let low = dot::<0, 4>(_mm512_set1_epi32(low_start[I]), &codes, &activations[I]);
                    let high = dot::<4, 8>(_mm512_set1_epi32(high_start[I]), &codes, &activations[I]);
                    _mm512_add_epi32(
                        _mm512_mullo_epi32(low, meaning.sixteenths[0]),
                        _mm512_mullo_epi32(high, meaning.sixteenths[1]),
                    )
                }
                _ => dot::<0, 8>(_mm512_setzero_si512(), &codes, &activations[I]),
            };
            sums[I] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots), scale, sums[I]);
            if has_minimums {
                sums[I] = _mm512_fmadd_ps(meaning.min, _mm512_set1_ps(activation_sums[I]), sums[I]);
            }
        });
    }
    for (sums, out) in sums.into_iter().zip(out) {
        store(sums, out);
    }
}

/// Adds the products of groups `FROM..TO` to `sums`.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn dot<const FROM: usize, const TO: usize>(
    sums: __m512i,
    codes: &[__m512i; 8],
    activations: &Codes,
) -> __m512i {
    let mut sums = sums;
    for group in FROM..TO {
        sums = _mm512_dpbusd_epi32(sums, codes[group], _mm512_set1_epi32(activations[group]));
    }
    sums
}

/// The codes of a block, one register for each group.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn unpack<const BYTES: usize>(codes: &[u8; BYTES]) -> [__m512i; 8] {
    let lines = codes.as_chunks::<64>().0;
    let mask = _mm512_set1_epi8(15);
    let mut groups = [_mm512_setzero_si512(); 8];
    for (group, codes) in groups.iter_mut().enumerate() {
        *codes = if BYTES == 512 {
            load(&lines[group])
        } else {
            let pair = load(&lines[group / 2]);
            let nibbles = if group % 2 == 0 {
                pair
            } else {
                _mm512_srli_epi16::<4>(pair)
            };
            _mm512_and_si512(nibbles, mask)
        };
    }
    groups
}

/// What the codes of a block mean, row by row.
struct Meaning {
    scale: __m512,
    /// What to add for an activation of 1; may be negative.
    min: __m512,
    /// The scales of the two halves of the block.
    sixteenths: [__m512i; 2],
}

impl Meaning {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    fn read<const SCALES: u8>(panel: IntPanel<'_>, block: usize) -> Self {
        let mut meaning = Self {
            scale: _mm512_setzero_ps(),
            min: _mm512_setzero_ps(),
            sixteenths: [_mm512_setzero_si512(); 2],
        };
        let halves = |bytes: &[u8], at| _mm512_cvtph_ps(load_half(&bytes.as_chunks().0[at]));
        match SCALES {
            HALF => meaning.scale = halves(panel.records, block),
            HALF_MIN => {
                meaning.scale = halves(panel.records, 2 * block);
                meaning.min = halves(panel.records, 2 * block + 1);
            }
            SUPER_MIN => {
                let bytes = _mm512_cvtepu8_epi16(load_half(&panel.records.as_chunks().0[block]));
                let scales = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(bytes));
                let minimums = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64::<1>(bytes));
                let supers = 2 * (block / SUPER);
                meaning.scale = _mm512_mul_ps(halves(panel.supers, supers), _mm512_cvtepi32_ps(scales));
                let min = _mm512_mul_ps(halves(panel.supers, supers + 1), _mm512_cvtepi32_ps(minimums));
                meaning.min = _mm512_sub_ps(_mm512_setzero_ps(), min);
            }
            _ => {
                let bytes = _mm512_cvtepi8_epi16(load_half(&panel.records.as_chunks().0[block]));
                meaning.sixteenths = [
                    _mm512_cvtepi16_epi32(_mm512_castsi512_si256(bytes)),
                    _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64::<1>(bytes)),
                ];
                meaning.scale = halves(panel.supers, block / SUPER);
            }
        }
        meaning
    }
}
