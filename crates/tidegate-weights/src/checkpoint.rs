//! One model, whichever file format it came in, under GGUF's tensor names.

mod names;
mod shapes;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::config::{ConfigError, ModelConfig};
use crate::gguf::Gguf;
use crate::safetensors::{Index, SafeTensors, SafeTensorsError};
use crate::tensor::TensorView;
use names::Name;

/// A configuration and the tensors that it needs, all present and of the right shape.
///
/// Names are GGUF's: `token_embd.weight`, `blk.0.attn_q.weight`, `blk.0.attn_q.bias`,
/// `blk.0.attn_q_norm.weight`, `blk.0.ffn_gate.weight`, `output_norm.weight`, `output.weight`
/// (absent if tied), `rope_freqs.weight` (optional).
pub struct Checkpoint<'a> {
    /// The shape of the model.
    pub config: ModelConfig,
    tensors: BTreeMap<String, TensorView<'a>>,
    file_type: Option<u64>,
}

/// Why a checkpoint could not be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum CheckpointError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("`{file}` was refused")]
    SafeTensors {
        file: String,
        #[source]
        error: SafeTensorsError,
    },
    #[error("the index says that tensor `{name}` is in `{file}`, but it is not")]
    Index { name: String, file: String },
    #[error("tensor `{name}` appears twice")]
    Duplicate { name: String },
    #[error("tensor `{name}` is missing")]
    Missing { name: String },
    #[error("tensor `{name}` has the shape {found:?}: expected {expected:?} from the configuration")]
    Shape {
        name: String,
        found: Vec<usize>,
        expected: Vec<usize>,
    },
    #[error("tensor `{name}` is not part of a `{architecture}` model")]
    Stray { name: String, architecture: String },
}

impl<'a> Checkpoint<'a> {
    /// Reads the configuration from the metadata and checks the tensors against it.
    pub fn from_gguf(gguf: &Gguf<'a>) -> Result<Self, CheckpointError> {
        let config = ModelConfig::from_gguf(gguf)?;
        let tensors = gguf
            .tensors()
            .iter()
            .map(|info| (info.name.to_owned(), gguf.view(info)))
            .collect();
        let file_type = gguf.unsigned("general.file_type").map_err(ConfigError::from)?;
        Self::checked(config, tensors, file_type)
    }

    /// Reads a `config.json` and the files of a Hugging Face checkpoint, each with its name, and
    /// checks the tensors against the configuration. With an index, every tensor must be where it
    /// says.
    pub fn from_safetensors(
        config_json: &[u8],
        shards: &[(&str, &'a [u8])],
        index_json: Option<&[u8]>,
    ) -> Result<Self, CheckpointError> {
        let config = ModelConfig::from_hf(config_json)?;
        let refuse = |file: &str, error| CheckpointError::SafeTensors {
            file: file.to_owned(),
            error,
        };
        let mut tensors = BTreeMap::new();
        let mut places: BTreeMap<String, &str> = BTreeMap::new();
        for &(file, bytes) in shards {
            let shard = SafeTensors::parse(bytes).map_err(|error| refuse(file, error))?;
            for view in shard.tensors() {
                let found = view.name.clone().into_owned();
                if places.insert(found.clone(), file).is_some() {
                    return Err(CheckpointError::Duplicate { name: found });
                }
                match names::translate(&found) {
                    // A tied output matrix may be stored once more; the embedding table counts.
                    Name::Known(name) if config.tie_embeddings && name == "output.weight" => {}
                    Name::Known(name) => {
                        let view = TensorView {
                            name: Cow::Owned(name.clone()),
                            ..view.clone()
                        };
                        if tensors.insert(name, view).is_some() {
                            return Err(CheckpointError::Duplicate { name: found });
                        }
                    }
                    Name::Derived => {}
                    Name::Unknown => {
                        return Err(CheckpointError::Stray {
                            name: found,
                            architecture: config.architecture,
                        });
                    }
                }
            }
        }
        if let Some(index) = index_json {
            let index = Index::parse(index).map_err(|error| refuse("model.safetensors.index.json", error))?;
            let wrong = index
                .tensors()
                .find(|&(name, file)| places.get(name) != Some(&file));
            if let Some((name, file)) = wrong {
                return Err(CheckpointError::Index {
                    name: name.to_owned(),
                    file: file.to_owned(),
                });
            }
        }
        Self::checked(config, tensors, None)
    }

    /// The tensor with this name.
    pub fn tensor(&self, name: &str) -> Result<TensorView<'a>, CheckpointError> {
        self.get(name).cloned().ok_or_else(|| CheckpointError::Missing {
            name: name.to_owned(),
        })
    }

    /// The tensor with this name, if the model has it: biases, `rope_freqs.weight`.
    pub fn get(&self, name: &str) -> Option<&TensorView<'a>> {
        self.tensors.get(name)
    }

    /// All tensors, by name.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = &TensorView<'a>> {
        self.tensors.values()
    }

    /// GGUF's `general.file_type`: the mix of types that the quantiser was asked for.
    pub fn file_type(&self) -> Option<u64> {
        self.file_type
    }

    fn checked(
        config: ModelConfig,
        tensors: BTreeMap<String, TensorView<'a>>,
        file_type: Option<u64>,
    ) -> Result<Self, CheckpointError> {
        shapes::check(&config, &tensors)?;
        Ok(Self {
            config,
            tensors,
            file_type,
        })
    }
}

impl fmt::Debug for Checkpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("config", &self.config)
            .field("tensors", &self.tensors.len())
            .finish()
    }
}
