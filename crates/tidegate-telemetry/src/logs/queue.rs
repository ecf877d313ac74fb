//! Log lines on their way to a slow place: a bounded queue and a thread that empties it.
//!
//! Whoever logs never waits. A reader of standard error that stops reading would otherwise stop the
//! server with its first full pipe; here lines are dropped, counted, and the count is logged.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait.
const LINES_MAX: usize = 4096;

/// How long the end of the process waits for lines that are still on their way.
const FLUSH: Duration = Duration::from_secs(1);

/// The end of the queue that lines are put into.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    lines: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

/// Keeps the logs flowing. Dropping it waits for the lines that are on their way, at most a second.
#[derive(Debug)]
#[must_use = "lines that are on their way are lost when this goes away too soon"]
pub struct LogGuard {
    lines: SyncSender<Vec<u8>>,
    written: Receiver<()>,
}

/// Starts the thread that writes to `place`.
pub(super) fn start(place: impl Write + Send + 'static) -> io::Result<(Queue, LogGuard)> {
    let (lines, waiting) = sync_channel(LINES_MAX);
    let (done, written) = sync_channel(1);
    let dropped = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&dropped);
    std::thread::Builder::new()
        .name("tidegate-logs".to_owned())
        .spawn(move || {
            empty(&waiting, place, &count);
            // Nobody waits if the guard is gone already.
            done.send(()).ok();
        })?;
    let queue = Queue {
        lines: lines.clone(),
        dropped,
    };
    Ok((queue, LogGuard { lines, written }))
}

/// Writes lines until an empty one asks for the end.
fn empty(waiting: &Receiver<Vec<u8>>, mut place: impl Write, dropped: &AtomicU64) {
    while let Ok(line) = waiting.recv() {
        if line.is_empty() {
            break;
        }
        // A place that refuses lines has no other place to say so.
        drop(place.write_all(&line));
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            drop(writeln!(
                place,
                "{lost} log lines were dropped: their reader was too slow."
            ));
        }
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !line.is_empty() && self.lines.try_send(line.to_vec()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Queue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        if self.lines.try_send(Vec::new()).is_ok() {
            match self.written.recv_timeout(FLUSH) {
                Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    /// A place that takes nothing until the lock is free.
    #[derive(Clone, Default)]
    struct Place(Arc<Mutex<Vec<u8>>>);

    impl Write for Place {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_reader_costs_lines_and_no_time() {
        let place = Place::default();
        let (mut queue, guard) = start(place.clone()).unwrap();
        let stuck = place.0.lock();
        for number in 0..LINES_MAX + 100 {
            queue.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        drop(stuck);
        // The end waits its turn behind the lines that were kept.
        while guard.lines.try_send(b"last\n".to_vec()).is_err() {
            std::thread::yield_now();
        }
        while !String::from_utf8_lossy(&place.0.lock()).contains("last") {
            std::thread::yield_now();
        }
        drop(guard);
        let text = String::from_utf8(place.0.lock().clone()).unwrap();
        assert!(text.contains("log lines were dropped"), "{}", text.len());
    }

    #[test]
    fn the_end_waits_for_lines_on_their_way() {
        let place = Place::default();
        let (mut queue, guard) = start(place.clone()).unwrap();
        for number in 0..100 {
            queue.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        drop(guard);
        assert_eq!(
            String::from_utf8(place.0.lock().clone()).unwrap().lines().count(),
            100
        );
    }
}
