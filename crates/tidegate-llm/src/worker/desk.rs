//! What the engine's thread has on its desk: the scheduler, and a lane for each sequence in it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use tidegate_base::Fault;
use tidegate_engine::FinishReason;

use super::inbox::Inbox;
use super::lane::{Job, Lane, Sink};
use super::ring::{PromptScore, ReaderState};
use super::runner::Witnesses;
use crate::sample::{Scratch, Surroundings, score};
use crate::schedule::{Cut, Effect, Scheduler, SequenceId};
use crate::stats::micros;

pub(super) struct Desk {
    pub(super) scheduler: Scheduler,
    /// By slot.
    lanes: Vec<Option<(SequenceId, Lane)>>,
    scratch: Scratch,
    /// Tokens below this number may be chosen.
    vocabulary: usize,
    /// The best tokens of one row.
    top: Vec<(u32, f32)>,
    /// Sequences that ended in this turn.
    ended: Vec<(SequenceId, End)>,
    inbox: Arc<Inbox>,
    witnesses: Witnesses,
    /// Recent time between two ends, and when the last one was.
    pace: Duration,
    last_end: Option<Duration>,
}

/// How a sequence ends.
enum End {
    Finished(FinishReason),
    Gone,
    Failed(Fault),
}

impl Desk {
    pub(super) fn new(
        scheduler: Scheduler,
        vocabulary: usize,
        inbox: Arc<Inbox>,
        witnesses: Witnesses,
    ) -> Self {
        let slots = scheduler.limits().running + scheduler.limits().waiting;
        Self {
            lanes: (0..slots).map(|_| None).collect(),
            scratch: Scratch::new(vocabulary),
            vocabulary,
            top: Vec::with_capacity(score::TOP_MOST),
            ended: Vec::with_capacity(slots),
            scheduler,
            inbox,
            witnesses,
            pace: Duration::ZERO,
            last_end: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.scheduler.running() + self.scheduler.waiting() == 0
    }

    /// Hands the sequences of one request to the scheduler.
    pub(super) fn start(&mut self, group: Vec<Job>, now: Duration) {
        if self.is_empty() {
            self.last_end = Some(now);
        }
        let mut leader = None;
        for mut job in group {
            let mut arrival = std::mem::take(&mut job.arrival);
            arrival.after = leader;
            let lane = Lane::new(job, &arrival);
            match self.scheduler.submit(arrival, now) {
                Ok(id) => {
                    leader = leader.or(Some(id));
                    self.lanes[id.slot()] = Some((id, lane));
                }
                Err(refusal) => {
                    // Whoever sends requests asks first whether they fit.
                    let fault = Fault::invalid(refusal.to_string()).with_source(refusal);
                    self.say_goodbye(lane, End::Failed(fault), now);
                }
            }
        }
    }

    /// Ends the sequences whose readers went away; those whose readers are full pause.
    pub(super) fn look_at_readers(&mut self, now: Duration) {
        for (id, lane) in self.lanes.iter().flatten() {
            match lane.look() {
                ReaderState::Ready => self.scheduler.set_blocked(*id, false, now),
                ReaderState::Full => self.scheduler.set_blocked(*id, true, now),
                ReaderState::Gone => self.ended.push((*id, End::Gone)),
            }
        }
        self.clear_ended(now);
    }

    /// Does what the scheduler decided beside the step.
    pub(super) fn heed(&mut self, now: Duration) {
        for effect in self.scheduler.effects() {
            match *effect {
                Effect::Admitted { waited, .. } => {
                    let Witnesses {
                        counters, observer, ..
                    } = &self.witnesses;
                    counters.add(|counters| &counters.admitted, 1);
                    counters.add(|counters| &counters.queue_us, micros(waited));
                    observer.queued(waited);
                }
                Effect::Cut { id, why } => self.ended.push((id, End::Failed(cut_fault(why)))),
                // Only `commit` says this, and it was heeded then.
                Effect::Read { .. } => {}
            }
        }
        self.clear_ended(now);
    }

    /// The step gave logits: chooses and delivers tokens.
    pub(super) fn take_logits(&mut self, logits: &[f32], width: usize) {
        self.scheduler.commit();
        let now = self.witnesses.clock.monotonic();
        for number in 0..self.scheduler.outputs().len() {
            let output = self.scheduler.outputs()[number];
            let row = &logits[number * width..number * width + self.vocabulary];
            match output.known {
                None => self.choose(output.id, row, now),
                Some(token) => self.score(output.id, token, row),
            }
        }
        self.clear_ended(now);
        self.heed_reads(now);
    }

    /// The step gave hidden states: adds them up.
    pub(super) fn take_states(&mut self, states: &[f32], width: usize) {
        let owners = self.scheduler.owners();
        for (id, span) in owners.iter().zip(self.scheduler.step().spans) {
            let rows = span.first_row as usize..(span.first_row + span.rows) as usize;
            if let Some((_, lane)) = &mut self.lanes[id.slot()]
                && let Sink::Vector(sink) = &mut lane.sink
            {
                sink.add(&states[rows.start * width..rows.end * width]);
            }
        }
        self.scheduler.commit();
        self.heed_reads(self.witnesses.clock.monotonic());
    }

    /// Fails every sequence of the planned step.
    pub(super) fn fail_step(&mut self, why: &str) {
        for id in self.scheduler.owners() {
            self.ended.push((*id, End::Failed(Fault::internal(why))));
        }
        self.clear_ended(self.witnesses.clock.monotonic());
    }

    /// Fails every sequence.
    pub(super) fn fail_all(&mut self, fault: impl Fn() -> Fault) {
        for (id, _) in self.lanes.iter().flatten() {
            self.ended.push((*id, End::Failed(fault())));
        }
        self.clear_ended(self.witnesses.clock.monotonic());
    }

    /// Looks only at what `commit` said: the rest was heeded before the step.
    fn heed_reads(&mut self, now: Duration) {
        for effect in self.scheduler.effects() {
            if let Effect::Read { id } = *effect {
                if let Some((_, lane)) = &mut self.lanes[id.slot()] {
                    open(lane, 0);
                }
                self.ended.push((id, End::Finished(FinishReason::Length)));
            }
        }
        self.clear_ended(now);
    }

    fn choose(&mut self, id: SequenceId, row: &[f32], now: Duration) {
        let Some((_, lane)) = &mut self.lanes[id.slot()] else {
            return;
        };
        let Some((tokens, generated_from)) = self.scheduler.tokens(id) else {
            return;
        };
        let around = Surroundings {
            tokens,
            generated_from,
            allowed: None,
        };
        let (token, is_complete) = match pick(lane, row, around, &mut self.scratch) {
            Ok(picked) => picked,
            Err(fault) => return self.ended.push((id, End::Failed(fault))),
        };
        if lane.last_token.is_none() {
            open(lane, self.scheduler.cached_tokens(id));
        }
        let Some(verdict) = self.scheduler.accept(id, token) else {
            return;
        };
        self.witnesses.observe(lane, now);
        lane.generated += 1;
        if verdict.is_text
            && let Sink::Tokens(outlet) = &lane.sink
        {
            self.top.clear();
            let logprob = lane
                .logprobs
                .map_or(0.0, |count| score::score(row, token, count, &mut self.top));
            outlet.push(token, logprob, &self.top);
        }
        let end = verdict.end.or(is_complete.then_some(FinishReason::Stop));
        if let Some(reason) = end {
            self.ended.push((id, End::Finished(reason)));
        }
    }

    /// Notes how likely a token of the prompt was.
    fn score(&mut self, id: SequenceId, token: u32, row: &[f32]) {
        if let Some((_, lane)) = &mut self.lanes[id.slot()] {
            let mut top = Vec::new();
            let logprob = score::score(row, token, lane.logprobs.unwrap_or(0), &mut top);
            lane.scores.push(PromptScore { logprob, top });
        }
    }

    fn clear_ended(&mut self, now: Duration) {
        while let Some((id, end)) = self.ended.pop() {
            self.scheduler.cancel(id);
            let lane = self.lanes[id.slot()].take_if(|(owner, _)| *owner == id);
            if let Some((_, lane)) = lane {
                self.say_goodbye(lane, end, now);
            }
        }
    }

    /// The pages are free already when the reader hears of the end.
    fn say_goodbye(&mut self, lane: Lane, end: End, now: Duration) {
        if let Some(last) = self.last_end.replace(now) {
            let interval = now.saturating_sub(last);
            self.pace = (self.pace * 7 + interval) / 8;
        }
        self.inbox.leave(self.pace);
        let counters = &self.witnesses.counters;
        match end {
            End::Finished(reason) => {
                counters.add(|counters| &counters.finished, 1);
                lane.finish(reason);
            }
            End::Gone => counters.add(|counters| &counters.cancelled, 1),
            End::Failed(fault) => {
                counters.add(|counters| &counters.cut, 1);
                lane.fail(fault);
            }
        }
    }
}

/// Chooses a token by the lane's rules. Answers also whether nothing may follow it.
fn pick(
    lane: &mut Lane,
    row: &[f32],
    around: Surroundings<'_>,
    scratch: &mut Scratch,
) -> Result<(u32, bool), Fault> {
    let broken = |error| Fault::internal("the model gave no usable logits").with_source(error);
    let Some(grammar) = &mut lane.grammar else {
        let token = lane.sampler.choose(row, around, scratch).map_err(broken)?;
        return Ok((token, false));
    };
    let sampler = &mut lane.sampler;
    // Grammars come from clients: a panic in their library ends this sequence only.
    let picked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let around = Surroundings {
            allowed: Some(grammar.mask()?),
            ..around
        };
        let token = sampler.choose(row, around, scratch).map_err(broken)?;
        grammar.commit(token)?;
        Ok((token, grammar.is_finished()))
    }));
    picked.unwrap_or_else(|_| Err(Fault::internal("the grammar's library panicked")))
}

/// Tells the reader, once, that the prompt was read.
fn open(lane: &mut Lane, cached: usize) {
    if let Sink::Tokens(outlet) = &lane.sink {
        outlet.open(cached, std::mem::take(&mut lane.scores));
    }
}

fn cut_fault(why: Cut) -> Fault {
    match why {
        Cut::Deadline => Fault::deadline("the answer was not complete before the request's deadline"),
        Cut::Stalled => {
            Fault::cancelled("the client did not read the answer for too long").with_code("slow_reader")
        }
    }
}
