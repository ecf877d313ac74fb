//! For tests and examples only: an engine that follows a script, and a plain HTTP client that can
//! also behave badly.
#![forbid(unsafe_code)]

/// A script that answers as a small model would, for stock clients and demonstrations.
pub mod demo;
/// A plain HTTP/1.1 client that can also be slow, silent or gone.
pub mod http;
/// An engine that follows a script.
pub mod scripted;
/// Server-sent events.
pub mod sse;

pub use scripted::{Ask, Scripted, Step};
