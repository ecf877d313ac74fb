//! Model files as bytes: GGUF and safetensors, the shape of the model in them, and its tokenizer.
//!
//! Nothing here opens a file. Callers map or read a file and pass the bytes; every reader borrows
//! from them, checks each count against a named limit before it allocates, and answers with an
//! error that says what is wrong and where. The bytes are hostile until proven otherwise: each
//! reader is fuzzed (`fuzz/`).
#![forbid(unsafe_code)]

/// One model, whichever file format it came in, under one set of tensor names.
pub mod checkpoint;
/// The shape of a decoder-only transformer.
pub mod config;
/// The GGUF container, versions 2 and 3.
pub mod gguf;
/// The safetensors container.
pub mod safetensors;
/// What a model file holds, for people.
pub mod summary;
/// One tensor's bytes, with their meaning.
pub mod tensor;
/// Text to tokens and back.
pub mod tokenizer;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use config::{ConfigError, ModelConfig, Rope, RopePairing, RopeScaling};
pub use gguf::{Gguf, GgufError};
pub use safetensors::{SafeTensors, SafeTensorsError};
pub use summary::Summary;
pub use tensor::TensorView;
pub use tokenizer::{Detokenizer, EncodeOptions, Tokenizer, TokenizerError};
