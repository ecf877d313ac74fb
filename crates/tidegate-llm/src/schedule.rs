//! Who runs in the next step: a pure state machine over sequences and pages.
//!
//! It knows no thread, no clock and no model. One turn is `decide` (what to compute now), the
//! computation of [`Scheduler::step`] by somebody else, `commit` (it is stored), and one `accept`
//! for each token that was chosen. The same calls give the same answers, so that a simulation can
//! replay every turn.
//!
//! **Who gets a place.** Waiting sequences are ordered by priority, then arrival. The first one is
//! admitted when there is a slot, the pages of its prompt (less those that it shares) can be promised,
//! and everybody who runs can still finish even if all answers become as long as they may (see
//! `safety.rs`). Nobody overtakes it within its rank, so a large one is not starved by small ones; a
//! strictly higher priority does go first, for as long as it comes. What was admitted always finishes:
//! no sequence ever dies, or is computed twice, because others came.
//!
//! **What a step holds.** Every sequence that generates gets its one row. What is left of the step,
//! at most `prefill_beside` rows while others generate, goes to prompts, in chunks, in the order of
//! rank. A sequence whose reader is full keeps its place and pages and gets no rows. Where answers
//! grow so long that pages run short, some of them pause between two pages until others are through;
//! nobody new is admitted meanwhile. (Taking pages away from a running sequence to compute them
//! again later is not done.)
//!
//! In steady generation nothing here allocates.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate_engine::FinishReason;

use crate::forward::{Step, StepSpan};
use crate::pages::PagePool;
pub use crate::sequence::{Arrival, Cut, Purpose, SequenceId};
use crate::sequence::{Rank, Sequence};

mod admit;
mod fill;
mod plan;
mod safety;

/// What a scheduler may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most sequences that run at once.
    pub running: usize,
    /// The most sequences that wait.
    pub waiting: usize,
    /// The most rows of a step.
    pub rows: usize,
    /// The most rows that may ask for logits in a step.
    pub outputs: usize,
    /// The most prompt rows in a step beside sequences that generate.
    pub prefill_beside: usize,
    /// How many tokens a sequence may have, prompt and answer together.
    pub context: usize,
    /// How long a reader may take nothing before its sequence is cut.
    pub stall: Duration,
    /// Tokens that end an answer.
    pub end_tokens: Vec<u32>,
}

/// Why a sequence was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing to read.
    #[error("the prompt has no tokens, expected at least one")]
    Empty,
    /// Prompt and answer are longer than the context.
    #[error("the sequence needs {needed} positions, expected at most {context}")]
    Context {
        /// Positions that it needs.
        needed: usize,
        /// Positions that there are.
        context: usize,
    },
    /// It would not fit even if it were alone.
    #[error("the sequence needs {needed} pages, the pool has {total}")]
    Pool {
        /// Pages that it needs.
        needed: usize,
        /// All pages.
        total: usize,
    },
    /// Too many are in flight.
    #[error("{in_flight} sequences are in flight, expected fewer than {limit}")]
    Full {
        /// Sequences that run and wait.
        in_flight: usize,
        /// How many may.
        limit: usize,
    },
}

/// Something that happened to a sequence without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It got its place.
    Admitted {
        /// Which one.
        id: SequenceId,
        /// How long it waited.
        waited: Duration,
    },
    /// Its prompt is read and it wants no tokens: it is gone from the books.
    Read {
        /// Which one.
        id: SequenceId,
    },
    /// It was ended by the scheduler: it is gone from the books.
    Cut {
        /// Which one.
        id: SequenceId,
        /// Why.
        why: Cut,
    },
}

/// A row whose logits the step gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Whose.
    pub id: SequenceId,
    /// The position of the token that the logits are about: one after the row's own.
    pub position: usize,
    /// The token there if it is known (a scored prompt); otherwise one must be chosen.
    pub known: Option<u32>,
}

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the token is part of the answer (an end token is not).
    pub is_text: bool,
    /// Why the sequence ended with it; it is gone from the books then.
    pub end: Option<FinishReason>,
}

/// The scheduler of one model.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    pool: PagePool,
    /// Every sequence in flight, at its slot.
    slots: Vec<Option<Sequence>>,
    free_slots: Vec<u32>,
    waiting: BTreeSet<(Rank, u32)>,
    /// Slots of running sequences, by rank.
    running: Vec<u32>,
    serial: u64,
    embedded_last: bool,
    /// A sequence paused for want of a page when the last step was planned.
    is_short: bool,
    safety: safety::Scratch,
    plan: plan::Plan,
    effects: Vec<Effect>,
    /// Scratch for pages of a prefix, and for slots to end.
    prefix: Vec<u32>,
    ended: Vec<(SequenceId, Cut)>,
    totals: Totals,
}

/// What a scheduler counted since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Prompt tokens that were computed.
    pub prefilled: u64,
    /// Prompt tokens that were found in the prefix cache.
    pub prefix_hits: u64,
    /// Tokens that were chosen.
    pub generated: u64,
    /// How often a sequence went without a row because no page could be given to it safely.
    pub pauses: u64,
}

