//! The front door: listener, identity, limits, the OpenAI API, streaming, health and metrics.
//!
//! It speaks to engines only through `tidegate_engine`'s nouns, so it does not matter what answers.
//! [`Server::bind`] takes the port, [`Server::mount`] adds other services' routes behind the same
//! identity and limits, [`Server::serve`] runs until the shutdown signal and then drains.
#![forbid(unsafe_code)]

/// An engine's answer under a deadline, a cut and a meter.
mod answer;
/// Who may call.
mod auth;
/// Request bodies: size, pace, JSON.
mod body;
/// The settings, their defaults, and their check.
pub mod config;
/// What is logged and counted, one type for each kind of event.
mod events;
/// `/healthz`, `/readyz` and `/metrics`.
mod health;
/// JSON bodies and the names of what is wrong in them.
mod json;
/// Names that look alike.
mod near;
/// One access line, one count and one request id for each request; panics become answers.
mod observe;
/// The endpoints of the OpenAI API.
mod openai;
/// Whether this server should get requests.
pub mod readiness;
/// Errors as each protocol writes them.
mod reply;
/// The routing table.
mod routes;
/// The listener, its connections and their end.
mod server;
/// A stream of events as a response body.
mod sse;
/// The range of every parameter.
mod validate;

pub use config::{Config, Limits, Mistake, Secret, Timeouts};
pub use readiness::Readiness;
pub use routes::{Gateway, routes};
pub use server::{BindError, Drained, Server};
