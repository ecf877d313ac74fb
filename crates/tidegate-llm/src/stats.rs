//! What the engine counts while it works, for metrics and balancers to read at any time.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tidegate_engine::Load;

/// Declares the counters, their snapshot and the copying between the two.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counters that only grow. Written by the engine's thread, read by anyone.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)+
        }

        /// The counters at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct CounterValues {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl Counters {
            /// The counters now. Each is exact; together they may be a step apart.
            pub fn values(&self) -> CounterValues {
                CounterValues { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Steps of the model.
    steps,
    /// Rows (tokens) of these steps.
    rows,
    /// Time in these steps, in microseconds.
    step_us,
    /// Prompt tokens that were computed.
    prompt_tokens,
    /// Prompt tokens that were found in the prefix cache.
    prefix_hit_tokens,
    /// Tokens that were generated.
    generated_tokens,
    /// How often a sequence went without a row for want of a page.
    page_pauses,
    /// Sequences that got a place in the batch.
    admitted,
    /// Time that these waited for it, in microseconds.
    queue_us,
    /// Sequences that ended well.
    finished,
    /// Sequences whose reader went away.
    cancelled,
    /// Sequences that were cut: late, not read, or the model failed.
    cut,
    /// Requests that were refused because too many were in flight.
    refused,
}

impl Counters {
    pub(crate) fn add(&self, counter: impl Fn(&Self) -> &AtomicU64, count: u64) {
        counter(self).fetch_add(count, Ordering::Relaxed);
    }
}

/// Microseconds, as the counters keep them.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// How busy the engine is, as of the last step.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) running: AtomicUsize,
    pub(crate) pages_used: AtomicUsize,
    pub(crate) pages_cached: AtomicUsize,
    pub(crate) pages_total: AtomicUsize,
}

impl Gauges {
    /// The load, with this many sequences in flight.
    pub(crate) fn load(&self, in_flight: usize) -> Load {
        let running = self.running.load(Ordering::Relaxed);
        Load {
            running,
            waiting: in_flight.saturating_sub(running),
            pages_used: self.pages_used.load(Ordering::Relaxed),
            pages_cached: self.pages_cached.load(Ordering::Relaxed),
            pages_total: self.pages_total.load(Ordering::Relaxed),
        }
    }
}

/// Hears of times as they happen: for histograms. Called on the engine's thread, so it must be quick
/// and should not allocate.
pub trait Observer: Send + Sync + fmt::Debug {
    /// A sequence got its place after this time.
    fn queued(&self, _wait: Duration) {}
    /// A sequence's first token came this long after it was asked for.
    fn first_token(&self, _wait: Duration) {}
    /// A later token came this long after the one before it.
    fn next_token(&self, _wait: Duration) {}
    /// A step with this many rows took this long.
    fn step(&self, _rows: usize, _time: Duration) {}
}

/// Hears nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Deaf;

impl Observer for Deaf {}
