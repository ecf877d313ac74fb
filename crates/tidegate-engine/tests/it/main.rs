//! The engine's text layer against what other programs made.

// `cfg(test)` tells Clippy that the helpers are tests too.
#[cfg(test)]
mod templates;
