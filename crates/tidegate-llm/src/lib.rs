//! Our engine for language models: what runs the weights, and what decides who runs next.
#![deny(unsafe_code)]

/// One step of a model over a mixed batch: the seam between scheduler and model.
pub mod forward;

pub use forward::{Forward, Step, StepError, StepSpan};
