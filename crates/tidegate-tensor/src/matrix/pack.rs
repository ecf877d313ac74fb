//! From the rows of a file to panels: the same numbers in another order.

#![expect(
    unsafe_code,
    reason = "the parts of a job write to panels that do not overlap"
)]

use tidegate_base::DType;

use super::{Matrix, PanelBytes, panel_bytes};
use crate::dequant::{k_nibbles, nibbles, q5_k_codes, q6_k_code, scales_and_minimums, with_fifth_bit};
use crate::panel::{BLOCK, Float, Format, ROWS, SUPER, Scales, Width};
use crate::pool::{Pool, Shared};

/// Fills the zeroed panels of `matrix` with the rows in `data`.
pub(super) fn pack(pool: &Pool, matrix: &mut Matrix, data: &[u8]) {
    let (dtype, format, rows, cols) = (matrix.dtype, matrix.format, matrix.rows, matrix.cols);
    let bytes = panel_bytes(format, cols);
    let panels = matrix.panels();
    let row_bytes = data.len() / rows;
    let codes = Shared::new(matrix.codes.as_mut_slice());
    let records = Shared::new(matrix.records.as_mut_slice());
    let supers = Shared::new(matrix.supers.as_mut_slice());
    pool.run(panels, &|panel| {
        let PanelBytes {
            codes: c,
            records: r,
            supers: s,
        } = bytes;
        // SAFETY: part `panel` alone touches panel `panel`, and panels do not overlap.
        let codes = unsafe { codes.piece(panel * c, c) };
        // SAFETY: as above.
        let records = unsafe { records.piece(panel * r, r) };
        // SAFETY: as above.
        let supers = unsafe { supers.piece(panel * s, s) };
        for row in 0..ROWS.min(rows - panel * ROWS) {
            let source = &data[(panel * ROWS + row) * row_bytes..][..row_bytes];
            match format {
                Format::Float(Float::F32) => put_floats::<4>(source, row, codes),
                Format::Float(Float::F16 | Float::BF16) => put_floats::<2>(source, row, codes),
                Format::Integer(width, scales) => {
                    let mut panel = Target {
                        width,
                        scales,
                        row,
                        codes,
                        records,
                        supers,
                    };
                    panel.put_row(dtype, source);
                }
            }
        }
    });
}

/// Spreads a row of plain numbers of `SIZE` bytes over the columns of its panel.
fn put_floats<const SIZE: usize>(source: &[u8], row: usize, codes: &mut [u8]) {
    let columns = codes.as_chunks_mut::<SIZE>().0.chunks_exact_mut(ROWS);
    for (column, element) in columns.zip(source.as_chunks::<SIZE>().0) {
        column[row] = *element;
    }
}

/// One row of a panel of integers.
struct Target<'a> {
    width: Width,
    scales: Scales,
    row: usize,
    codes: &'a mut [u8],
    records: &'a mut [u8],
    supers: &'a mut [u8],
}

impl Target<'_> {
    fn put_row(&mut self, dtype: DType, source: &[u8]) {
        let blocks = source.chunks_exact(dtype.block_bytes()).enumerate();
        for (number, block) in blocks {
            match dtype {
                DType::Q4_0 => self.put(number, nibbles(&block[2..]), &block[..2]),
                DType::Q4_1 => self.put(number, nibbles(&block[4..]), &block[..4]),
                DType::Q5_0 => {
                    let codes = with_fifth_bit(nibbles(&block[6..]), &block[2..6]);
                    self.put(number, codes, &block[..2]);
                }
                DType::Q5_1 => {
                    let codes = with_fifth_bit(nibbles(&block[8..]), &block[4..8]);
                    self.put(number, codes, &block[..4]);
                }
                DType::Q8_0 => {
                    // Signed to unsigned by an offset of 128: the top bit flips.
                    let codes = std::array::from_fn(|i| block[2 + i] ^ 0x80);
                    self.put(number, codes, &block[..2]);
                }
                DType::Q4_K => self.put_k(number, block, |group| k_nibbles(&block[16..], group)),
                DType::Q5_K => self.put_k(number, block, |group| q5_k_codes(block, group)),
                DType::Q6_K => self.put_q6_k(number, block),
                DType::F32 | DType::F16 | DType::BF16 => {}
            }
        }
    }

    /// A block of `Q4_K` or `Q5_K`: eight groups with scale and minimum, two super-scales.
    fn put_k(&mut self, number: usize, block: &[u8], codes: impl Fn(usize) -> [u8; BLOCK]) {
        let scales = scales_and_minimums(&block[4..16]);
        for (group, (scale, min)) in scales.into_iter().enumerate() {
            self.put(number * SUPER + group, codes(group), &[scale, min]);
        }
        self.put_super(number, &block[..4]);
    }

    fn put_q6_k(&mut self, number: usize, block: &[u8]) {
        for (group, scales) in block[192..208].chunks_exact(2).enumerate() {
            let codes = std::array::from_fn(|i| q6_k_code(block, group * BLOCK + i));
            self.put(number * SUPER + group, codes, scales);
        }
        self.put_super(number, &block[208..]);
    }

    /// Writes the codes of one block of 32 and its record: the fields of one row, which land
    /// sixteen rows apart.
    fn put(&mut self, block: usize, codes: [u8; BLOCK], record: &[u8]) {
        let size = self.width.block_bytes();
        let words = &mut self.codes[block * size..][..size];
        let groups = codes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|group| u32::from_le_bytes(*group));
        match self.width {
            Width::Byte => {
                for (group, word) in groups.enumerate() {
                    words[(group * ROWS + self.row) * 4..][..4].copy_from_slice(&word.to_le_bytes());
                }
            }
            Width::Nibble => {
                let mut groups = groups;
                for pair in 0..4 {
                    let (low, high) = (groups.next(), groups.next());
                    let word = low.unwrap_or(0) | high.unwrap_or(0) << 4;
                    words[(pair * ROWS + self.row) * 4..][..4].copy_from_slice(&word.to_le_bytes());
                }
            }
        }
        let field = match self.scales {
            Scales::Half { .. } | Scales::HalfMin => 2,
            Scales::Super | Scales::Sixteenths => 1,
        };
        let size = self.scales.record_bytes();
        spread(&mut self.records[block * size..][..size], record, field, self.row);
    }

    fn put_super(&mut self, block: usize, halves: &[u8]) {
        let size = self.scales.super_bytes();
        spread(&mut self.supers[block * size..][..size], halves, 2, self.row);
    }
}

/// Writes the fields of one row, each `size` bytes, between those of the other rows.
fn spread(record: &mut [u8], fields: &[u8], size: usize, row: usize) {
    for (number, field) in fields.chunks_exact(size).enumerate() {
        record[(number * ROWS + row) * size..][..size].copy_from_slice(field);
    }
}
