//! What the engine's thread keeps for one sequence beside the scheduler's books.

use std::fmt;
use std::time::Duration;

use tidegate_base::Fault;
use tidegate_engine::FinishReason;
use tokio::sync::oneshot;

use super::ring::{Outlet, PromptScore, ReaderState};
use crate::grammar::Grammar;
use crate::sample::Sampler;
use crate::schedule::Arrival;

/// One sequence on its way into the engine.
pub(crate) struct Job {
    pub(crate) arrival: Arrival,
    pub(crate) sampler: Sampler,
    pub(crate) grammar: Option<Grammar>,
    /// Report logarithms and this many alternatives.
    pub(crate) logprobs: Option<usize>,
    /// When it was asked for, on the worker's clock.
    pub(crate) asked: Duration,
    pub(crate) sink: Sink,
}

/// Where results go.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Tokens, one by one.
    Tokens(Outlet),
    /// One vector at the end.
    Vector(VectorSink),
}

/// Adds up hidden states.
#[derive(Debug)]
pub(crate) struct VectorSink {
    pub(crate) sum: Vec<f32>,
    pub(crate) rows: usize,
    pub(crate) reply: oneshot::Sender<Result<Vec<f32>, Fault>>,
}

/// A sequence that the scheduler has.
pub(super) struct Lane {
    pub(super) sampler: Sampler,
    pub(super) grammar: Option<Grammar>,
    pub(super) logprobs: Option<usize>,
    pub(super) asked: Duration,
    /// When its last token came.
    pub(super) last_token: Option<Duration>,
    pub(super) generated: usize,
    pub(super) scores: Vec<PromptScore>,
    pub(super) sink: Sink,
}

impl Lane {
    pub(super) fn new(job: Job, arrival: &Arrival) -> Self {
        let scored = if arrival.score_prompt {
            arrival.prompt.len()
        } else {
            0
        };
        Self {
            sampler: job.sampler,
            grammar: job.grammar,
            logprobs: job.logprobs,
            asked: job.asked,
            last_token: None,
            generated: 0,
            scores: Vec::with_capacity(scored),
            sink: job.sink,
        }
    }

    pub(super) fn look(&self) -> ReaderState {
        match &self.sink {
            Sink::Tokens(outlet) => outlet.look(),
            Sink::Vector(sink) if sink.reply.is_closed() => ReaderState::Gone,
            Sink::Vector(_) => ReaderState::Ready,
        }
    }

    pub(super) fn finish(self, reason: FinishReason) {
        match self.sink {
            Sink::Tokens(outlet) => outlet.finish(reason, self.generated),
            Sink::Vector(sink) => sink.finish(),
        }
    }

    pub(super) fn fail(self, fault: Fault) {
        self.sink.fail(fault);
    }
}

impl Sink {
    pub(super) fn fail(self, fault: Fault) {
        match self {
            Self::Tokens(outlet) => outlet.fail(fault),
            // Nobody is there to read it if this fails.
            Self::Vector(sink) => drop(sink.reply.send(Err(fault))),
        }
    }
}

impl VectorSink {
    /// Adds rows of hidden states.
    pub(super) fn add(&mut self, rows: &[f32]) {
        let width = self.sum.len().max(1);
        for row in rows.chunks_exact(width) {
            self.rows += 1;
            for (sum, value) in self.sum.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }

    /// Sends the mean.
    fn finish(mut self) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a context has far fewer than 2^24 tokens"
        )]
        let share = 1.0 / self.rows.max(1) as f32;
        self.sum.iter_mut().for_each(|value| *value *= share);
        drop(self.reply.send(Ok(self.sum)));
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("arrival", &self.arrival)
            .finish_non_exhaustive()
    }
}
