//! One binary for all integration tests of the crate.

mod fixtures;
mod ggml_vocabularies;
mod tokens;