impl Scheduler {
    /// A scheduler with nothing to do. Limits that contradict each other are lowered.
    pub fn new(mut limits: Limits, pool: PagePool) -> Self {
        limits.rows = limits.rows.max(1);
        limits.outputs = limits.outputs.clamp(1, limits.rows);
        limits.running = limits.running.clamp(1, limits.outputs);
        limits.prefill_beside = limits.prefill_beside.max(1);
        let in_flight = limits.running + limits.waiting;
        let pages = pool.pages_for(limits.context).min(pool.total());
        Self {
            slots: (0..in_flight).map(|_| None).collect(),
            free_slots: (0..u32::try_from(in_flight).unwrap_or(u32::MAX)).rev().collect(),
            waiting: BTreeSet::new(),
            running: Vec::with_capacity(limits.running),
            serial: 0,
            embedded_last: false,
            is_short: false,
            safety: safety::Scratch::new(limits.running, pool.total()),
            plan: plan::Plan::new(&limits, pages),
            effects: Vec::with_capacity(2 * in_flight),
            prefix: Vec::with_capacity(pages),
            ended: Vec::with_capacity(in_flight),
            totals: Totals::default(),
            limits,
            pool,
        }
    }

    /// The limits as they hold.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The page books.
    pub fn pool(&self) -> &PagePool {
        &self.pool
    }

    /// What was counted since the start.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Sequences that run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Sequences that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Puts a sequence in the queue.
    ///
    /// # Errors
    /// It can never fit, or the queue is full.
    pub fn submit(&mut self, arrival: Arrival, now: Duration) -> Result<SequenceId, Refusal> {
        if arrival.prompt.is_empty() {
            return Err(Refusal::Empty);
        }
        let sequence = Sequence::new(self.serial, arrival, now);
        let needed = sequence.prompt_len + sequence.arrival.max_tokens;
        if needed > self.limits.context {
            let context = self.limits.context;
            return Err(Refusal::Context { needed, context });
        }
        let (needed, total) = (self.pool.pages_for(sequence.positions()), self.pool.total());
        if needed > total {
            return Err(Refusal::Pool { needed, total });
        }
        let Some(slot) = self.free_slots.pop() else {
            let limit = self.slots.len();
            return Err(Refusal::Full {
                in_flight: limit,
                limit,
            });
        };
        self.serial += 1;
        let id = SequenceId {
            slot,
            serial: sequence.serial,
        };
        self.waiting.insert((sequence.rank(), slot));
        self.slots[slot as usize] = Some(sequence);
        Ok(id)
    }

    /// Ends a sequence; its pages are free at once. Answers whether it was there.
    pub fn cancel(&mut self, id: SequenceId) -> bool {
        let Some(sequence) = self.take(id) else {
            return false;
        };
        if sequence.running {
            self.running.retain(|slot| *slot != id.slot);
            // From the last to the first, so that a prefix grows old after what stands on it.
            for page in sequence.pages.iter().rev() {
                self.pool.release(*page);
            }
            self.pool.unreserve(sequence.promised);
        } else {
            self.waiting.remove(&(sequence.rank(), id.slot));
        }
        true
    }

    /// Says whether the reader of a sequence can take more. Blocked ones get no rows.
    pub fn set_blocked(&mut self, id: SequenceId, blocked: bool, now: Duration) {
        if let Some(sequence) = self.get_mut(id) {
            if !blocked {
                sequence.blocked_since = None;
            } else if sequence.blocked_since.is_none() {
                sequence.blocked_since = Some(now);
            }
        }
    }

    /// Plans the next step; see [`Scheduler::step`] and [`Scheduler::effects`].
    pub fn decide(&mut self, now: Duration) {
        self.effects.clear();
        self.plan.clear();
        self.expire(now);
        let was_short = self.is_short;
        if !was_short {
            self.admit(now);
        }
        self.fill_plan();
        if was_short && !self.is_short && self.plan.rows() == 0 {
            // Who wanted a page is gone, and nobody else has anything to do.
            self.admit(now);
            self.fill_plan();
        }
    }

