//! Progress on standard error: bars on a terminal, a line now and then elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use tidegate_registry::Progress;

use crate::term;

/// Draws a bar for each file; without a terminal, only the notes are printed.
#[derive(Debug, Default)]
pub(crate) struct Bars(Mutex<Option<(String, ProgressBar)>>);

impl Bars {
    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Some((_, bar)) = self.0.lock().take() {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bars {
    fn begin(&self, file: &str, total: Option<u64>, have: u64) {
        let mut slot = self.0.lock();
        // The same file goes on after a break: keep its bar.
        let bar = match slot.take() {
            Some((name, bar)) if name == file => bar,
            _ => bar(file),
        };
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(have);
        bar.reset_eta();
        *slot = Some((file.to_owned(), bar));
    }

    fn at(&self, bytes: u64) {
        if let Some((_, bar)) = &*self.0.lock() {
            bar.set_position(bytes);
        }
    }

    fn end(&self) {
        self.clear();
    }

    fn note(&self, text: &str) {
        match &*self.0.lock() {
            Some((_, bar)) => bar.suspend(|| term::note(text)),
            None => term::note(text),
        }
    }
}

/// A bar while a model loads: only where it takes a while.
pub(crate) struct LoadBar {
    name: String,
    bar: Option<ProgressBar>,
}

/// Models of fewer bytes load before anybody could read a bar.
const LOAD_BAR_BYTES_MIN: u64 = 256 << 20;

impl LoadBar {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            bar: None,
        }
    }

    /// So much is packed.
    pub(crate) fn at(&mut self, progress: tidegate_llm::Progress) {
        if progress.total < LOAD_BAR_BYTES_MIN {
            return;
        }
        let bar = self
            .bar
            .get_or_insert_with(|| bar(&format!("loading {}", self.name)));
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    }
}

impl Drop for LoadBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(file: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
    );
    // Standard error; hidden by the library where that is no terminal.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(file.to_owned());
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
