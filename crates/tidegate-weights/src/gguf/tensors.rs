//! The table of tensors: reading it, and proving that each one lies whole in the file.

use tidegate_base::DType;

use super::error::{GgufError, Place};
use super::reader::Reader;
use super::types::ggml_type_name;
use super::{TensorInfo, limits};

/// One row of the table, before its place is checked.
pub(super) struct Raw<'a> {
    pub(super) name: &'a str,
    dtype: DType,
    shape: Vec<usize>,
    offset: u64,
    bytes: usize,
}

/// Reads the table.
pub(super) fn table<'a>(reader: &mut Reader<'a>, count: u64) -> Result<Vec<Raw<'a>>, GgufError> {
    let mut rows = Vec::new();
    for number in 0..count {
        rows.push(row(reader, number)?);
    }
    Ok(rows)
}

fn row<'a>(reader: &mut Reader<'a>, number: u64) -> Result<Raw<'a>, GgufError> {
    let name = reader.string(limits::NAME_BYTES_MAX, || Place::TensorName { number })?;
    let place = || Place::Tensor {
        name: name.to_owned(),
    };
    let dimensions = reader.u32(place)?;
    if !(1..=limits::DIMENSIONS_MAX).contains(&dimensions) {
        return Err(GgufError::Dimensions {
            name: name.to_owned(),
            found: dimensions,
        });
    }
    let mut shape = Vec::with_capacity(dimensions as usize);
    for _ in 0..dimensions {
        shape.push(reader.u64(place)?);
    }
    // The file has the innermost dimension first.
    shape.reverse();
    let number = reader.u32(place)?;
    let offset = reader.u64(place)?;
    let dtype = DType::from_ggml(number).ok_or_else(|| GgufError::TensorType {
        name: name.to_owned(),
        type_name: ggml_type_name(number),
    })?;
    let (shape, bytes) = size(name, dtype, shape)?;
    Ok(Raw {
        name,
        dtype,
        shape,
        offset,
        bytes,
    })
}

/// The shape as sizes of this machine, and the bytes that it takes.
fn size(name: &str, dtype: DType, shape: Vec<u64>) -> Result<(Vec<usize>, usize), GgufError> {
    let row = shape.last().copied().unwrap_or_default();
    let sizes: Option<Vec<usize>> = shape.iter().map(|&size| usize::try_from(size).ok()).collect();
    let elements = sizes
        .as_ref()
        .and_then(|sizes| sizes.iter().try_fold(1_usize, |all, &size| all.checked_mul(size)));
    let (Some(sizes), Some(elements @ 1..)) = (sizes, elements) else {
        return Err(GgufError::Shape {
            name: name.to_owned(),
            shape,
        });
    };
    if !row.is_multiple_of(dtype.block_len() as u64) {
        return Err(GgufError::Blocks {
            name: name.to_owned(),
            row,
            dtype: dtype.name(),
            block: dtype.block_len(),
        });
    }
    let bytes = dtype.bytes_for(elements).ok_or(GgufError::Shape {
        name: name.to_owned(),
        shape,
    })?;
    Ok((sizes, bytes))
}

/// Turns offsets into the data into offsets into the file, and refuses tensors that are unaligned,
/// reach beyond the file, or overlap.
pub(super) fn place<'a>(
    rows: Vec<Raw<'a>>,
    data_offset: usize,
    alignment: usize,
    file_len: usize,
) -> Result<Vec<TensorInfo<'a>>, GgufError> {
    let mut tensors = Vec::with_capacity(rows.len());
    for row in rows {
        let name = || row.name.to_owned();
        if !row.offset.is_multiple_of(alignment as u64) {
            return Err(GgufError::Unaligned {
                name: name(),
                offset: row.offset,
                alignment,
            });
        }
        let begin = usize::try_from(row.offset)
            .ok()
            .and_then(|offset| offset.checked_add(data_offset));
        let end = begin.and_then(|begin| begin.checked_add(row.bytes));
        match (begin, end) {
            (Some(begin), Some(end)) if end <= file_len => tensors.push(TensorInfo {
                name: row.name,
                dtype: row.dtype,
                shape: row.shape,
                offset: begin,
                bytes: row.bytes,
            }),
            _ => {
                return Err(GgufError::OutOfFile {
                    name: name(),
                    offset: row.offset.saturating_add(data_offset as u64),
                    bytes: row.bytes as u64,
                    end: file_len,
                });
            }
        }
    }
    refuse_overlaps(&tensors)?;
    Ok(tensors)
}

fn refuse_overlaps(tensors: &[TensorInfo<'_>]) -> Result<(), GgufError> {
    let mut order: Vec<&TensorInfo<'_>> = tensors.iter().collect();
    order.sort_by_key(|tensor| tensor.offset);
    for pair in order.windows(2) {
        if pair[0].offset + pair[0].bytes > pair[1].offset {
            return Err(GgufError::Overlap {
                first: pair[0].name.to_owned(),
                second: pair[1].name.to_owned(),
            });
        }
    }
    Ok(())
}
