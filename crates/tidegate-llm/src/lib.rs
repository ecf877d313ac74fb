//! Our engine for language models: what runs the weights, and what decides who runs next.
#![deny(unsafe_code)]

/// The settings of one engine.
pub mod config;
/// A language model as an engine.
pub mod engine;
/// One step of a model over a mixed batch: the seam between scheduler and model.
pub mod forward;
/// Answers that must have a shape.
pub mod grammar;
/// From files to a model that can run.
pub mod load;
/// A decoder-only transformer.
pub mod model;
/// The books of the KV page pool and its prefix cache.
pub mod pages;
/// From a rendered conversation to token numbers.
pub mod prompt;
/// Repeatable random numbers.
pub mod random;
/// The oracle of the tests: a whole decoder in plain loops.
pub mod reference;
/// Chooses the next token.
pub mod sample;
/// Who runs in the next step.
pub mod schedule;
/// What the scheduler knows of one sequence.
mod sequence;
/// What the engine counts while it works.
pub mod stats;
/// The engine's thread.
pub mod worker;

pub use config::EngineConfig;
pub use engine::{EngineParts, LanguageEngine, StartError};
pub use forward::{Forward, Step, StepError, StepSpan};
pub use grammar::{Grammar, GrammarFactory};
pub use load::{Estimate, LoadError, LoadOptions, ModelFiles, OpenError, Progress};
pub use model::Model;
