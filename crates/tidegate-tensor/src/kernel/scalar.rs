//! Plain Rust: slow, short, and what every other kernel is compared with.

pub(super) mod float;
pub(super) mod integer;
pub(super) mod peak;

super::plain::compiled_loops!();
