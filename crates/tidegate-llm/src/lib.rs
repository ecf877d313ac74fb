//! Our engine for language models: what runs the weights, and what decides who runs next.
#![deny(unsafe_code)]

/// One step of a model over a mixed batch: the seam between scheduler and model.
pub mod forward;
/// Answers that must have a shape.
pub mod grammar;

pub use forward::{Forward, Step, StepError, StepSpan};
pub use grammar::{Grammar, GrammarFactory};
