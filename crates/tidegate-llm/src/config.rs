//! The settings of one engine, with their defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_base::units;

/// How much one model may do at once. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// The most sequences in the running batch. Lowered to what the model was loaded for.
    pub max_running: usize,
    /// The most sequences that wait for a place. Beyond these (and the free places of the batch)
    /// requests are refused as overloaded.
    pub max_waiting: usize,
    /// The most rows (tokens) of a step. Lowered to what the model was loaded for.
    pub step_rows: usize,
    /// The most prompt tokens in a step while other sequences generate: larger reads prompts faster,
    /// smaller keeps the pauses between the tokens of the others short.
    pub prefill_beside: usize,
    /// How many tokens wait for a slow reader before its sequence pauses.
    pub reader_tokens: usize,
    /// How long a sequence pauses for its reader before it is cut.
    #[serde(deserialize_with = "units::duration", serialize_with = "units::duration_text")]
    pub reader_stall: Duration,
    /// The most answers to one request (`n`).
    pub max_choices: u32,
    /// The most texts in one embedding request.
    pub max_embeddings: usize,
    /// Prompts longer than this many bytes are tokenised on a thread for blocking work.
    pub inline_prompt_bytes: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            max_running: 32,
            max_waiting: 256,
            step_rows: 512,
            prefill_beside: 64,
            reader_tokens: 64,
            reader_stall: Duration::from_secs(60),
            max_choices: 16,
            max_embeddings: 256,
            inline_prompt_bytes: 4096,
        }
    }
}
