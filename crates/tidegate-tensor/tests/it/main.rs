//! What the crate promises, seen from outside.

mod allocations;
mod dequant;
