//! Wire types only: the JSON that clients send and read. No behaviour, no transport.
#![forbid(unsafe_code)]

/// The OpenAI API.
pub mod openai;
