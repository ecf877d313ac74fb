//! What can be wrong with a GGUF file.

use std::fmt;

use super::limits;

/// Why a GGUF file was refused. Offsets are bytes from the start of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum GgufError {
    #[error("not a GGUF file: expected the bytes `GGUF` at the start, found {found}")]
    Magic { found: String },
    #[error("big-endian GGUF is not supported: convert the file to little-endian")]
    BigEndian,
    #[error("GGUF version {version} is not supported: expected 2 or 3")]
    Version { version: u32 },
    #[error("the file ends at byte {end} inside {place}: {needed} more bytes were expected at byte {offset}")]
    Truncated {
        place: Place,
        offset: usize,
        needed: u64,
        end: usize,
    },
    #[error("{place} at byte {offset}: {found} is more than the limit of {limit}")]
    Limit {
        place: Place,
        offset: usize,
        found: u64,
        limit: u64,
    },
    #[error("{place} at byte {offset} is not valid UTF-8")]
    NotText { place: Place, offset: usize },
    #[error("metadata key `{key}` has the unknown value type {kind} at byte {offset}")]
    ValueType { key: String, kind: u32, offset: usize },
    #[error("metadata key `{key}` is an array of arrays, which is not supported")]
    NestedArray { key: String },
    #[error("metadata key `{key}` has the boolean {found} at byte {offset}: expected 0 or 1")]
    Boolean { key: String, found: u8, offset: usize },
    #[error("metadata key `{name}` appears twice")]
    DuplicateKey { name: String },
    #[error("tensor `{name}` appears twice")]
    DuplicateTensor { name: String },
    #[error("metadata key `{key}` should be {expected}, but is {found}")]
    WrongType {
        key: String,
        expected: &'static str,
        found: &'static str,
    },
    #[error("metadata key `{key}` is missing")]
    Missing { key: String },
    #[error("`general.alignment` is {alignment}: expected a power of two up to {max}", max = limits::ALIGNMENT_MAX)]
    Alignment { alignment: u64 },
    #[error(
        "the file is one of {parts} parts of a split model: join them first with `llama-gguf-split --merge`"
    )]
    Split { parts: u64 },
    #[error("tensor `{name}` has {found} dimensions: expected 1 to {max}", max = limits::DIMENSIONS_MAX)]
    Dimensions { name: String, found: u32 },
    #[error("tensor `{name}` has the shape {shape:?}, which holds nothing or too much")]
    Shape { name: String, shape: Vec<u64> },
    #[error("tensor `{name}`: {type_name} is not supported: expected one of {supported}", supported = super::types::supported())]
    TensorType { name: String, type_name: String },
    #[error("tensor `{name}`: rows of {row} elements are not whole blocks of {dtype} ({block} elements)")]
    Blocks {
        name: String,
        row: u64,
        dtype: &'static str,
        block: usize,
    },
    #[error("tensor `{name}` begins at byte {offset} of the data, which is not a multiple of {alignment}")]
    Unaligned {
        name: String,
        offset: u64,
        alignment: usize,
    },
    #[error("tensor `{name}` needs {bytes} bytes from byte {offset}, but the file ends at byte {end}")]
    OutOfFile {
        name: String,
        offset: u64,
        bytes: u64,
        end: usize,
    },
    #[error("tensors `{first}` and `{second}` overlap")]
    Overlap { first: String, second: String },
    #[error("an offset in the file overflows")]
    Overflow,
}

/// A part of the file, for error messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Place {
    Header,
    TensorCount,
    MetadataCount,
    MetadataKey { number: u64 },
    MetadataValue { key: String },
    TensorName { number: u64 },
    Tensor { name: String },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("the header"),
            Self::TensorCount => f.write_str("the number of tensors"),
            Self::MetadataCount => f.write_str("the number of metadata entries"),
            Self::MetadataKey { number } => write!(f, "the key of metadata entry {number}"),
            Self::MetadataValue { key } => write!(f, "the value of metadata key `{key}`"),
            Self::TensorName { number } => write!(f, "the name of tensor {number}"),
            Self::Tensor { name } => write!(f, "the entry of tensor `{name}`"),
        }
    }
}
