//! From files to a model that can run: check, estimate, refuse or pack.

mod files;
mod mapped;
mod memory;
mod weights;

use std::sync::Arc;

use tidegate_base::ByteSize;
use tidegate_tensor::attention::PAGE_SIZE_MAX;
use tidegate_tensor::{KvDType, Pool, TensorError};
use tidegate_weights::ModelConfig;

pub use files::{ModelFiles, OpenError, SIDE_FILE_BYTES_MAX};
pub(crate) use mapped::Mapped;
pub use memory::{Estimate, available_memory};
pub(crate) use weights::row_bytes;

use crate::model::{Family, Model};

/// How much a model may do at once, and what that costs in memory.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// How keys and values are stored.
    pub kv_dtype: KvDType,
    /// Tokens in a page of keys and values.
    pub page_size: usize,
    /// Pages of keys and values.
    pub pages: usize,
    /// The most rows (tokens) of one step.
    pub max_rows: usize,
    /// The most rows of one step that may ask for logits.
    pub max_outputs: usize,
    /// Positions that a sequence may have; the model's own number where absent. Never more than
    /// that, and never more than all pages hold.
    pub context_length: Option<usize>,
    /// Memory that the model may take; what is free on the machine where absent.
    pub memory: Option<ByteSize>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            kv_dtype: KvDType::F16,
            page_size: 16,
            pages: 512,
            max_rows: 512,
            max_outputs: 64,
            context_length: None,
            memory: None,
        }
    }
}

/// How far loading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the files that were packed.
    pub done: u64,
    /// Bytes to pack in all.
    pub total: u64,
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The files could not be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No family has this name.
    #[error("the architecture `{found}` cannot be run, expected one of `{known}`")]
    Architecture {
        /// What the files say.
        found: String,
        /// What there is.
        known: String,
    },
    /// The family needs a tensor that is not there.
    #[error("tensor `{name}` is missing, expected {expected}")]
    Missing {
        /// Its name in GGUF files.
        name: String,
        /// Why it must be there.
        expected: String,
    },
    /// There is a tensor that the family has no place for; leaving it out would give wrong answers.
    #[error("tensor `{name}` has no place in a `{family}` model")]
    Stray {
        /// Its name in GGUF files.
        name: String,
        /// The family.
        family: &'static str,
    },
    /// A tensor has another shape than the configuration says.
    #[error("tensor `{name}` has the shape {found:?}, expected {expected:?}")]
    Shape {
        /// Its name in GGUF files.
        name: String,
        /// Its shape, outermost dimension first.
        found: Vec<usize>,
        /// The shape that the configuration gives.
        expected: Vec<usize>,
    },
    /// The bytes of a tensor cannot be used.
    #[error("tensor `{name}` cannot be used")]
    Tensor {
        /// Its name in GGUF files.
        name: String,
        /// What is wrong with it.
        source: TensorError,
    },
    /// The model does not fit in memory.
    #[error("the model needs {needed} of memory ({estimate}), expected at most {available}")]
    Memory {
        /// What it needs.
        needed: ByteSize,
        /// What there is.
        available: ByteSize,
        /// What it needs it for.
        estimate: Estimate,
    },
    /// An option that cannot be.
    #[error("`{option}` is {value}, expected {expected}")]
    Option {
        /// The field of [`LoadOptions`].
        option: &'static str,
        /// What it is.
        value: usize,
        /// What it may be.
        expected: &'static str,
    },
    /// There can be no store of keys and values of this shape.
    #[error("keys and values cannot be stored")]
    Kv(#[source] TensorError),
    /// The system has no memory for the weights.
    #[error("failed to reserve {bytes} for the weights")]
    Reserve {
        /// What was asked for.
        bytes: ByteSize,
        /// What the system says.
        source: std::io::Error,
    },
    /// The rows of the embedding table could not be mapped.
    #[error("failed to map the embedding table")]
    Map(#[source] std::io::Error),
}

impl Model {
    /// What a model in these files would take in memory, worked out from sizes alone.
    pub fn plan(files: &ModelFiles, options: &LoadOptions) -> Result<Estimate, LoadError> {
        let checkpoint = files.checkpoint()?;
        options.check()?;
        memory::estimate(&checkpoint, options)
    }

    /// Loads a model: refuses what cannot run or fit before anything large is allocated, packs the
    /// weights on all threads of `pool`, and gives the mapped files back except for the rows of the
    /// embedding table. `progress` is called after each tensor.
    pub fn load(
        files: ModelFiles,
        options: &LoadOptions,
        pool: Arc<Pool>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, LoadError> {
        let checkpoint = files.checkpoint()?;
        options.check()?;
        let config = checkpoint.config.clone();
        let family = Family::named(&config.architecture).ok_or_else(|| LoadError::Architecture {
            found: config.architecture.clone(),
            known: Family::names(),
        })?;
        let estimate = memory::estimate(&checkpoint, options)?;
        memory::refuse_if_too_large(&estimate, options)?;
        let weights = weights::read(&files, &checkpoint, family, &pool, progress)?;
        let limits = options.limits(&config);
        Self::new(config, weights, limits, estimate, pool).map_err(LoadError::Kv)
    }
}

/// What a model is made for, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) kv_dtype: KvDType,
    pub(crate) page_size: usize,
    pub(crate) pages: usize,
    pub(crate) max_rows: usize,
    pub(crate) max_outputs: usize,
    pub(crate) context_length: usize,
}

impl LoadOptions {
    /// Tokens of keys and values, rows of a step, positions: more is a typing error.
    const COUNT_MAX: usize = 1 << 28;

    fn check(&self) -> Result<(), LoadError> {
        for (option, value) in [
            ("page_size", self.page_size),
            ("pages", self.pages),
            ("max_rows", self.max_rows),
            ("max_outputs", self.max_outputs),
            ("context_length", self.context_length.unwrap_or(1)),
            ("page_size * pages", self.page_size.saturating_mul(self.pages)),
        ] {
            if !(1..=Self::COUNT_MAX).contains(&value) {
                let expected = "a number from 1 to 268435456";
                return Err(LoadError::Option {
                    option,
                    value,
                    expected,
                });
            }
        }
        if !self.page_size.is_power_of_two() || self.page_size > PAGE_SIZE_MAX {
            let (option, value) = ("page_size", self.page_size);
            return Err(LoadError::Option {
                option,
                value,
                expected: "a power of two up to 128",
            });
        }
        Ok(())
    }

    fn limits(&self, config: &ModelConfig) -> Limits {
        let asked = self.context_length.unwrap_or(usize::MAX);
        Limits {
            kv_dtype: self.kv_dtype,
            page_size: self.page_size,
            pages: self.pages,
            max_rows: self.max_rows,
            max_outputs: self.max_outputs.min(self.max_rows),
            context_length: asked.min(config.context_length).min(self.page_size * self.pages),
        }
    }
}
