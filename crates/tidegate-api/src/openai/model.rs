//! `/v1/models`.

use serde::Serialize;

/// Every model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelList<'a> {
    /// `list`.
    pub object: &'static str,
    /// The models, by name.
    pub data: Vec<ModelAnswer<'a>>,
}

/// One model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelAnswer<'a> {
    /// The name that clients call.
    pub id: &'a str,
    /// `model`.
    pub object: &'static str,
    /// When it was loaded, in seconds since 1970.
    pub created: u64,
    /// `tidegate`.
    pub owned_by: &'static str,
    /// Extension: how many tokens a prompt and its answer may have together.
    pub context_length: usize,
    /// Extension: the family of the weights.
    pub architecture: &'a str,
}
