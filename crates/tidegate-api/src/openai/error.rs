//! Errors, as every OpenAI client reads them.

use serde::Serialize;

/// The body of every answer that is an error.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorAnswer<'a> {
    /// The error.
    pub error: ErrorBody<'a>,
}

/// One error.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorBody<'a> {
    /// The sentence that a person reads.
    pub message: &'a str,
    /// The class of error.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The parameter that is wrong (`messages[2].content`).
    pub param: Option<&'a str>,
    /// A stable machine-readable word.
    pub code: Option<&'a str>,
}
