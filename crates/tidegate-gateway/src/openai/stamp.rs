//! What every answer begins with: its id, its time, the model and its fingerprint.

use std::hash::{DefaultHasher, Hash, Hasher};

use tidegate_engine::ModelCard;
use tidegate_telemetry::Telemetry;
use uuid::Uuid;

/// What every answer begins with.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    pub(crate) id: String,
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) fingerprint: String,
}

impl Stamp {
    /// A fresh one, with an id that begins with `prefix`.
    pub(crate) fn new(prefix: &str, card: &ModelCard, telemetry: &Telemetry) -> Self {
        Self {
            id: format!("{prefix}-{}", Uuid::now_v7().simple()),
            created: telemetry.clock().unix().as_secs(),
            model: card.name.clone(),
            fingerprint: fingerprint(card, &telemetry.build().version),
        }
    }
}

/// Changes when the program or the model changes.
fn fingerprint(card: &ModelCard, version: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (
        version,
        &card.name,
        &card.architecture,
        card.vocabulary,
        card.context_length,
    )
        .hash(&mut hasher);
    format!("fp_{:010x}", hasher.finish() & 0xff_ffff_ffff)
}
