//! Products of integers with `vpmaddubsw`: four columns of eight rows at a time, first as 16-bit sums
//! of pairs, which must not overflow.

use std::arch::x86_64::*;

use super::{load, load_half, store};
use crate::kernel::unroll;
use crate::panel::{Codes, IntPanel, IntTile, SUPER, Scales, Sums, TILE, Width};

/// The meanings of codes, as numbers that can be parameters of a kernel.
const HALF: u8 = 0;
const HALF_MIN: u8 = 1;
const SUPER_MIN: u8 = 2;
const SIXTEENTHS: u8 = 3;
/// Codes of eight bits, offset by 128: made signed again, because 255 times 127 twice is too much.
const SIGNED: u8 = 4;

/// Multiplies a panel with a tile.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::kernel) fn panel(panel: IntPanel<'_>, tile: IntTile<'_>, out: &mut [Sums; TILE]) {
    match (panel.width, panel.scales) {
        (Width::Nibble, Scales::Half { .. }) => sized::<256, HALF>(panel, tile, out),
        (Width::Nibble, Scales::HalfMin) => sized::<256, HALF_MIN>(panel, tile, out),
        (Width::Nibble, Scales::Super) => sized::<256, SUPER_MIN>(panel, tile, out),
        (Width::Nibble, Scales::Sixteenths) => sized::<256, SIXTEENTHS>(panel, tile, out),
        (Width::Byte, Scales::Half { offset: 128 }) => sized::<512, SIGNED>(panel, tile, out),
        (Width::Byte, Scales::Half { .. }) => sized::<512, HALF>(panel, tile, out),
        (Width::Byte, Scales::HalfMin) => sized::<512, HALF_MIN>(panel, tile, out),
        (Width::Byte, Scales::Super) => sized::<512, SUPER_MIN>(panel, tile, out),
        (Width::Byte, Scales::Sixteenths) => sized::<512, SIXTEENTHS>(panel, tile, out),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn sized<const BYTES: usize, const SCALES: u8>(
    panel: IntPanel<'_>,
    tile: IntTile<'_>,
    out: &mut [Sums; TILE],
) {
    match tile.tokens {
        1 => blocks::<BYTES, SCALES, 1>(panel, tile, out),
        2 => blocks::<BYTES, SCALES, 2>(panel, tile, out),
        3 => blocks::<BYTES, SCALES, 3>(panel, tile, out),
        _ => blocks::<BYTES, SCALES, 4>(panel, tile, out),
    }
}

/// The kernel: all blocks of a panel with `M` tokens. `BYTES` of a block of codes tell nibbles from
/// bytes.
#[target_feature(enable = "avx2,fma,f16c")]
fn blocks<const BYTES: usize, const SCALES: u8, const M: usize>(
    panel: IntPanel<'_>,
    tile: IntTile<'_>,
    out: &mut [Sums; TILE],
) {
    let mut sums = [[_mm256_setzero_ps(); M]; 2];
    let weights = panel.codes.as_chunks::<BYTES>().0.iter().enumerate();
    let activations = tile.codes.as_chunks::<M>().0.iter();
    let scales = tile.scales.as_chunks::<M>().0.iter();
    for (((block, weights), activations), scales) in weights.zip(activations).zip(scales) {
        for (rows, sums) in sums.iter_mut().enumerate() {
            let codes = unpack::<BYTES, SCALES>(weights, rows);
            let meaning = Meaning::read::<SCALES>(panel, block, rows);
            unroll!(M, I => {
                let scale = _mm256_mul_ps(meaning.scale, _mm256_set1_ps(scales[I]));
                let dots = match SCALES {
                    HALF => {
                        let start = _mm256_set1_epi32(tile.starts[block * M + I]);
                        let dots = dot::<BYTES, SCALES, 0, 8>(&codes, &activations[I]);
                        _mm256_add_epi32(start, dots)
                    }
                    SIXTEENTHS => {
                        let [low, high] = [0, 1].map(|half| tile.starts[(2 * block + half) * M + I]);
                        let low_dots = dot::<BYTES, SCALES, 0, 4>(&codes, &activations[I]);
                        let high_dots = dot::<BYTES, SCALES, 4, 8>(&codes, &activations[I]);
                        let low = _mm256_add_epi32(_mm256_set1_epi32(low), low_dots);
                        let high = _mm256_add_epi32(_mm256_set1_epi32(high), high_dots);
                        _mm256_add_epi32(
                            _mm256_mullo_epi32(low, meaning.sixteenths[0]),
                            _mm256_mullo_epi32(high, meaning.sixteenths[1]),
                        )
                    }
                    _ => dot::<BYTES, SCALES, 0, 8>(&codes, &activations[I]),
                };
                sums[I] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), scale, sums[I]);
                if SCALES == HALF_MIN || SCALES == SUPER_MIN {
                    let activations = _mm256_set1_ps(tile.sums[block * M + I]);
                    sums[I] = _mm256_fmadd_ps(meaning.min, activations, sums[I]);
                }
            });
        }
    }
    for (rows, sums) in sums.iter().enumerate() {
        for (sums, out) in sums.iter().zip(&mut *out) {
            store(*sums, &mut out.as_chunks_mut().0[rows]);
        }
    }
}

