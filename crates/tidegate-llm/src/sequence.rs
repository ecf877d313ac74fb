//! One sequence of tokens from its arrival to its end: what the scheduler knows of it.

use std::time::Duration;

/// Names a sequence. Never used twice, so that a late word about a dead sequence harms nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceId {
    pub(crate) slot: u32,
    pub(crate) serial: u64,
}

impl SequenceId {
    /// The sequence's place among all that are in flight: below running and waiting limits together.
    /// Used again after its end.
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// What a sequence is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Read the prompt, then generate tokens.
    #[default]
    Generate,
    /// Read the prompt for its hidden states; nothing is generated, shared or kept.
    Embed,
}

/// A sequence that asks for a place.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// The tokens to read; at least one.
    pub prompt: Vec<u32>,
    /// The most tokens to generate.
    pub max_tokens: usize,
    /// Higher goes first; equal ones in the order of their arrival.
    pub priority: i8,
    /// The moment at which it is cut.
    pub deadline: Option<Duration>,
    /// Wait until this one has read its prompt: its pages can then be shared.
    pub after: Option<SequenceId>,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether the logits of the prompt's tokens are wanted too. Nothing is taken from the prefix
    /// cache then.
    pub score_prompt: bool,
    /// Go on after an end token.
    pub ignore_end: bool,
}

/// Why the scheduler ended a sequence by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Its deadline passed.
    Deadline,
    /// Its reader took nothing for too long.
    Stalled,
}

/// A sequence in the scheduler's books.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) serial: u64,
    pub(crate) arrival: Arrival,
    /// Prompt and generated tokens.
    pub(crate) tokens: Vec<u32>,
    pub(crate) prompt_len: usize,
    /// The leading tokens whose keys and values are stored.
    pub(crate) computed: usize,
    /// The pages that hold them, in order.
    pub(crate) pages: Vec<u32>,
    /// The leading pages that are registered.
    pub(crate) registered: usize,
    /// Pages that were promised to it and not taken yet.
    pub(crate) promised: usize,
    /// Pages that its answer may still need beyond these.
    pub(crate) claim: usize,
    /// Prompt tokens that were found in the cache.
    pub(crate) cached: usize,
    pub(crate) running: bool,
    /// Since when its reader takes nothing.
    pub(crate) blocked_since: Option<Duration>,
    pub(crate) arrived: Duration,
}

impl Sequence {
    pub(crate) fn new(serial: u64, mut arrival: Arrival, now: Duration) -> Self {
        let tokens = std::mem::take(&mut arrival.prompt);
        Self {
            serial,
            prompt_len: tokens.len(),
            arrival,
            tokens,
            computed: 0,
            pages: Vec::new(),
            registered: 0,
            promised: 0,
            claim: 0,
            cached: 0,
            running: false,
            blocked_since: None,
            arrived: now,
        }
    }

    /// The order in which sequences are served: priority, then arrival.
    pub(crate) fn rank(&self) -> Rank {
        Rank(-i16::from(self.arrival.priority), self.serial)
    }

    /// Positions whose keys and values will be stored at most: the last token is never fed back.
    pub(crate) fn positions(&self) -> usize {
        self.prompt_len + self.arrival.max_tokens.saturating_sub(1)
    }

    /// Tokens whose keys and values are not stored yet.
    pub(crate) fn pending(&self) -> usize {
        self.tokens.len() - self.computed
    }

    pub(crate) fn generated(&self) -> usize {
        self.tokens.len() - self.prompt_len
    }

    pub(crate) fn has_read_prompt(&self) -> bool {
        self.computed >= self.prompt_len
    }

    /// Whether its next row is a token that was just generated.
    pub(crate) fn decodes(&self) -> bool {
        self.has_read_prompt() && self.pending() == 1
    }

    /// Whether equal prefixes may be taken from the cache.
    pub(crate) fn takes_prefix(&self) -> bool {
        self.arrival.purpose == Purpose::Generate && !self.arrival.score_prompt
    }
}

/// Lower is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(i16, u64);
