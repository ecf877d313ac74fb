//! Our engine for language models: what runs the weights, and what decides who runs next.
#![deny(unsafe_code)]

/// One step of a model over a mixed batch: the seam between scheduler and model.
pub mod forward;
/// Answers that must have a shape.
pub mod grammar;

/// The books of the KV page pool and its prefix cache.
pub mod pages;
/// Repeatable random numbers.
pub mod random;
/// Chooses the next token.
pub mod sample;
/// Who runs in the next step.
pub mod schedule;
/// What the scheduler knows of one sequence.
mod sequence;

pub use forward::{Forward, Step, StepError, StepSpan};
pub use grammar::{Grammar, GrammarFactory};
