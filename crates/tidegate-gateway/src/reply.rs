//! Errors as each protocol writes them: one file for each protocol.

/// The OpenAI API.
pub(crate) mod openai;
