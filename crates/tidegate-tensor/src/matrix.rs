//! Weights, repacked for the kernels.

mod pack;

use std::sync::Arc;

use tidegate_base::DType;

use crate::arena::Arena;
use crate::buffer::Buffer;
use crate::error::{TensorError, check_bytes};
use crate::panel::{BLOCK, Float, FloatPanel, Format, IntPanel, ROWS, SUPER, Scales, Width};
use crate::pool::Pool;

/// A matrix of weights in the order in which the kernels read it; see the module `panel`.
#[derive(Debug)]
pub struct Matrix {
    dtype: DType,
    format: Format,
    rows: usize,
    cols: usize,
    /// Codes of integers, or plain numbers.
    codes: Buffer<u8>,
    records: Buffer<u8>,
    supers: Buffer<u8>,
}

/// Bytes of one panel in each of the three streams.
#[derive(Debug, Clone, Copy)]
struct PanelBytes {
    codes: usize,
    records: usize,
    supers: usize,
}

impl Matrix {
    /// Packs `rows` x `cols` weights (outputs x inputs, row-major, as files hold them). Exact: no
    /// weight changes its value. Memory is as the file's, except that 5- and 6-bit codes take a
    /// byte, and rows are padded to a multiple of 16.
    ///
    /// # Errors
    ///
    /// [`TensorError`] if a dimension is zero, a row is not a whole number of blocks, or `data` has
    /// another length than the shape needs.
    pub fn pack(
        pool: &Pool,
        dtype: DType,
        rows: usize,
        cols: usize,
        data: &[u8],
    ) -> Result<Self, TensorError> {
        Self::pack_with(Buffer::zeroed, pool, dtype, (rows, cols), data)
    }

    /// [`Matrix::pack`] into an arena; beside it where that is full.
    ///
    /// # Errors
    ///
    /// Those of [`Matrix::pack`].
    pub fn pack_into(
        arena: &Arc<Arena>,
        pool: &Pool,
        dtype: DType,
        rows: usize,
        cols: usize,
        data: &[u8],
    ) -> Result<Self, TensorError> {
        let buffer = |bytes| Buffer::zeroed_in(arena, bytes);
        Self::pack_with(buffer, pool, dtype, (rows, cols), data)
    }

    fn pack_with(
        buffer: impl Fn(usize) -> Buffer<u8>,
        pool: &Pool,
        dtype: DType,
        (rows, cols): (usize, usize),
        data: &[u8],
    ) -> Result<Self, TensorError> {
        check_shape(dtype, rows, cols, data.len())?;
        let format = format_of(dtype);
        let panels = rows.div_ceil(ROWS);
        let bytes = panel_bytes(format, cols);
        let mut matrix = Self {
            dtype,
            format,
            rows,
            cols,
            codes: buffer(panels * bytes.codes),
            records: buffer(panels * bytes.records),
            supers: buffer(panels * bytes.supers),
        };
        pack::pack(pool, &mut matrix, data);
        Ok(matrix)
    }

    /// Room that a matrix of this type and shape takes in an arena, at most.
    pub fn room_for(dtype: DType, rows: usize, cols: usize) -> usize {
        Self::packed_bytes(dtype, rows, cols).saturating_add(3 * Arena::room_for(0))
    }

    /// Memory that a matrix of this type and shape takes once packed.
    pub fn packed_bytes(dtype: DType, rows: usize, cols: usize) -> usize {
        let bytes = panel_bytes(format_of(dtype), cols);
        let panel = bytes.codes + bytes.records + bytes.supers;
        rows.div_ceil(ROWS).saturating_mul(panel)
    }

    /// Outputs: the width of a row of results.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs: the width of a row of activations.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The type that the weights had in their file.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Memory that the packed weights take: what a product with one token reads.
    pub fn bytes(&self) -> usize {
        self.codes.as_slice().len() + self.records.as_slice().len() + self.supers.as_slice().len()
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn panels(&self) -> usize {
        self.rows.div_ceil(ROWS)
    }

    /// Panel `panel` of a matrix of integers.
    pub(crate) fn int_panel(&self, width: Width, scales: Scales, panel: usize) -> IntPanel<'_> {
        let bytes = panel_bytes(self.format, self.cols);
        IntPanel {
            width,
            scales,
            codes: &self.codes.as_slice()[panel * bytes.codes..][..bytes.codes],
            records: &self.records.as_slice()[panel * bytes.records..][..bytes.records],
            supers: &self.supers.as_slice()[panel * bytes.supers..][..bytes.supers],
        }
    }

    /// Columns `from .. from + len` of panel `panel` of a matrix of plain numbers.
    pub(crate) fn float_panel(&self, float: Float, panel: usize, from: usize, len: usize) -> FloatPanel<'_> {
        let column = float.column_bytes();
        FloatPanel {
            float,
            columns: &self.codes.as_slice()[(panel * self.cols + from) * column..][..len * column],
        }
    }
}

fn check_shape(dtype: DType, rows: usize, cols: usize, bytes: usize) -> Result<(), TensorError> {
    for (what, value) in [("rows", rows), ("cols", cols)] {
        if value == 0 {
            let expected = "at least 1";
            return Err(TensorError::Dimension {
                what,
                value,
                expected,
            });
        }
    }
    let block = dtype.block_len();
    if !cols.is_multiple_of(block) {
        return Err(TensorError::Columns { dtype, cols, block });
    }
    let elements = rows.checked_mul(cols).ok_or(TensorError::Dimension {
        what: "rows",
        value: rows,
        expected: "a matrix that fits in memory",
    })?;
    check_bytes(dtype, elements, bytes)
}

fn format_of(dtype: DType) -> Format {
    match dtype {
        DType::F32 => Format::Float(Float::F32),
        DType::F16 => Format::Float(Float::F16),
        DType::BF16 => Format::Float(Float::BF16),
        DType::Q4_0 => Format::Integer(Width::Nibble, Scales::Half { offset: 8 }),
        DType::Q4_1 => Format::Integer(Width::Nibble, Scales::HalfMin),
        DType::Q5_0 => Format::Integer(Width::Byte, Scales::Half { offset: 16 }),
        DType::Q5_1 => Format::Integer(Width::Byte, Scales::HalfMin),
        DType::Q8_0 => Format::Integer(Width::Byte, Scales::Half { offset: 128 }),
        DType::Q4_K => Format::Integer(Width::Nibble, Scales::Super),
        DType::Q5_K => Format::Integer(Width::Byte, Scales::Super),
        DType::Q6_K => Format::Integer(Width::Byte, Scales::Sixteenths),
    }
}

fn panel_bytes(format: Format, cols: usize) -> PanelBytes {
    match format {
        Format::Float(float) => PanelBytes {
            codes: cols * float.column_bytes(),
            records: 0,
            supers: 0,
        },
        Format::Integer(width, scales) => PanelBytes {
            codes: cols / BLOCK * width.block_bytes(),
            records: cols / BLOCK * scales.record_bytes(),
            supers: cols / BLOCK / SUPER * scales.super_bytes(),
        },
    }
}
