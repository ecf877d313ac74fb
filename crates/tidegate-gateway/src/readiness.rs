//! Whether this server should get requests, and why not.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

/// Shared by whoever loads models, whoever stops the server, and `/readyz`.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<Mutex<State>>);

/// The state of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It does not serve yet.
    Loading {
        /// What it is busy with (`reading model llama-3`).
        what: String,
    },
    /// It serves.
    Ready,
    /// It finishes what it has and stops.
    Draining,
}

impl Readiness {
    /// A server that is busy with `what`.
    pub fn loading(what: impl Into<String>) -> Self {
        Self(Arc::new(Mutex::new(State::Loading { what: what.into() })))
    }

    /// A server that serves.
    pub fn ready() -> Self {
        Self(Arc::new(Mutex::new(State::Ready)))
    }

    /// Says what the server is busy with. A server that drains goes on draining.
    pub fn set_loading(&self, what: impl Into<String>) {
        self.set(State::Loading { what: what.into() });
    }

    /// The server serves now. A server that drains goes on draining.
    pub fn set_ready(&self) {
        self.set(State::Ready);
    }

    /// The server stops; there is no way back.
    pub fn set_draining(&self) {
        self.set(State::Draining);
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.0.lock().clone()
    }

    fn set(&self, next: State) {
        let mut state = self.0.lock();
        if *state != State::Draining {
            *state = next;
        }
    }
}

impl State {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Loading { .. } => "loading",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loading { what } => write!(f, "the server is still loading: {what}"),
            Self::Ready => f.write_str("the server is ready"),
            Self::Draining => f.write_str("the server is about to stop"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draining_is_final() {
        let readiness = Readiness::loading("the model");
        readiness.set_ready();
        assert_eq!(readiness.state(), State::Ready);
        readiness.set_draining();
        readiness.set_ready();
        assert_eq!(readiness.state(), State::Draining);
    }
}
