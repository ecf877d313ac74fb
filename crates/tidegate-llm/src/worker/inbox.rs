//! The bounded way of requests to the engine's thread, and its bell.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tidegate_base::Fault;
use tokio::sync::watch;

use super::lane::Job;

/// Where the engine's thread stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It takes requests.
    Ready,
    /// It finishes what it has and takes no more.
    Draining,
    /// It ended in good order.
    Stopped,
    /// It ended because the model failed.
    Failed,
}

/// Requests on their way to the engine's thread.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    bell: Condvar,
    limit: usize,
    phase: watch::Sender<Phase>,
}

#[derive(Debug)]
struct State {
    groups: Vec<Vec<Job>>,
    /// Sequences that were taken and did not end yet.
    in_flight: usize,
    has_rung: bool,
    phase: Phase,
    /// When draining ends, on the worker's clock.
    drain_until: Option<Duration>,
    /// Recent time between the ends of two sequences.
    pace: Duration,
}

/// Why the bell rang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) phase: Phase,
    pub(super) drain_until: Option<Duration>,
}

impl Inbox {
    /// An inbox for at most `limit` sequences in flight.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::new(State {
                groups: Vec::with_capacity(limit),
                in_flight: 0,
                has_rung: false,
                phase: Phase::Ready,
                drain_until: None,
                pace: Duration::ZERO,
            }),
            bell: Condvar::new(),
            limit,
            phase: watch::Sender::new(Phase::Ready),
        }
    }

    /// Takes the sequences of one request, all or none.
    ///
    /// # Errors
    /// Overloaded when too many are in flight; unavailable when no more are taken.
    pub(super) fn submit(&self, group: Vec<Job>) -> Result<(), Fault> {
        let mut state = self.state.lock();
        match state.phase {
            Phase::Ready => {}
            Phase::Draining | Phase::Stopped => {
                return Err(Fault::unavailable("the model is shutting down").with_code("shutting_down"));
            }
            Phase::Failed => {
                return Err(
                    Fault::unavailable("the model failed and takes no requests").with_code("engine_failed")
                );
            }
        }
        if state.in_flight + group.len() > self.limit {
            let fault = overloaded(state.in_flight, self.limit, state.pace);
            return Err(fault);
        }
        state.in_flight += group.len();
        state.groups.push(group);
        drop(state);
        self.ring_bell();
        Ok(())
    }

    /// Sequences that were taken and did not end yet.
    pub(super) fn in_flight(&self) -> usize {
        self.state.lock().in_flight
    }

    /// Wakes the engine's thread if it waits, or keeps it from waiting once.
    pub(super) fn ring_bell(&self) {
        self.state.lock().has_rung = true;
        self.bell.notify_one();
    }

    /// Moves new requests to `groups`.
    pub(super) fn take(&self, groups: &mut Vec<Vec<Job>>) -> Call {
        let mut state = self.state.lock();
        state.has_rung = false;
        groups.append(&mut state.groups);
        Call {
            phase: state.phase,
            drain_until: state.drain_until,
        }
    }

    /// Waits for the bell, at most this long.
    pub(super) fn wait(&self, limit: Option<Duration>) {
        let mut state = self.state.lock();
        if state.has_rung {
            return;
        }
        match limit {
            Some(limit) => {
                self.bell.wait_for(&mut state, limit);
            }
            None => self.bell.wait(&mut state),
        }
    }

    /// Waits a moment for nothing: the lock library makes a thread's books at its first wait, and that
    /// must not fall into a step.
    pub(super) fn practise_waiting(&self) {
        let mut state = self.state.lock();
        self.bell.wait_for(&mut state, Duration::from_nanos(1));
    }

    /// A sequence ended; `pace` is the recent time between two ends.
    pub(super) fn leave(&self, pace: Duration) {
        let mut state = self.state.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
        state.pace = pace;
    }

    /// Takes no more requests, and cuts what still runs at this moment.
    pub(super) fn drain(&self, until: Duration) {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Ready | Phase::Draining) {
            state.phase = Phase::Draining;
            state.drain_until = Some(state.drain_until.map_or(until, |before| before.min(until)));
        }
        drop(state);
        self.phase.send_if_modified(|phase| {
            let starts = *phase == Phase::Ready;
            if starts {
                *phase = Phase::Draining;
            }
            starts
        });
        self.ring_bell();
    }

    /// The engine's thread ended; answers with requests that came too late.
    pub(super) fn close(&self, phase: Phase) -> Vec<Vec<Job>> {
        let mut state = self.state.lock();
        state.phase = phase;
        state.in_flight = 0;
        let late = std::mem::take(&mut state.groups);
        drop(state);
        self.phase.send_replace(phase);
        late
    }

    /// Where the engine's thread stands.
    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}

/// Come back when a quarter of the line is through, at the recent pace.
fn overloaded(in_flight: usize, limit: usize, pace: Duration) -> Fault {
    let quarter = u32::try_from(in_flight.div_ceil(4)).unwrap_or(u32::MAX);
    let wait = pace
        .saturating_mul(quarter)
        .clamp(Duration::from_secs(1), Duration::from_secs(60));
    Fault::overloaded(
        format!("the model has {in_flight} answers in flight, of at most {limit}"),
        wait,
    )
    .with_code("queue_full")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_the_pace_within_bounds() {
        for (in_flight, pace, expected) in [(8, 0, 1), (8, 500, 1), (8, 3_000, 6), (400, 10_000, 60)] {
            let fault = overloaded(in_flight, 10, Duration::from_millis(pace));
            assert_eq!(
                fault.retry,
                tidegate_base::Retry::After(Duration::from_secs(expected))
            );
        }
    }
}
