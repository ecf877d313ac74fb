//! The models of this process: each is found as soon as it is loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tidegate_engine::{Catalog, Engine, ModelCard};

/// A catalog that grows while models load.
#[derive(Debug, Default)]
pub(crate) struct Shelf(RwLock<BTreeMap<String, Arc<dyn Engine>>>);

impl Shelf {
    /// Makes a model known under the name on its card.
    pub(crate) fn put(&self, engine: Arc<dyn Engine>) {
        self.0.write().insert(engine.card().name.clone(), engine);
    }
}

impl Catalog for Shelf {
    fn resolve(&self, name: &str) -> Option<Arc<dyn Engine>> {
        self.0.read().get(name).cloned()
    }

    fn list(&self) -> Vec<ModelCard> {
        self.0
            .read()
            .values()
            .map(|engine| engine.card().clone())
            .collect()
    }
}
