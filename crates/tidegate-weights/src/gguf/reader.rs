//! Walks the bytes of a GGUF file from the start, with every step checked.

use super::error::{GgufError, Place};
use super::limits;
use super::value::{Array, Value, ValueKind};

/// The fixed fields at the start of the file.
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) tensors: u64,
    pub(super) metadata: u64,
}

/// A position in the file.
pub(super) struct Reader<'a> {
    file: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self { file, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Magic, version and the two counts, within their limits.
    pub(super) fn header(&mut self) -> Result<Header, GgufError> {
        let header = || Place::Header;
        let magic: [u8; 4] = self.array(header)?;
        if magic != *b"GGUF" {
            return Err(GgufError::Magic {
                found: format!("`{}`", magic.escape_ascii()),
            });
        }
        let version = self.u32(header)?;
        // A small version number in the other byte order.
        if version != 0 && version.trailing_zeros() >= 16 {
            return Err(GgufError::BigEndian);
        }
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version { version });
        }
        let tensors = self.count(limits::TENSORS_MAX, || Place::TensorCount)?;
        let metadata = self.count(limits::METADATA_MAX, || Place::MetadataCount)?;
        Ok(Header {
            version,
            tensors,
            metadata,
        })
    }

    /// The metadata entries.
    pub(super) fn metadata(&mut self, count: u64) -> Result<Vec<(&'a str, Value<'a>)>, GgufError> {
        // Grows as entries are found, so that a lie about the count buys no memory.
        let mut entries = Vec::new();
        for number in 0..count {
            let key = self.string(limits::KEY_BYTES_MAX, || Place::MetadataKey { number })?;
            let kind = self.kind(key)?;
            entries.push((key, self.value(key, kind)?));
        }
        Ok(entries)
    }

    fn kind(&mut self, key: &str) -> Result<ValueKind, GgufError> {
        let offset = self.position;
        let kind = self.u32(|| Place::MetadataValue { key: key.to_owned() })?;
        ValueKind::from_number(kind).ok_or_else(|| GgufError::ValueType {
            key: key.to_owned(),
            kind,
            offset,
        })
    }

    fn value(&mut self, key: &str, kind: ValueKind) -> Result<Value<'a>, GgufError> {
        let place = || Place::MetadataValue { key: key.to_owned() };
        Ok(match kind {
            ValueKind::U8 => Value::U8(u8::from_le_bytes(self.array(place)?)),
            ValueKind::I8 => Value::I8(i8::from_le_bytes(self.array(place)?)),
            ValueKind::U16 => Value::U16(u16::from_le_bytes(self.array(place)?)),
            ValueKind::I16 => Value::I16(i16::from_le_bytes(self.array(place)?)),
            ValueKind::U32 => Value::U32(self.u32(place)?),
            ValueKind::I32 => Value::I32(i32::from_le_bytes(self.array(place)?)),
            ValueKind::F32 => Value::F32(f32::from_le_bytes(self.array(place)?)),
            ValueKind::U64 => Value::U64(self.u64(place)?),
            ValueKind::I64 => Value::I64(i64::from_le_bytes(self.array(place)?)),
            ValueKind::F64 => Value::F64(f64::from_le_bytes(self.array(place)?)),
            ValueKind::String => Value::String(self.string(limits::STRING_BYTES_MAX, place)?),
            ValueKind::Array => Value::Array(self.array_value(key)?),
            ValueKind::Bool => match self.array(place)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [found] => {
                    return Err(GgufError::Boolean {
                        key: key.to_owned(),
                        found,
                        offset: self.position - 1,
                    });
                }
            },
        })
    }

    fn array_value(&mut self, key: &str) -> Result<Array<'a>, GgufError> {
        let place = || Place::MetadataValue { key: key.to_owned() };
        let kind = self.kind(key)?;
        let len = self.count(limits::ARRAY_LEN_MAX, place)?;
        let start = self.position;
        if kind == ValueKind::Array {
            return Err(GgufError::NestedArray { key: key.to_owned() });
        }
        if let Some(width) = kind.width() {
            // At most 2^24 elements of 8 bytes: no overflow.
            self.take(len * width as u64, place)?;
        } else {
            for _ in 0..len {
                self.string(limits::STRING_BYTES_MAX, place)?;
            }
        }
        let len = usize::try_from(len).map_err(|_| GgufError::Overflow)?;
        Ok(Array {
            kind,
            len,
            bytes: &self.file[start..self.position],
        })
    }

    /// A length and that many bytes of UTF-8.
    pub(super) fn string(&mut self, limit: u64, place: impl Fn() -> Place) -> Result<&'a str, GgufError> {
        let len = self.count(limit, &place)?;
        let offset = self.position;
        let bytes = self.take(len, &place)?;
        std::str::from_utf8(bytes).map_err(|_| GgufError::NotText {
            place: place(),
            offset,
        })
    }

    /// A 64-bit number that may not pass `limit`.
    fn count(&mut self, limit: u64, place: impl Fn() -> Place) -> Result<u64, GgufError> {
        let offset = self.position;
        let found = self.u64(&place)?;
        if found > limit {
            return Err(GgufError::Limit {
                place: place(),
                offset,
                found,
                limit,
            });
        }
        Ok(found)
    }

    pub(super) fn u32(&mut self, place: impl Fn() -> Place) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array(place)?))
    }

    pub(super) fn u64(&mut self, place: impl Fn() -> Place) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array(place)?))
    }

    fn array<const N: usize>(&mut self, place: impl Fn() -> Place) -> Result<[u8; N], GgufError> {
        let bytes = self.take(N as u64, &place)?;
        bytes.try_into().map_err(|_| GgufError::Overflow)
    }

    fn take(&mut self, len: u64, place: impl Fn() -> Place) -> Result<&'a [u8], GgufError> {
        let left = self.file.len() - self.position;
        match usize::try_from(len) {
            Ok(len) if len <= left => {
                let bytes = &self.file[self.position..self.position + len];
                self.position += len;
                Ok(bytes)
            }
            _ => Err(GgufError::Truncated {
                place: place(),
                offset: self.position,
                needed: len,
                end: self.file.len(),
            }),
        }
    }
}
