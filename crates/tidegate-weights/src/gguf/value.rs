//! Metadata values. Arrays stay in the file and are read as they are walked.

/// The type of a metadata value, with GGUF's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum ValueKind {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl ValueKind {
    const ALL: [Self; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::String,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    /// The kind with this number in a file.
    pub(super) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }

    /// Bytes of one value in the file; nothing for strings and arrays.
    pub(super) fn width(self) -> Option<usize> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::String | Self::Array => None,
        }
    }

    /// A noun for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "a u8",
            Self::I8 => "an i8",
            Self::U16 => "a u16",
            Self::I16 => "an i16",
            Self::U32 => "a u32",
            Self::I32 => "an i32",
            Self::F32 => "an f32",
            Self::Bool => "a boolean",
            Self::String => "a string",
            Self::Array => "an array",
            Self::U64 => "a u64",
            Self::I64 => "an i64",
            Self::F64 => "an f64",
        }
    }
}

/// One metadata value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(&'a str),
    Array(Array<'a>),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl<'a> Value<'a> {
    /// The value, if it is a string.
    pub fn as_str(&self) -> Option<&'a str> {
        if let Self::String(text) = *self {
            Some(text)
        } else {
            None
        }
    }

    /// The value, if it is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(flag) = *self {
            Some(flag)
        } else {
            None
        }
    }

    /// The value, if it is an array.
    pub fn as_array(&self) -> Option<Array<'a>> {
        if let Self::Array(array) = *self {
            Some(array)
        } else {
            None
        }
    }

    /// The value, if it is a whole number that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::U8(value) => Some(value.into()),
            Self::U16(value) => Some(value.into()),
            Self::U32(value) => Some(value.into()),
            Self::U64(value) => Some(value),
            Self::I8(value) => value.try_into().ok(),
            Self::I16(value) => value.try_into().ok(),
            Self::I32(value) => value.try_into().ok(),
            Self::I64(value) => value.try_into().ok(),
            Self::F32(_) | Self::F64(_) | Self::Bool(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// The value, if it is a number. Whole numbers beyond 2^53 lose their last digits.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::F32(value) => Some(value.into()),
            Self::F64(value) => Some(value),
            Self::U8(value) => Some(value.into()),
            Self::I8(value) => Some(value.into()),
            Self::U16(value) => Some(value.into()),
            Self::I16(value) => Some(value.into()),
            Self::U32(value) => Some(value.into()),
            Self::I32(value) => Some(value.into()),
            Self::U64(value) => Some(value as f64),
            Self::I64(value) => Some(value as f64),
            Self::Bool(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// A noun for messages.
    pub fn kind_name(&self) -> &'static str {
        let kind = match self {
            Self::U8(_) => ValueKind::U8,
            Self::I8(_) => ValueKind::I8,
            Self::U16(_) => ValueKind::U16,
            Self::I16(_) => ValueKind::I16,
            Self::U32(_) => ValueKind::U32,
            Self::I32(_) => ValueKind::I32,
            Self::F32(_) => ValueKind::F32,
            Self::Bool(_) => ValueKind::Bool,
            Self::String(_) => ValueKind::String,
            Self::Array(_) => ValueKind::Array,
            Self::U64(_) => ValueKind::U64,
            Self::I64(_) => ValueKind::I64,
            Self::F64(_) => ValueKind::F64,
        };
        kind.name()
    }
}

/// An array that stays in the file; the reader has checked its extent and, for strings, each
/// element. Copying it copies a slice, not the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Array<'a> {
    pub(super) kind: ValueKind,
    pub(super) len: usize,
    pub(super) bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// How many elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The type of the elements.
    pub fn kind(&self) -> ValueKind {
        self.kind
    }

    /// The elements, if they are strings.
    pub fn strings(&self) -> Option<Strings<'a>> {
        (self.kind == ValueKind::String).then_some(Strings {
            left: self.len,
            bytes: self.bytes,
        })
    }

    /// The elements as whole numbers, if they are such. An unsigned value beyond `i64` saturates.
    pub fn integers(&self) -> Option<impl Iterator<Item = i64> + 'a> {
        use ValueKind::{I8, I16, I32, I64, U8, U16, U32, U64};
        let kind = self.kind;
        let width = kind
            .width()
            .filter(|_| matches!(kind, U8 | I8 | U16 | I16 | U32 | I32 | U64 | I64))?;
        let signed = matches!(kind, I8 | I16 | I32 | I64);
        Some(
            self.bytes
                .chunks_exact(width)
                .map(move |bytes| integer(bytes, signed)),
        )
    }

    /// The elements as numbers, if they are `f32` or `f64`.
    pub fn floats(&self) -> Option<impl Iterator<Item = f64> + 'a> {
        let width = self
            .kind
            .width()
            .filter(|_| matches!(self.kind, ValueKind::F32 | ValueKind::F64))?;
        Some(self.bytes.chunks_exact(width).map(|bytes| match *bytes {
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]).into(),
            [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => 0.0,
        }))
    }
}

/// Reads a little-endian whole number of up to 8 bytes.
fn integer(bytes: &[u8], signed: bool) -> i64 {
    let negative = signed && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    for (to, from) in wide.iter_mut().zip(bytes) {
        *to = *from;
    }
    if signed {
        i64::from_le_bytes(wide)
    } else {
        i64::try_from(u64::from_le_bytes(wide)).unwrap_or(i64::MAX)
    }
}

/// Walks an array of strings.
#[derive(Debug, Clone)]
pub struct Strings<'a> {
    left: usize,
    bytes: &'a [u8],
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.left == 0 {
            return None;
        }
        let (len, rest) = self.bytes.split_first_chunk::<8>()?;
        let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
        let (text, rest) = rest.split_at_checked(len)?;
        self.left -= 1;
        self.bytes = rest;
        std::str::from_utf8(text).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // A string takes at least its length field, so a lie about the count buys no memory.
        (self.left.min(self.bytes.len() / 8), Some(self.left))
    }
}
