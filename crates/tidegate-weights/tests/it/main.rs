//! One binary for all integration tests of the crate.
#![forbid(unsafe_code)]

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod build;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod ggml_vocabularies;
#[cfg(test)]
mod models;
#[cfg(test)]
mod special;
#[cfg(test)]
mod tokens;
