//! An engine's answer under a deadline, a cut and a meter. Dropping it cancels the generation.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_util::StreamExt;
use tidegate_base::{Clock, Fault, Shutdown};
use tidegate_engine::{Event, EventStream};
use tidegate_telemetry::Telemetry;
use tidegate_telemetry::metrics::Generation;
use tokio::time::Sleep;

use crate::events::Panicked;
use crate::observe::Record;

/// An engine that is about to answer.
pub(crate) type Opening = Pin<Box<dyn Future<Output = Result<EventStream, Fault>> + Send>>;

/// The answer. Ends after its first error.
pub(crate) struct Answer {
    source: Source,
    /// The first event, where it was looked at before the answer began.
    first: Option<Result<Event, Fault>>,
    deadline: Pin<Box<Sleep>>,
    limit: Duration,
    cut: Shutdown,
    cut_comes: Pin<Box<dyn Future<Output = ()> + Send>>,
    meter: Meter,
}

enum Source {
    Opening(Opening),
    Open(EventStream),
    Done,
}

impl Answer {
    /// The answer that `opening` leads to, within `limit`, unless `cut` is triggered.
    pub(crate) fn new(
        opening: Opening,
        limit: Duration,
        cut: Shutdown,
        telemetry: &Telemetry,
        record: Arc<Record>,
    ) -> Self {
        Self {
            source: Source::Opening(opening),
            first: None,
            deadline: Box::pin(tokio::time::sleep(limit)),
            limit,
            cut_comes: Box::pin({
                let cut = cut.clone();
                async move { cut.wait().await }
            }),
            cut,
            meter: Meter::new(telemetry.clone(), record),
        }
    }

    /// Waits for the first event, at most `patience`, so that an early error can still become a
    /// status code.
    pub(crate) async fn first_within(mut self, patience: Duration) -> Result<Self, Fault> {
        match tokio::time::timeout(patience, self.next()).await {
            Ok(Some(Err(fault))) => return Err(fault),
            Ok(first) => self.first = first,
            Err(_) => {}
        }
        Ok(self)
    }

    fn overdue(&self) -> Fault {
        Fault::deadline(format!("the answer took longer than {:?}", self.limit))
    }

    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Event, Fault>>> {
        loop {
            match &mut self.source {
                Source::Opening(opening) => match opening.as_mut().poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(stream)) => self.source = Source::Open(stream),
                    Poll::Ready(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                },
                Source::Open(stream) => return stream.as_mut().poll_next(context),
                Source::Done => return Poll::Ready(None),
            }
        }
    }
}

impl Stream for Answer {
    type Item = Result<Event, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let polled = catch_unwind(AssertUnwindSafe(|| self.poll_source(context)));
        let item = match polled {
            Ok(Poll::Ready(item)) => item,
            Ok(Poll::Pending) => {
                if self.cut_comes.as_mut().poll(context).is_ready() {
                    Some(Err(cut_off()))
                } else if self.deadline.as_mut().poll(context).is_ready() {
                    Some(Err(self.overdue()))
                } else {
                    return Poll::Pending;
                }
            }
            Err(panic) => {
                let message = panic_message(&*panic);
                Panicked { message: &message }.emit(&self.meter.telemetry);
                Some(Err(Fault::internal(format!("the engine panicked: {message}"))))
            }
        };
        let item = match item {
            // An engine that always has more never lets the timers above speak.
            Some(Ok(_)) if self.cut.is_triggered() => Some(Err(cut_off())),
            Some(Ok(event)) => {
                self.meter.count(&event);
                if self.meter.age() > self.limit {
                    Some(Err(self.overdue()))
                } else {
                    Some(Ok(event))
                }
            }
            end => end,
        };
        if !matches!(item, Some(Ok(_))) {
            self.source = Source::Done;
        }
        Poll::Ready(item)
    }
}

/// What requests hear that did not finish before the server stopped.
fn cut_off() -> Fault {
    Fault::unavailable("the server stopped before the answer was complete")
}

/// The words of a panic.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no message".to_owned())
}

/// Counts tokens and times; writes them into the request's record when it is dropped.
struct Meter {
    telemetry: Telemetry,
    clock: Arc<dyn Clock>,
    record: Arc<Record>,
    first: Option<Duration>,
    last: Duration,
    prompt_tokens: usize,
    cached_tokens: usize,
    finished_tokens: usize,
    /// Pieces of text and of calls: a stand-in for tokens where an answer does not finish.
    pieces: usize,
}

impl Meter {
    fn new(telemetry: Telemetry, record: Arc<Record>) -> Self {
        Self {
            clock: Arc::clone(telemetry.clock()),
            telemetry,
            record,
            first: None,
            last: Duration::ZERO,
            prompt_tokens: 0,
            cached_tokens: 0,
            finished_tokens: 0,
            pieces: 0,
        }
    }

    /// How old the request was at its last piece.
    fn age(&self) -> Duration {
        self.last.saturating_sub(self.record.started())
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Started {
                prompt_tokens,
                cached_tokens,
            } => {
                self.prompt_tokens += prompt_tokens;
                self.cached_tokens += cached_tokens;
            }
            Event::Text { .. } | Event::ToolCall { .. } | Event::ToolArguments { .. } => {
                self.pieces += 1;
                self.last = self.clock.monotonic();
                self.first.get_or_insert(self.last);
            }
            Event::Finished {
                completion_tokens, ..
            } => self.finished_tokens += completion_tokens,
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let completion_tokens = self.finished_tokens.max(self.pieces);
        let gaps = u32::try_from(completion_tokens.saturating_sub(1)).unwrap_or(u32::MAX);
        self.record.set_generation(Generation {
            duration: Duration::ZERO,
            first_token: self
                .first
                .map(|first| first.saturating_sub(self.record.started())),
            per_token: self
                .first
                .filter(|_| gaps > 0)
                .map(|first| (self.last - first) / gaps),
            prompt_tokens: self.prompt_tokens,
            cached_tokens: self.cached_tokens,
            completion_tokens,
        });
    }
}
