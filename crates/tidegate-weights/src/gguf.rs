//! The GGUF container, versions 2 and 3, little-endian.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. A header, key-value
//! metadata, a table of tensors, then their data from the next multiple of `general.alignment`.

mod error;
mod reader;
mod tensors;
mod types;
mod value;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use tidegate_base::DType;

pub use error::{GgufError, Place};
pub use types::{file_type_name, ggml_type_name};
pub use value::{Array, Strings, Value, ValueKind};

use crate::tensor::TensorView;
use reader::Reader;

/// Bounds on what a file may ask for. A file beyond them is refused before anything is allocated.
/// They are several times above the largest public models.
pub mod limits {
    /// Tensors in one file.
    pub const TENSORS_MAX: u64 = 1 << 17;
    /// Metadata entries.
    pub const METADATA_MAX: u64 = 1 << 16;
    /// Bytes of one metadata key (the specification's own limit).
    pub const KEY_BYTES_MAX: u64 = 65_535;
    /// Bytes of one string value; a whole `tokenizer.json` may be one.
    pub const STRING_BYTES_MAX: u64 = 128 << 20;
    /// Elements of one array; the largest vocabularies have a quarter of a million.
    pub const ARRAY_LEN_MAX: u64 = 1 << 24;
    /// Bytes of one tensor name (ggml itself stops at 64).
    pub const NAME_BYTES_MAX: u64 = 256;
    /// Dimensions of one tensor.
    pub const DIMENSIONS_MAX: u32 = 4;
    /// The largest `general.alignment`, which must be a power of two.
    pub const ALIGNMENT_MAX: u64 = 1 << 20;
}

/// `general.alignment` where the file does not say.
const ALIGNMENT_DEFAULT: u64 = 32;

/// Where a tensor lies and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo<'a> {
    /// The name in the file.
    pub name: &'a str,
    /// The type of the elements.
    pub dtype: DType,
    /// Outermost dimension first (the file has them the other way round).
    pub shape: Vec<usize>,
    /// Where the data begins, in bytes from the start of the file.
    pub offset: usize,
    /// How many bytes of data.
    pub bytes: usize,
}

/// A parsed GGUF file. It borrows everything large from the bytes it was parsed from.
pub struct Gguf<'a> {
    /// 2 or 3.
    pub version: u32,
    file: &'a [u8],
    metadata: Vec<(&'a str, Value<'a>)>,
    keys: HashMap<&'a str, usize>,
    tensors: Vec<TensorInfo<'a>>,
    names: HashMap<&'a str, usize>,
    data_offset: usize,
}

impl<'a> Gguf<'a> {
    /// Reads the header, the metadata and the tensor table, and checks that every tensor lies whole
    /// in the file, aligned, without overlap. The tensors' bytes are not touched.
    pub fn parse(file: &'a [u8]) -> Result<Self, GgufError> {
        let mut reader = Reader::new(file);
        let header = reader.header()?;
        let metadata = reader.metadata(header.metadata)?;
        let keys = index(metadata.iter().map(|entry| entry.0), |name| {
            GgufError::DuplicateKey { name }
        })?;
        let mut gguf = Self {
            version: header.version,
            file,
            metadata,
            keys,
            tensors: Vec::new(),
            names: HashMap::new(),
            data_offset: 0,
        };
        gguf.refuse_splits()?;
        let alignment = gguf.alignment()?;
        let raw = tensors::table(&mut reader, header.tensors)?;
        gguf.names = index(raw.iter().map(|tensor| tensor.name), |name| {
            GgufError::DuplicateTensor { name }
        })?;
        gguf.data_offset = reader
            .position()
            .checked_next_multiple_of(alignment)
            .ok_or(GgufError::Overflow)?;
        gguf.tensors = tensors::place(raw, gguf.data_offset, alignment, file.len())?;
        Ok(gguf)
    }

