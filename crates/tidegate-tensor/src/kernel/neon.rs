//! 128 bits.
pub(super) use super::scalar::{float, integer, loops, peak};
