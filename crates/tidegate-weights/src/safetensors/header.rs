//! The JSON header of a safetensors file, read strictly: a name may appear once, and an entry has
//! exactly its three fields.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::SafeTensorsError;

/// What the header says of one tensor.
pub(super) struct Entry {
    pub(super) dtype: String,
    pub(super) shape: Vec<u64>,
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// The header.
pub(super) struct Header {
    pub(super) tensors: Vec<(String, Entry)>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// Reads the header.
pub(super) fn parse(json: &[u8]) -> Result<Header, SafeTensorsError> {
    serde_json::from_slice(json).map_err(|error| SafeTensorsError::Header(error.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Header, M::Error> {
        let mut seen = HashSet::new();
        let mut header = Header {
            tensors: Vec::new(),
            metadata: BTreeMap::new(),
        };
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(M::Error::custom(format_args!("`{name}` appears twice")));
            }
            if name == "__metadata__" {
                header.metadata = map.next_value()?;
                continue;
            }
            let fields: Fields = map
                .next_value()
                .map_err(|error| M::Error::custom(format_args!("tensor `{name}`: {error}")))?;
            let (begin, end) = fields.data_offsets;
            header.tensors.push((
                name,
                Entry {
                    dtype: fields.dtype,
                    shape: fields.shape,
                    begin,
                    end,
                },
            ));
        }
        Ok(header)
    }
}
