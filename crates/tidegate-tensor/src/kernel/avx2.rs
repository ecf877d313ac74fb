//! 256 bits.
pub(super) use super::scalar::{float, integer, loops};
