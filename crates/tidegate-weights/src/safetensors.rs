//! The safetensors container, and the index of a model in several files.
//!
//! Format: <https://github.com/huggingface/safetensors>. Eight bytes of header length, a JSON
//! header, then the tensors' data, without gaps.

mod header;
mod index;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use tidegate_base::DType;

pub use index::Index;

use crate::tensor::TensorView;
use header::Entry;

/// Bytes of a JSON header; the format's own limit is the same.
pub const HEADER_BYTES_MAX: usize = 100_000_000;
/// Dimensions of one tensor.
pub const DIMENSIONS_MAX: usize = 8;

/// A parsed safetensors file. The tensors' bytes stay where they are.
pub struct SafeTensors<'a> {
    tensors: BTreeMap<String, TensorView<'a>>,
    metadata: BTreeMap<String, String>,
}

/// Why a safetensors file or its index was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum SafeTensorsError {
    #[error("the file has {found} bytes: expected at least 8 of header length")]
    Short { found: usize },
    #[error("the header has {found} bytes: expected at most {limit}")]
    HeaderLength { found: u64, limit: usize },
    #[error("the header needs {needed} bytes, but the file ends after {end}")]
    Truncated { needed: u64, end: usize },
    #[error("the header is not valid: {0}")]
    Header(String),
    #[error("tensor `{name}`: {dtype} is not supported: expected F32, F16 or BF16")]
    TensorType { name: String, dtype: String },
    #[error("tensor `{name}` has {found} dimensions: expected 0 to {max}", max = DIMENSIONS_MAX)]
    Dimensions { name: String, found: usize },
    #[error("tensor `{name}` has the shape {shape:?}, which holds nothing or too much")]
    Shape { name: String, shape: Vec<u64> },
    #[error("tensor `{name}` has {found} bytes: expected {expected} from its type and shape")]
    Size { name: String, found: u64, expected: u64 },
    #[error(
        "tensor `{name}` begins at byte {found} of the data: expected {expected}, where the one before ends"
    )]
    Gap { name: String, found: u64, expected: u64 },
    #[error("tensor `{name}` ends at byte {end} of the data, which has {data} bytes")]
    OutOfFile { name: String, end: u64, data: usize },
    #[error("the tensors end at byte {end} of the data, which has {data} bytes")]
    Trailing { end: u64, data: usize },
    #[error("the index is not valid: {0}")]
    Index(String),
}

impl<'a> SafeTensors<'a> {
    /// Reads the header and checks that the tensors fill the rest of the file exactly, without
    /// gaps or overlap.
    pub fn parse(file: &'a [u8]) -> Result<Self, SafeTensorsError> {
        let (length, rest) = file
            .split_first_chunk::<8>()
            .ok_or(SafeTensorsError::Short { found: file.len() })?;
        let length = u64::from_le_bytes(*length);
        let size = usize::try_from(length)
            .ok()
            .filter(|&size| size <= HEADER_BYTES_MAX);
        let size = size.ok_or(SafeTensorsError::HeaderLength {
            found: length,
            limit: HEADER_BYTES_MAX,
        })?;
        let (header, data) = rest.split_at_checked(size).ok_or(SafeTensorsError::Truncated {
            needed: length.saturating_add(8),
            end: file.len(),
        })?;
        // The format has an object from the first byte; spaces may only follow it.
        if header.first() != Some(&b'{') {
            return Err(SafeTensorsError::Header(
                "expected `{` at its first byte".to_owned(),
            ));
        }
        let header = header::parse(header)?;
        let mut entries = header.tensors;
        entries.sort_by_key(|entry| (entry.1.begin, entry.1.end));
        let mut tensors = BTreeMap::new();
        let mut end = 0;
        for (name, entry) in entries {
            let view = place(&name, entry, &mut end, data)?;
            tensors.insert(name, view);
        }
        if end != data.len() as u64 {
            return Err(SafeTensorsError::Trailing {
                end,
                data: data.len(),
            });
        }
        Ok(Self {
            tensors,
            metadata: header.metadata,
        })
    }

    /// The tensor with this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorView<'a>> {
        self.tensors.get(name)
    }

    /// All tensors, by name.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = &TensorView<'a>> {
        self.tensors.values()
    }

    /// The free texts under `__metadata__`.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }
}

impl fmt::Debug for SafeTensors<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SafeTensors")
            .field("tensors", &self.tensors.len())
            .finish_non_exhaustive()
    }
}

/// Checks one tensor and takes its bytes; `end` is where the one before ended.
fn place<'a>(
    name: &str,
    entry: Entry,
    end: &mut u64,
    data: &'a [u8],
) -> Result<TensorView<'a>, SafeTensorsError> {
    let name = || name.to_owned();
    let dtype = match entry.dtype.as_str() {
        "F32" => DType::F32,
        "F16" => DType::F16,
        "BF16" => DType::BF16,
        _ => {
            return Err(SafeTensorsError::TensorType {
                name: name(),
                dtype: entry.dtype,
            });
        }
    };
    if entry.shape.len() > DIMENSIONS_MAX {
        return Err(SafeTensorsError::Dimensions {
            name: name(),
            found: entry.shape.len(),
        });
    }
    let shape: Option<Vec<usize>> = entry
        .shape
        .iter()
        .map(|&size| usize::try_from(size).ok())
        .collect();
    let elements = shape
        .as_ref()
        .and_then(|shape| shape.iter().try_fold(1_usize, |all, &size| all.checked_mul(size)));
    let bytes = elements
        .filter(|&elements| elements > 0)
        .and_then(|elements| dtype.bytes_for(elements));
    let (Some(shape), Some(bytes)) = (shape, bytes) else {
        return Err(SafeTensorsError::Shape {
            name: name(),
            shape: entry.shape,
        });
    };
    if entry.begin != *end {
        return Err(SafeTensorsError::Gap {
            name: name(),
            found: entry.begin,
            expected: *end,
        });
    }
    let found = entry.end.saturating_sub(entry.begin);
    if found != bytes as u64 {
        return Err(SafeTensorsError::Size {
            name: name(),
            found,
            expected: bytes as u64,
        });
    }
    let range = usize::try_from(entry.begin)
        .ok()
        .zip(usize::try_from(entry.end).ok());
    let bytes = range
        .and_then(|(begin, end)| data.get(begin..end))
        .ok_or_else(|| SafeTensorsError::OutOfFile {
            name: name(),
            end: entry.end,
            data: data.len(),
        })?;
    *end = entry.end;
    Ok(TensorView {
        name: Cow::Owned(name()),
        dtype,
        shape,
        data: bytes,
    })
}