    /// The value of a metadata key.
    pub fn metadata(&self, key: &str) -> Option<&Value<'a>> {
        self.keys.get(key).map(|&place| &self.metadata[place].1)
    }

    /// All metadata, in the order of the file.
    pub fn entries(&self) -> &[(&'a str, Value<'a>)] {
        &self.metadata
    }

    /// A text value; an error if the key holds something else.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, GgufError> {
        self.typed(key, "a string", Value::as_str)
    }

    /// A whole number that is not negative, of any width; an error if the key holds something else.
    pub fn unsigned(&self, key: &str) -> Result<Option<u64>, GgufError> {
        self.typed(key, "a whole number that is not negative", Value::as_u64)
    }

    /// A number, of any width; an error if the key holds something else.
    pub fn float(&self, key: &str) -> Result<Option<f64>, GgufError> {
        self.typed(key, "a number", Value::as_f64)
    }

    /// A truth value; an error if the key holds something else.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, GgufError> {
        self.typed(key, "a boolean", Value::as_bool)
    }

    /// An array; an error if the key holds something else.
    pub fn array(&self, key: &str) -> Result<Option<Array<'a>>, GgufError> {
        self.typed(key, "an array", Value::as_array)
    }

    /// The table of tensors, in the order of the file.
    pub fn tensors(&self) -> &[TensorInfo<'a>] {
        &self.tensors
    }

    /// The tensor with this name.
    pub fn tensor(&self, name: &str) -> Option<TensorView<'a>> {
        self.names.get(name).map(|&place| self.view(&self.tensors[place]))
    }

    /// The tensor that an entry of [`Gguf::tensors`] describes.
    pub fn view(&self, info: &TensorInfo<'a>) -> TensorView<'a> {
        TensorView {
            name: Cow::Borrowed(info.name),
            dtype: info.dtype,
            shape: info.shape.clone(),
            // `place` has checked the range; an entry of another file yields no data.
            data: self
                .file
                .get(info.offset..info.offset.saturating_add(info.bytes))
                .unwrap_or_default(),
        }
    }

    /// Where the tensors' data begins, in bytes from the start of the file.
    pub fn data_offset(&self) -> usize {
        self.data_offset
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &'static str,
        read: impl Fn(&Value<'a>) -> Option<T>,
    ) -> Result<Option<T>, GgufError> {
        let Some(value) = self.metadata(key) else {
            return Ok(None);
        };
        let wrong = || GgufError::WrongType {
            key: key.to_owned(),
            expected,
            found: value.kind_name(),
        };
        read(value).map(Some).ok_or_else(wrong)
    }

    fn refuse_splits(&self) -> Result<(), GgufError> {
        match self.unsigned("split.count")? {
            Some(parts) if parts > 1 => Err(GgufError::Split { parts }),
            _ => Ok(()),
        }
    }

    fn alignment(&self) -> Result<usize, GgufError> {
        let alignment = self.unsigned("general.alignment")?.unwrap_or(ALIGNMENT_DEFAULT);
        if !alignment.is_power_of_two() || alignment > limits::ALIGNMENT_MAX {
            return Err(GgufError::Alignment { alignment });
        }
        usize::try_from(alignment).map_err(|_| GgufError::Overflow)
    }
}

impl fmt::Debug for Gguf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gguf")
            .field("version", &self.version)
            .field("metadata", &self.metadata.len())
            .field("tensors", &self.tensors.len())
            .finish_non_exhaustive()
    }
}

/// Maps each name to its place and refuses a second one.
fn index<'a>(
    names: impl Iterator<Item = &'a str>,
    duplicate: impl Fn(String) -> GgufError,
) -> Result<HashMap<&'a str, usize>, GgufError> {
    let mut places = HashMap::new();
    for (place, name) in names.enumerate() {
        if places.insert(name, place).is_some() {
            return Err(duplicate(name.to_owned()));
        }
    }
    Ok(places)
}
