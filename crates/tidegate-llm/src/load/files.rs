//! The files of a model on disk: which ones there are, and how they are read.

use std::io;
use std::path::{Path, PathBuf};

use tidegate_weights::safetensors::{Index, SafeTensorsError};
use tidegate_weights::tokenizer::{Tokenizer, TokenizerError};
use tidegate_weights::{Checkpoint, CheckpointError, Gguf, GgufError};

use super::mapped::Mapped;

/// The largest configuration, index or tokenizer file that is read; the largest known tokenizers
/// have about 35 MiB.
pub const SIDE_FILE_BYTES_MAX: u64 = 256 << 20;

/// The files of one model, mapped but not read: a `.gguf` file, or a folder with `config.json` and
/// safetensors.
#[derive(Debug)]
pub struct ModelFiles {
    weights: Weights,
}

#[derive(Debug)]
enum Weights {
    Gguf(Mapped),
    SafeTensors {
        folder: PathBuf,
        config: Vec<u8>,
        index: Option<Vec<u8>>,
        shards: Vec<(String, Mapped)>,
    },
}

/// Why the files of a model could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refused. The cause names the file.
    #[error("failed to read a file of the model")]
    Io(#[from] io::Error),
    /// A folder without weights that we know.
    #[error(
        "`{folder}` has no model: expected one `.gguf` file, or `config.json` with `model.safetensors` or `model.safetensors.index.json`"
    )]
    NoModel {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder with more than one GGUF file.
    #[error("`{folder}` has {count} `.gguf` files, expected one; name the file itself")]
    Ambiguous {
        /// The folder.
        folder: PathBuf,
        /// How many there are.
        count: usize,
    },
    /// Neither of the formats that we read.
    #[error(
        "`{file}` is not a model: expected a `.gguf` file, or a folder with `config.json` and safetensors"
    )]
    Format {
        /// The file.
        file: PathBuf,
    },
    /// A configuration, index or tokenizer file that is far too large.
    #[error("`{file}` has {bytes} bytes, expected at most {SIDE_FILE_BYTES_MAX}")]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The index could not be read.
    #[error("`model.safetensors.index.json` cannot be read")]
    Index(#[source] SafeTensorsError),
    /// The GGUF file is broken.
    #[error("`{file}` cannot be read")]
    Gguf {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: GgufError,
    },
    /// The container is sound, but what is in it is no model that we know.
    #[error("`{file}` holds no model that can be run")]
    Checkpoint {
        /// The file or folder.
        file: PathBuf,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// Safetensors without a tokenizer beside them.
    #[error("`{folder}` has no `tokenizer.json`")]
    NoTokenizer {
        /// The folder.
        folder: PathBuf,
    },
    /// The tokenizer could not be read.
    #[error("the tokenizer of `{file}` cannot be read")]
    Tokenizer {
        /// The file or folder.
        file: PathBuf,
        /// What is wrong with it.
        source: TokenizerError,
    },
}

impl ModelFiles {
    /// Finds and maps the files at `path`: a `.gguf` file, a `.safetensors` or `config.json` file
    /// of a folder, or the folder.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        if fs_err::metadata(path)?.is_dir() {
            return Self::open_folder(path);
        }
        let beside = matches!(
            path.extension().and_then(|end| end.to_str()),
            Some("safetensors" | "json")
        );
        if beside {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            return Self::open_folder(folder.unwrap_or(Path::new(".")));
        }
        let file = Mapped::open(path)?;
        if !file.starts_with(b"GGUF") {
            return Err(OpenError::Format {
                file: path.to_owned(),
            });
        }
        Ok(Self {
            weights: Weights::Gguf(file),
        })
    }

    /// A GGUF file that is a part of the program; `name` stands for its path in messages. The bytes
    /// should be aligned as the file says (32 bytes).
    pub fn embedded(name: &str, bytes: &'static [u8]) -> Result<Self, OpenError> {
        let file = Mapped::embedded(name, bytes);
        if !file.starts_with(b"GGUF") {
            return Err(OpenError::Format {
                file: file.path().to_owned(),
            });
        }
        Ok(Self {
            weights: Weights::Gguf(file),
        })
    }

    fn open_folder(folder: &Path) -> Result<Self, OpenError> {
        if let Some(config) = side_file(folder, "config.json")? {
            let index = side_file(folder, "model.safetensors.index.json")?;
            let names = match &index {
                Some(index) => {
                    let index = Index::parse(index).map_err(OpenError::Index)?;
                    index.files().into_iter().map(str::to_owned).collect()
                }
                None => vec!["model.safetensors".to_owned()],
            };
            if index.is_some() || folder.join(&names[0]).exists() {
                let shards = names.into_iter().map(|name| open_shard(folder, name));
                let shards = shards.collect::<Result<_, _>>()?;
                let folder = folder.to_owned();
                return Ok(Self {
                    weights: Weights::SafeTensors {
                        folder,
                        config,
                        index,
                        shards,
                    },
                });
            }
        }
        let mut files = Vec::new();
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "gguf") {
                files.push(path);
            }
        }
        match files.as_slice() {
            [] => Err(OpenError::NoModel {
                folder: folder.to_owned(),
            }),
            [file] => Self::open(file),
            several => Err(OpenError::Ambiguous {
                folder: folder.to_owned(),
                count: several.len(),
            }),
        }
    }

    /// The `.gguf` file, or the folder.
    pub fn path(&self) -> &Path {
        match &self.weights {
            Weights::Gguf(file) => file.path(),
            Weights::SafeTensors { folder, .. } => folder,
        }
    }

    /// Bytes of all weight files.
    pub fn bytes(&self) -> u64 {
        self.maps().map(|map| map.len() as u64).sum()
    }

    /// Reads the headers and hands the tensors out under one set of names.
    pub fn checkpoint(&self) -> Result<Checkpoint<'_>, OpenError> {
        let checkpoint = match &self.weights {
            Weights::Gguf(file) => Checkpoint::from_gguf(&parse_gguf(file)?),
            Weights::SafeTensors {
                config,
                index,
                shards,
                ..
            } => {
                let shards: Vec<(&str, &[u8])> =
                    shards.iter().map(|(name, map)| (name.as_str(), &**map)).collect();
                Checkpoint::from_safetensors(config, &shards, index.as_deref())
            }
        };
        checkpoint.map_err(|source| OpenError::Checkpoint {
            file: self.path().to_owned(),
            source,
        })
    }

    /// Reads the tokenizer that came with the weights, and its chat template.
    pub fn tokenizer(&self) -> Result<Tokenizer, OpenError> {
        let tokenizer = match &self.weights {
            Weights::Gguf(file) => Tokenizer::from_gguf(&parse_gguf(file)?),
            Weights::SafeTensors { folder, .. } => {
                let json = side_file(folder, "tokenizer.json")?.ok_or_else(|| OpenError::NoTokenizer {
                    folder: folder.clone(),
                })?;
                let config = side_file(folder, "tokenizer_config.json")?;
                Tokenizer::from_json(&json, config.as_deref())
            }
        };
        let file = self.path().to_owned();
        let tokenizer = tokenizer.map_err(|source| OpenError::Tokenizer { file, source })?;
        // Newer checkpoints keep the template in a file of its own, which then counts.
        Ok(match self.beside("chat_template.jinja")? {
            Some(template) => tokenizer.with_chat_template(String::from_utf8_lossy(&template)),
            None => tokenizer,
        })
    }

    /// A small file beside safetensors (`chat_template.jinja`, `generation_config.json`), if there
    /// is one. GGUF files have nothing beside them.
    pub fn beside(&self, name: &str) -> Result<Option<Vec<u8>>, OpenError> {
        match &self.weights {
            Weights::Gguf(_) => Ok(None),
            Weights::SafeTensors { folder, .. } => side_file(folder, name),
        }
    }

    /// The map that `data` lies in, and where.
    pub(super) fn locate(&self, data: &[u8]) -> Option<(&Mapped, std::ops::Range<usize>)> {
        self.maps().find_map(|map| {
            let start = data.as_ptr().addr().checked_sub(map.as_ptr().addr())?;
            let end = start.checked_add(data.len())?;
            (end <= map.len()).then_some((map, start..end))
        })
    }

    fn maps(&self) -> Box<dyn Iterator<Item = &Mapped> + '_> {
        match &self.weights {
            Weights::Gguf(file) => Box::new(std::iter::once(file)),
            Weights::SafeTensors { shards, .. } => Box::new(shards.iter().map(|(_, map)| map)),
        }
    }
}

fn parse_gguf(file: &Mapped) -> Result<Gguf<'_>, OpenError> {
    Gguf::parse(file).map_err(|source| OpenError::Gguf {
        file: file.path().to_owned(),
        source,
    })
}

fn open_shard(folder: &Path, name: String) -> Result<(String, Mapped), OpenError> {
    let map = Mapped::open(&folder.join(&name))?;
    Ok((name, map))
}

fn side_file(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, OpenError> {
    let file = folder.join(name);
    let bytes = match fs_err::metadata(&file) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if bytes > SIDE_FILE_BYTES_MAX {
        return Err(OpenError::TooLarge { file, bytes });
    }
    Ok(Some(fs_err::read(file)?))
}
