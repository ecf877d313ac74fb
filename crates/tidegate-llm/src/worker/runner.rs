//! The loop of the engine's thread.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_base::{Clock, Fault};

use super::desk::Desk;
use super::inbox::{Call, Inbox, Phase};
use super::lane::{Job, Lane};
use crate::forward::{Forward, StepError};
use crate::schedule::Scheduler;
use crate::stats::{Counters, Gauges, Observer, micros};

/// Who hears of what the thread does, and the clock that tells it when.
#[derive(Debug, Clone)]
pub(super) struct Witnesses {
    pub(super) counters: Arc<Counters>,
    pub(super) gauges: Arc<Gauges>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) clock: Arc<dyn Clock>,
}

pub(super) struct Runner {
    forward: Box<dyn Forward>,
    desk: Desk,
    inbox: Arc<Inbox>,
    groups: Vec<Vec<Job>>,
    witnesses: Witnesses,
}

impl Runner {
    pub(super) fn new(
        forward: Box<dyn Forward>,
        scheduler: Scheduler,
        known_tokens: usize,
        inbox: Arc<Inbox>,
        witnesses: Witnesses,
    ) -> Self {
        let pages = scheduler.pool().total();
        witnesses.gauges.pages_total.store(pages, Ordering::Relaxed);
        let vocabulary = forward.vocabulary().min(known_tokens);
        Self {
            desk: Desk::new(scheduler, vocabulary, Arc::clone(&inbox), witnesses.clone()),
            forward,
            inbox,
            groups: Vec::new(),
            witnesses,
        }
    }

    /// Runs until the engine is drained or the model fails.
    pub(super) fn run(mut self) {
        let phase = match std::panic::catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(()) => Phase::Stopped,
            Err(panic) => {
                let words = panic_words(&*panic);
                tracing::error!(
                    panic = words,
                    "The model's step panicked; the engine takes no more requests."
                );
                self.desk
                    .fail_all(|| Fault::internal(format!("the model's step panicked: {words}")));
                Phase::Failed
            }
        };
        self.publish();
        let late = self.inbox.close(phase);
        for job in late.into_iter().flatten().chain(self.groups.drain(..).flatten()) {
            job.sink.fail(Fault::unavailable("the model is shutting down"));
        }
    }

    fn work(&mut self) {
        self.inbox.practise_waiting();
        loop {
            let call = self.inbox.take(&mut self.groups);
            let now = self.witnesses.clock.monotonic();
            for group in self.groups.drain(..) {
                self.desk.start(group, now);
            }
            if call.phase == Phase::Draining {
                if call.drain_until.is_some_and(|until| until <= now) {
                    self.desk.fail_all(|| {
                        Fault::unavailable("the server shut down before the answer was complete")
                            .with_code("shutting_down")
                    });
                }
                if self.desk.is_empty() {
                    return;
                }
            }
            self.desk.look_at_readers(now);
            self.desk.scheduler.decide(now);
            self.desk.heed(now);
            self.publish();
            if self.desk.scheduler.step().tokens.is_empty() {
                self.wait(call, now);
            } else if let Err(error) = self.step(now) {
                tracing::error!(%error, "A step did not fit the model.");
                self.desk
                    .fail_step(&format!("a step did not fit the model: {error}"));
            }
        }
    }

    /// Computes the planned step.
    fn step(&mut self, started: Duration) -> Result<(), StepError> {
        let step = self.desk.scheduler.step();
        let rows = step.tokens.len();
        if self.desk.scheduler.embeds() {
            let width = self.forward.hidden();
            let states = self.forward.hidden_states(&step)?;
            self.desk.take_states(states, width);
        } else {
            let width = self.forward.vocabulary();
            let logits = self.forward.forward(&step)?;
            self.desk.take_logits(logits, width);
        }
        let time = self.witnesses.clock.monotonic().saturating_sub(started);
        let counters = &self.witnesses.counters;
        counters.add(|counters| &counters.steps, 1);
        counters.add(|counters| &counters.rows, rows as u64);
        counters.add(|counters| &counters.step_us, micros(time));
        self.witnesses.observer.step(rows, time);
        Ok(())
    }

    /// Nothing can be computed now: waits for a request, a reader, or the next thing that falls due.
    fn wait(&self, call: Call, now: Duration) {
        let alarm = self.desk.scheduler.alarm();
        let due = match (alarm, call.drain_until) {
            (Some(first), Some(second)) => Some(first.min(second)),
            (first, second) => first.or(second),
        };
        self.inbox.wait(due.map(|due| due.saturating_sub(now)));
    }

    fn publish(&self) {
        let (scheduler, Witnesses { counters, gauges, .. }) = (&self.desk.scheduler, &self.witnesses);
        let (pool, totals) = (scheduler.pool(), scheduler.totals());
        gauges.running.store(scheduler.running(), Ordering::Relaxed);
        gauges.pages_used.store(pool.held(), Ordering::Relaxed);
        gauges.pages_cached.store(pool.cached(), Ordering::Relaxed);
        for (counter, total) in [
            (&counters.prompt_tokens, totals.prefilled),
            (&counters.prefix_hit_tokens, totals.prefix_hits),
            (&counters.generated_tokens, totals.generated),
            (&counters.page_pauses, totals.pauses),
        ] {
            counter.store(total, Ordering::Relaxed);
        }
    }
}

impl Witnesses {
    /// A token of this lane was chosen.
    pub(super) fn observe(&self, lane: &mut Lane, now: Duration) {
        match lane.last_token.replace(now) {
            Some(last) => self.observer.next_token(now.saturating_sub(last)),
            None => self.observer.first_token(now.saturating_sub(lane.asked)),
        }
    }
}

fn panic_words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
