//! What the tests of this crate share: numbers from a seed, and blocks of every type.

use half::{bf16, f16};
use tidegate_base::DType;

/// A small generator (xorshift): the same numbers for the same seed, everywhere.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From -1 to 1.
    pub(crate) fn float(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub(crate) fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.float()).collect()
    }

    /// `elements` of `dtype` as a file holds them: random codes under scales of ordinary size.
    pub(crate) fn blocks(&mut self, dtype: DType, elements: usize) -> Vec<u8> {
        let bytes = dtype.bytes_for(elements).unwrap();
        match dtype {
            DType::F32 => self.plain(elements, f32::to_le_bytes),
            DType::F16 => self.plain(elements, |x| f16::from_f32(x).to_le_bytes()),
            DType::BF16 => self.plain(elements, |x| bf16::from_f32(x).to_le_bytes()),
            DType::Q4_0 | DType::Q5_0 | DType::Q8_0 => self.scaled(dtype, bytes, &[0]),
            DType::Q4_1 | DType::Q5_1 | DType::Q4_K | DType::Q5_K => self.scaled(dtype, bytes, &[0, 2]),
            DType::Q6_K => self.scaled(dtype, bytes, &[208]),
        }
    }

    /// Random blocks with halves of ordinary size at `scales`.
    fn scaled(&mut self, dtype: DType, bytes: usize, scales: &[usize]) -> Vec<u8> {
        let mut data: Vec<u8> = (0..bytes).map(|_| self.bits() as u8).collect();
        for block in data.chunks_exact_mut(dtype.block_bytes()) {
            for at in scales {
                let scale = f16::from_f32(self.float() / 64.0);
                block[*at..at + 2].copy_from_slice(&scale.to_le_bytes());
            }
        }
        data
    }

    fn plain<const N: usize>(&mut self, elements: usize, bytes: impl Fn(f32) -> [u8; N]) -> Vec<u8> {
        (0..elements).flat_map(|_| bytes(self.float())).collect()
    }
}

/// Checks that two results are the same up to rounding: the error must be small beside the largest
/// number around.
pub(crate) fn assert_close(got: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let most = expected.iter().fold(0_f32, |most, x| most.max(x.abs()));
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs();
        assert!(
            error <= tolerance * most.max(1e-3),
            "{what}: {got} is not {expected} at {place}"
        );
    }
}
