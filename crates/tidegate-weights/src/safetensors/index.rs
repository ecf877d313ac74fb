//! `model.safetensors.index.json`: which tensor lies in which file.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::SafeTensorsError;

/// The index of a model in several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    weight_map: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct File {
    weight_map: BTreeMap<String, String>,
}

impl Index {
    /// Reads the index. File names must be plain: no folder, so that an index cannot point outside
    /// the model's own.
    pub fn parse(json: &[u8]) -> Result<Self, SafeTensorsError> {
        let file: File =
            serde_json::from_slice(json).map_err(|error| SafeTensorsError::Index(error.to_string()))?;
        for (tensor, name) in &file.weight_map {
            let plain = !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != ".." && name != ".";
            if !plain {
                let message = format!("tensor `{tensor}` is in `{name}`: expected a plain file name");
                return Err(SafeTensorsError::Index(message));
            }
        }
        Ok(Self {
            weight_map: file.weight_map,
        })
    }

    /// The names of the files, each once, in order.
    pub fn files(&self) -> BTreeSet<&str> {
        self.weight_map.values().map(String::as_str).collect()
    }

    /// The file that holds a tensor.
    pub fn file_of(&self, tensor: &str) -> Option<&str> {
        self.weight_map.get(tensor).map(String::as_str)
    }

    /// Every tensor with its file.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.weight_map
            .iter()
            .map(|(tensor, file)| (tensor.as_str(), file.as_str()))
    }
}
