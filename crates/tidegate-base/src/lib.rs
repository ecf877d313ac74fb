//! What every other crate stands on: the shape of an error, the clock, sizes, shutdown.
#![forbid(unsafe_code)]

/// Time as a value, so that a simulation can lie about it.
pub mod clock;
/// Element types of tensors.
pub mod dtype;
/// The one error shape that crosses crate borders.
pub mod fault;
/// Tasks that shutdown waits for.
pub mod tasks;
/// Byte sizes and durations as people write them.
pub mod units;

pub use clock::{Clock, SystemClock};
pub use dtype::DType;
pub use fault::{Fault, FaultKind, Origin, Retry};
pub use tasks::{Shutdown, Tasks};
pub use units::ByteSize;
