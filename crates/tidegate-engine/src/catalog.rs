//! Which engine serves which name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::Engine;

/// What a model is and can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCard {
    /// The name that clients call.
    pub name: String,
    /// The family of the weights (`llama`, `qwen2`).
    pub architecture: String,
    /// How many tokens a prompt and its answer may have together.
    pub context_length: usize,
    /// How many tokens the model knows.
    pub vocabulary: usize,
    /// The size of an embedding, where the model can make one.
    pub embedding_length: usize,
    /// Whether the model has a chat template.
    pub chat: bool,
    /// When it was loaded, in seconds since 1970.
    pub created: u64,
}

/// Which engine serves this model name.
pub trait Catalog: Send + Sync + fmt::Debug {
    /// The engine behind `name`, if there is one.
    fn resolve(&self, name: &str) -> Option<Arc<dyn Engine>>;
    /// Every model, by name.
    fn list(&self) -> Vec<ModelCard>;
}

/// A catalog that never changes.
#[derive(Debug, Default)]
pub struct StaticCatalog(BTreeMap<String, Arc<dyn Engine>>);

impl StaticCatalog {
    /// A catalog of these engines, each under the name on its card.
    pub fn new(engines: impl IntoIterator<Item = Arc<dyn Engine>>) -> Self {
        Self(
            engines
                .into_iter()
                .map(|engine| (engine.card().name.clone(), engine))
                .collect(),
        )
    }
}

impl Catalog for StaticCatalog {
    fn resolve(&self, name: &str) -> Option<Arc<dyn Engine>> {
        self.0.get(name).cloned()
    }

    fn list(&self) -> Vec<ModelCard> {
        self.0.values().map(|engine| engine.card().clone()).collect()
    }
}