    /// What to compute now. No tokens: nothing is to be done.
    pub fn step(&self) -> Step<'_> {
        self.plan.step()
    }

    /// Whether the planned step is about hidden states rather than logits.
    pub fn embeds(&self) -> bool {
        self.plan.purpose() == Purpose::Embed
    }

    /// The outputs of the planned step, in the order of its rows.
    pub fn outputs(&self) -> &[Output] {
        self.plan.outputs()
    }

    /// Whose rows the spans of the planned step are.
    pub fn owners(&self) -> &[SequenceId] {
        self.plan.owners()
    }

    /// What happened since the last `decide` began.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The planned step was computed: its keys and values are stored.
    pub fn commit(&mut self) {
        for number in 0..self.plan.owners().len() {
            let (id, rows) = self.plan.share(number);
            self.advance(id, rows);
        }
        self.plan.clear_rows();
    }

    /// The next token of a sequence was chosen.
    pub fn accept(&mut self, id: SequenceId, token: u32) -> Option<Verdict> {
        let is_end = self.limits.end_tokens.contains(&token);
        let sequence = self.get_mut(id)?;
        let stops = is_end && !sequence.arrival.ignore_end;
        sequence.tokens.push(token);
        let spent = sequence.generated() >= sequence.arrival.max_tokens;
        let end = if stops {
            Some(FinishReason::Stop)
        } else {
            spent.then_some(FinishReason::Length)
        };
        self.totals.generated += 1;
        if end.is_some() {
            self.cancel(id);
        }
        Some(Verdict { is_text: !stops, end })
    }

    /// Prompt and generated tokens of a sequence, and where the generated ones begin.
    pub fn tokens(&self, id: SequenceId) -> Option<(&[u32], usize)> {
        let sequence = self.get(id)?;
        Some((&sequence.tokens, sequence.prompt_len))
    }

    /// Prompt tokens of a sequence that were found in the prefix cache.
    pub fn cached_tokens(&self, id: SequenceId) -> usize {
        self.get(id).map_or(0, |sequence| sequence.cached)
    }

    /// Every sequence that runs, by rank.
    pub fn running_ids(&self) -> impl Iterator<Item = SequenceId> + '_ {
        self.running.iter().filter_map(|slot| self.id_at(*slot))
    }

    /// Every sequence that waits, by rank.
    pub fn waiting_ids(&self) -> impl Iterator<Item = SequenceId> + '_ {
        self.waiting.iter().filter_map(|(_, slot)| self.id_at(*slot))
    }

    /// The next moment at which `decide` has something to do even if nothing else happens.
    pub fn alarm(&self) -> Option<Duration> {
        let stall = self.limits.stall;
        self.slots
            .iter()
            .flatten()
            .filter_map(|sequence| {
                let stalled = sequence.blocked_since.map(|since| since + stall);
                match (stalled, sequence.arrival.deadline) {
                    (Some(first), Some(second)) => Some(first.min(second)),
                    (first, second) => first.or(second),
                }
            })
            .min()
    }

    /// Checks every rule of the books. For tests.
    ///
    /// # Errors
    /// The first rule that is broken, in words.
    pub fn audit(&self) -> Result<(), String> {
        let all = || self.slots.iter().flatten();
        self.pool.audit(all().map(|sequence| sequence.pages.as_slice()))?;
        let promised: usize = all().map(|sequence| sequence.promised).sum();
        if promised != self.pool.reserved() {
            return Err(format!(
                "{promised} pages promised to sequences, {} in the pool",
                self.pool.reserved()
            ));
        }
        for sequence in all() {
            let needed = self.pool.pages_for(sequence.positions());
            let has = sequence.pages.len() + sequence.promised + sequence.claim;
            if sequence.running && has != needed {
                return Err(format!("a sequence needs {needed} pages and has or claims {has}"));
            }
        }
        let mut safety = self.safety.clone();
        if !safety.is_safe(&self.pool, &self.slots, &self.running, None) {
            return Err("not everybody can finish".to_owned());
        }
        let in_flight = all().count();
        if in_flight != self.running.len() + self.waiting.len() {
            return Err(format!("{in_flight} sequences are neither running nor waiting"));
        }
        Ok(())
    }

    /// Counts `rows` more tokens of a sequence as stored, and makes the pages known that became full.
    fn advance(&mut self, id: SequenceId, rows: usize) {
        let Some(sequence) = self.slots[id.slot()].as_mut() else {
            return;
        };
        let in_prompt = sequence.prompt_len.saturating_sub(sequence.computed).min(rows);
        self.totals.prefilled += in_prompt as u64;
        sequence.computed += rows;
        let size = self.pool.page_size();
        while sequence.arrival.purpose == Purpose::Generate
            && (sequence.registered + 1) * size <= sequence.computed
        {
            let number = sequence.registered;
            let parent = number.checked_sub(1).map(|before| sequence.pages[before]);
            let tokens = &sequence.tokens[number * size..(number + 1) * size];
            sequence.pages[number] = self.pool.register(parent, sequence.pages[number], tokens);
            sequence.registered += 1;
        }
        if sequence.has_read_prompt() && sequence.arrival.max_tokens == 0 {
            self.cancel(id);
            self.effects.push(Effect::Read { id });
        }
    }

    fn get(&self, id: SequenceId) -> Option<&Sequence> {
        let sequence = self.slots.get(id.slot())?.as_ref()?;
        (sequence.serial == id.serial).then_some(sequence)
    }

    fn get_mut(&mut self, id: SequenceId) -> Option<&mut Sequence> {
        let sequence = self.slots.get_mut(id.slot())?.as_mut()?;
        (sequence.serial == id.serial).then_some(sequence)
    }

    fn take(&mut self, id: SequenceId) -> Option<Sequence> {
        self.get(id)?;
        self.free_slots.push(id.slot);
        self.slots[id.slot()].take()
    }

    fn id_at(&self, slot: u32) -> Option<SequenceId> {
        let serial = self.slots.get(slot as usize)?.as_ref()?.serial;
        Some(SequenceId { slot, serial })
    }

    fn rank_at(&self, slot: u32) -> Option<Rank> {
        Some(self.slots[slot as usize].as_ref()?.rank())
    }
}
