//! Quantised matrices, attention over pages, and the kernels under them: the arithmetic of a
//! language model on a CPU, and nothing else. No files, no clock, no model.
//!
//! Everything that computes takes a [`Pool`]: it says how many threads work and with which
//! instruction set. After set-up nothing here allocates.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numeric code: the casts are the rounding that the formats define"
)]

/// Large memory for many buffers.
pub mod arena;
/// Attention over keys and values that lie in pages.
pub mod attention;
/// Zeroed memory on cache-line borders.
mod buffer;
/// Which instruction set computes.
pub mod cpu;
/// From the blocks of a file to plain numbers.
pub mod dequant;
mod error;
/// The inner loops, a folder for each instruction set; the one place with instructions in it.
mod kernel;
/// How fast this machine reads and multiplies.
pub mod machine;
/// Matrices times rows of activations.
pub mod matmul;
/// Weights, repacked for the kernels.
pub mod matrix;
/// The small operations between matrices.
pub mod ops;
/// The order of weights and activations in memory: read this first.
mod panel;
/// The threads.
pub mod pool;
#[cfg(test)]
mod testing;

pub use arena::Arena;
pub use attention::{Batch, KvDType, KvShape, KvStore, Shape, Span, attend};
pub use cpu::Cpu;
pub use error::TensorError;
pub use matmul::{Inputs, Loaded, matmul, matmul_each};
pub use matrix::Matrix;
pub use pool::Pool;
