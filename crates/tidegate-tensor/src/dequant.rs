//! From the blocks of a file to plain numbers, bit for bit as the `gguf` Python package does it.
//!
//! The formats are those of `ggml-common.h`: a scale (and a minimum) for each block of 32 elements,
//! or for each group inside a block of 256.

use half::{bf16, f16};
use tidegate_base::DType;

use crate::error::{TensorError, check_bytes};

/// Writes the elements that `bytes` hold to `out`.
///
/// # Errors
///
/// [`TensorError`] if `out` is not a whole number of blocks or `bytes` are not as many as it needs.
pub fn dequantize(dtype: DType, bytes: &[u8], out: &mut [f32]) -> Result<(), TensorError> {
    check_bytes(dtype, out.len(), bytes.len())?;
    match dtype {
        DType::F32 => plain(bytes, out, f32::from_le_bytes),
        DType::F16 => plain(bytes, out, |bytes| f16::from_le_bytes(bytes).to_f32()),
        DType::BF16 => plain(bytes, out, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        DType::Q4_0 => blocks(bytes, out, q4_0),
        DType::Q4_1 => blocks(bytes, out, q4_1),
        DType::Q5_0 => blocks(bytes, out, q5_0),
        DType::Q5_1 => blocks(bytes, out, q5_1),
        DType::Q8_0 => blocks(bytes, out, q8_0),
        DType::Q4_K => blocks(bytes, out, q4_k),
        DType::Q5_K => blocks(bytes, out, q5_k),
        DType::Q6_K => blocks(bytes, out, q6_k),
    }
    Ok(())
}

fn plain<const BYTES: usize>(bytes: &[u8], out: &mut [f32], read: impl Fn([u8; BYTES]) -> f32) {
    for (out, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *out = read(*bytes);
    }
}

fn blocks<const BYTES: usize, const LEN: usize>(
    bytes: &[u8],
    out: &mut [f32],
    read: impl Fn(&[u8; BYTES], &mut [f32; LEN]),
) {
    for (out, block) in out.as_chunks_mut().0.iter_mut().zip(bytes.as_chunks().0) {
        read(block, out);
    }
}

/// The half-precision number at `at`.
pub(crate) fn half_at(block: &[u8], at: usize) -> f16 {
    f16::from_le_bytes([block[at], block[at + 1]])
}

/// The 4-bit codes of 32 elements in 16 bytes: the low halves are the first 16.
pub(crate) fn nibbles(bytes: &[u8]) -> [u8; 32] {
    std::array::from_fn(|i| if i < 16 { bytes[i] & 15 } else { bytes[i - 16] >> 4 })
}

/// Adds the fifth bit of 32 codes, which stands in a 32-bit word of its own.
pub(crate) fn with_fifth_bit(codes: [u8; 32], high: &[u8]) -> [u8; 32] {
    std::array::from_fn(|i| codes[i] | (high[i / 8] >> (i % 8) & 1) << 4)
}

fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let scale = half_at(block, 0).to_f32();
    let codes = nibbles(&block[2..]);
    *out = codes.map(|code| scale * (f32::from(code) - 8.0));
}

fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (scale, min) = (half_at(block, 0).to_f32(), half_at(block, 2).to_f32());
    let codes = nibbles(&block[4..]);
    *out = codes.map(|code| scale * f32::from(code) + min);
}

fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let scale = half_at(block, 0).to_f32();
    let codes = with_fifth_bit(nibbles(&block[6..]), &block[2..6]);
    *out = codes.map(|code| scale * (f32::from(code) - 16.0));
}

fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (scale, min) = (half_at(block, 0).to_f32(), half_at(block, 2).to_f32());
    let codes = with_fifth_bit(nibbles(&block[8..]), &block[4..8]);
    *out = codes.map(|code| scale * f32::from(code) + min);
}

fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let scale = half_at(block, 0).to_f32();
    *out = std::array::from_fn(|i| scale * f32::from(block[2 + i].cast_signed()));
}

/// The 6-bit scales and minimums of the eight groups of a `Q4_K` or `Q5_K` block, packed in 12
/// bytes: the low six bits of the first eight bytes are those of groups 0 to 3; the others find
/// their low four bits in the last four bytes and their high two above the first eight.
pub(crate) fn scales_and_minimums(packed: &[u8]) -> [(u8, u8); 8] {
    std::array::from_fn(|group| {
        if group < 4 {
            (packed[group] & 63, packed[group + 4] & 63)
        } else {
            let low = packed[group + 4];
            (
                low & 15 | packed[group - 4] >> 6 << 4,
                low >> 4 | packed[group] >> 6 << 4,
            )
        }
    })
}

/// The 4-bit codes of group `group` of a `Q4_K` or `Q5_K` block: two groups share 32 bytes.
pub(crate) fn k_nibbles(bytes: &[u8], group: usize) -> [u8; 32] {
    let shift = group % 2 * 4;
    std::array::from_fn(|i| bytes[group / 2 * 32 + i] >> shift & 15)
}

/// The 5-bit codes of group `group` of a `Q5_K` block.
pub(crate) fn q5_k_codes(block: &[u8], group: usize) -> [u8; 32] {
    let codes = k_nibbles(&block[48..], group);
    std::array::from_fn(|i| codes[i] | (block[16 + i] >> group & 1) << 4)
}

/// The 6-bit code of element `i` of a `Q6_K` block: halves of 128 elements; in each, 64 bytes hold
/// the low four bits and 32 bytes the high two.
pub(crate) fn q6_k_code(block: &[u8], i: usize) -> u8 {
    let (half, rest) = (i / 128, i % 128);
    let low = block[half * 64 + rest % 64] >> (rest / 64 * 4) & 15;
    let high = block[128 + half * 32 + rest % 32] >> (rest / 32 * 2) & 3;
    low | high << 4
}

fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let groups = out.as_chunks_mut::<32>().0;
    for (group, out) in groups.iter_mut().enumerate() {
        *out = k_group(block, group, k_nibbles(&block[16..], group));
    }
}

fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let groups = out.as_chunks_mut::<32>().0;
    for (group, out) in groups.iter_mut().enumerate() {
        *out = k_group(block, group, q5_k_codes(block, group));
    }
}

/// The elements of one group of a `Q4_K` or `Q5_K` block.
fn k_group(block: &[u8], group: usize, codes: [u8; 32]) -> [f32; 32] {
    let (scale, min) = scales_and_minimums(&block[4..16])[group];
    let scale = half_at(block, 0).to_f32() * f32::from(scale);
    let min = half_at(block, 2).to_f32() * f32::from(min);
    codes.map(|code| scale * f32::from(code) - min)
}

fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let base = half_at(block, 208).to_f32();
    for (i, out) in out.iter_mut().enumerate() {
        let scale = base * f32::from(block[192 + i / 16].cast_signed());
        *out = scale * (f32::from(q6_k_code(block, i)) - 32.0);
    }
}
