//! Element types of tensors: names, block geometry, and the numbers that GGUF files use for them.

use std::fmt;

/// The type of a tensor's elements. Quantised types store blocks of elements, not single ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "the names are the field's standard ones; the table below is their definition"
)]
#[expect(non_camel_case_types, reason = "the field writes Q4_0 and Q6_K")]
pub enum DType {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4_K,
    Q5_K,
    Q6_K,
}

/// (type, name, number in GGUF, elements in a block, bytes of a block). The numbers are `ggml_type`
/// of the GGUF specification.
const TABLE: [(DType, &str, u32, usize, usize); 11] = [
    (DType::F32, "F32", 0, 1, 4),
    (DType::F16, "F16", 1, 1, 2),
    (DType::BF16, "BF16", 30, 1, 2),
    (DType::Q4_0, "Q4_0", 2, 32, 18),
    (DType::Q4_1, "Q4_1", 3, 32, 20),
    (DType::Q5_0, "Q5_0", 6, 32, 22),
    (DType::Q5_1, "Q5_1", 7, 32, 24),
    (DType::Q8_0, "Q8_0", 8, 32, 34),
    (DType::Q4_K, "Q4_K", 12, 256, 144),
    (DType::Q5_K, "Q5_K", 13, 256, 176),
    (DType::Q6_K, "Q6_K", 14, 256, 210),
];

impl DType {
    /// Every type.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    fn row(self) -> &'static (Self, &'static str, u32, usize, usize) {
        // The table is in the order of the enum; a test checks it.
        &TABLE[self as usize]
    }

    /// The standard name.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The number that GGUF files use.
    pub fn ggml(self) -> u32 {
        self.row().2
    }

    /// The type with this number in GGUF files.
    pub fn from_ggml(number: u32) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == number).map(|row| row.0)
    }

    /// Elements in one block; 1 for plain types.
    pub fn block_len(self) -> usize {
        self.row().3
    }

    /// Bytes of one block.
    pub fn block_bytes(self) -> usize {
        self.row().4
    }

    /// Bytes that `elements` take, or nothing if they are not whole blocks or the size overflows.
    pub fn bytes_for(self, elements: usize) -> Option<usize> {
        if !elements.is_multiple_of(self.block_len()) {
            return None;
        }
        (elements / self.block_len()).checked_mul(self.block_bytes())
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, place);
            assert_eq!(DType::from_ggml(row.2), Some(row.0));
        }
        assert_eq!(DType::from_ggml(31), None);
    }

    #[test]
    fn sizes_need_whole_blocks() {
        assert_eq!(DType::Q4_0.bytes_for(64), Some(36));
        assert_eq!(DType::Q4_0.bytes_for(33), None);
        assert_eq!(DType::F32.bytes_for(usize::MAX), None);
    }
}
