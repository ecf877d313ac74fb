//! A socket that does not wait for ever: for the head of a request, or for a client that reads.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Version;
use prometheus_client::metrics::counter::Counter;
use tidegate_telemetry::Metrics;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::config::Timeouts;

/// Where an HTTP/1 connection is: shared by the socket, which sees bytes, and the service, which sees
/// requests.
#[derive(Debug, Default)]
pub(crate) struct Pace(AtomicU8);

/// A head is expected or arriving. Every connection begins here.
const HEAD: u8 = 0;
/// A request is read or answered.
const BUSY: u8 = 1;
/// The last request was answered; nothing is expected.
const IDLE: u8 = 2;
/// HTTP/2, which has heads all the time and pings of its own.
const FRAMES: u8 = 3;

impl Pace {
    /// A request's head is complete.
    pub(crate) fn request_began(&self, version: Version) {
        let state = if version == Version::HTTP_2 { FRAMES } else { BUSY };
        self.0.store(state, Ordering::Relaxed);
    }

    /// A request was answered.
    pub(crate) fn request_ended(&self) {
        let _was_busy = self
            .0
            .compare_exchange(BUSY, IDLE, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Bytes came. Answers whether a head begins with them.
    fn head_begins(&self) -> bool {
        self.0
            .compare_exchange(IDLE, HEAD, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    fn awaits_head(&self) -> bool {
        self.0.load(Ordering::Relaxed) == HEAD
    }
}

/// The socket. Its timeouts are errors, which end the connection and drop its requests.
pub(super) struct Socket {
    stream: TcpStream,
    pace: Arc<Pace>,
    header: Duration,
    head_since: Instant,
    head_timer: Option<Pin<Box<Sleep>>>,
    patience: Patience,
    blocked_since: Option<Instant>,
    write_timer: Option<Pin<Box<Sleep>>>,
    received: Counter,
    sent: Counter,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, pace: Arc<Pace>, timeouts: &Timeouts, metrics: &Metrics) -> Self {
        Self {
            stream,
            pace,
            header: timeouts.header,
            head_since: Instant::now(),
            head_timer: None,
            patience: Patience::new(timeouts.write, timeouts.write_rate.0),
            blocked_since: None,
            write_timer: None,
            received: metrics.bytes_received.clone(),
            sent: metrics.bytes_sent.clone(),
        }
    }

    /// Fails when a head takes too long.
    fn check_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.pace.awaits_head() {
            self.head_timer = None;
            return Poll::Pending;
        }
        let deadline = self.head_since + self.header;
        let timer = self
            .head_timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        timer
            .as_mut()
            .poll(context)
            .map(|()| Err(late("the request's head came too slowly")))
    }

    /// Counts what was written, or fails when the client has kept us waiting for too long.
    fn check_write(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = written {
            if let Some(since) = self.blocked_since.take() {
                self.patience.waited(since.elapsed());
                self.write_timer = None;
            }
            if let Ok(count) = &outcome {
                self.sent.inc_by(*count as u64);
                self.patience.wrote(*count);
            }
            return Poll::Ready(outcome);
        }
        self.blocked_since.get_or_insert_with(Instant::now);
        let left = self.patience.left();
        let timer = self
            .write_timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
        timer
            .as_mut()
            .poll(context)
            .map(|()| Err(late("the client does not read its answer")))
    }
}

/// How much waiting for a client is left. Waiting uses it up; what the client takes gives it back at
/// the rate that is the slowest borne, so that a client cannot live on one byte now and then.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    rate: u64,
    used: Duration,
}

impl Patience {
    fn new(limit: Duration, rate: u64) -> Self {
        Self {
            limit,
            rate: rate.max(1),
            used: Duration::ZERO,
        }
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.used)
    }

    fn waited(&mut self, time: Duration) {
        self.used += time;
    }

    fn wrote(&mut self, bytes: usize) {
        if !self.used.is_zero() {
            let earned = Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / self.rate);
            self.used = self.used.saturating_sub(earned);
        }
    }
}

fn late(text: &'static str) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, text)
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_pending() {
            return self.check_head(context);
        }
        let count = buffer.filled().len() - before;
        self.received.inc_by(count as u64);
        if count > 0 && self.pace.head_begins() {
            self.head_since = Instant::now();
            self.head_timer = None;
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_write(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.check_write(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits and takes in turns, at most 10,000 times; answers whether patience ran out.
    fn runs_out(wait: Duration, bytes: usize) -> bool {
        let mut patience = Patience::new(Duration::from_secs(30), 1024);
        (0..10_000).any(|_| {
            if patience.left() < wait {
                return true;
            }
            patience.waited(wait);
            patience.wrote(bytes);
            false
        })
    }

    #[test]
    fn clients_below_the_rate_run_out_of_patience_and_those_above_never_do() {
        for (wait, bytes, out) in [
            (Duration::from_secs(1), 1, true),
            (Duration::from_secs(20), 2000, true),
            (Duration::from_secs(1), 1000, true),
            (Duration::from_secs(1), 1024, false),
            (Duration::from_secs(20), 100_000, false),
            (Duration::from_secs(31), 1_000_000, true),
        ] {
            assert_eq!(runs_out(wait, bytes), out, "{bytes} bytes each {wait:?}");
        }
    }
}