/// How many groups may be added up in 16 bits: an activation is at most 127, so a pair of products
/// is at most 254 codes, and 32767 must not be passed. Nibbles: 15 * 254 * 8 = 30480. Five bits:
/// 31 * 254 * 4 = 31496. Six bits: 63 * 254 * 2 = 32004. Signed: 128 * 254 = 32512.
const fn groups_in_16_bits(bytes: usize, scales: u8) -> usize {
    match (bytes, scales) {
        (256, _) => 8,
        (_, SIGNED) => 1,
        (_, SIXTEENTHS) => 2,
        _ => 4,
    }
}

/// The sums of products of groups `FROM..TO`.
#[inline]
#[target_feature(enable = "avx2")]
fn dot<const BYTES: usize, const SCALES: u8, const FROM: usize, const TO: usize>(
    codes: &[__m256i; 8],
    activations: &Codes,
) -> __m256i {
    let ones = _mm256_set1_epi16(1);
    let step = groups_in_16_bits(BYTES, SCALES);
    let mut sums = _mm256_setzero_si256();
    for first in (FROM..TO).step_by(step) {
        let mut pairs = _mm256_setzero_si256();
        for group in first..TO.min(first + step) {
            let activations = _mm256_set1_epi32(activations[group]);
            let products = if SCALES == SIGNED {
                // |w| * (a with the sign of w).
                let signed = _mm256_sign_epi8(activations, codes[group]);
                _mm256_maddubs_epi16(_mm256_abs_epi8(codes[group]), signed)
            } else {
                _mm256_maddubs_epi16(codes[group], activations)
            };
            pairs = _mm256_add_epi16(pairs, products);
        }
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, ones));
    }
    sums
}

/// The codes of a block for rows 0 to 7 or 8 to 15, one register for each group.
#[inline]
#[target_feature(enable = "avx2")]
fn unpack<const BYTES: usize, const SCALES: u8>(codes: &[u8; BYTES], rows: usize) -> [__m256i; 8] {
    let lines = codes.as_chunks::<32>().0;
    let mask = _mm256_set1_epi8(15);
    let mut groups = [_mm256_setzero_si256(); 8];
    for (group, codes) in groups.iter_mut().enumerate() {
        *codes = if BYTES == 512 {
            load(&lines[2 * group + rows])
        } else {
            let pair = load(&lines[2 * (group / 2) + rows]);
            let nibbles = if group % 2 == 0 {
                pair
            } else {
                _mm256_srli_epi16::<4>(pair)
            };
            _mm256_and_si256(nibbles, mask)
        };
        if SCALES == SIGNED {
            *codes = _mm256_xor_si256(*codes, _mm256_set1_epi8(-128));
        }
    }
    groups
}

/// What the codes of a block mean, for eight rows.
struct Meaning {
    scale: __m256,
    /// What to add for an activation of 1; may be negative.
    min: __m256,
    /// The scales of the two halves of the block.
    sixteenths: [__m256i; 2],
}

impl Meaning {
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn read<const SCALES: u8>(panel: IntPanel<'_>, block: usize, rows: usize) -> Self {
        let mut meaning = Self {
            scale: _mm256_setzero_ps(),
            min: _mm256_setzero_ps(),
            sixteenths: [_mm256_setzero_si256(); 2],
        };
        let halves = |bytes: &[u8], at| _mm256_cvtph_ps(load_half(&bytes.as_chunks().0[2 * at + rows]));
        match SCALES {
            HALF | SIGNED => meaning.scale = halves(panel.records, block),
            HALF_MIN => {
                meaning.scale = halves(panel.records, 2 * block);
                meaning.min = halves(panel.records, 2 * block + 1);
            }
            SUPER_MIN => {
                let [scales, minimums] = bytes(panel, block, rows).map(|bytes| _mm256_cvtepu8_epi32(bytes));
                let supers = 2 * (block / SUPER);
                meaning.scale = _mm256_mul_ps(halves(panel.supers, supers), _mm256_cvtepi32_ps(scales));
                let min = _mm256_mul_ps(halves(panel.supers, supers + 1), _mm256_cvtepi32_ps(minimums));
                meaning.min = _mm256_sub_ps(_mm256_setzero_ps(), min);
            }
            _ => {
                meaning.sixteenths = bytes(panel, block, rows).map(|bytes| _mm256_cvtepi8_epi32(bytes));
                meaning.scale = halves(panel.supers, block / SUPER);
            }
        }
        meaning
    }
}

/// The two fields of a record of bytes, for eight rows.
#[inline]
#[target_feature(enable = "avx2")]
fn bytes(panel: IntPanel<'_>, block: usize, rows: usize) -> [__m128i; 2] {
    let record = panel.records.as_chunks::<16>().0;
    [0, 1].map(|field| {
        let bytes = load_half(&record[2 * block + field]);
        if rows == 0 {
            bytes
        } else {
            _mm_srli_si128::<8>(bytes)
        }
    })
}
