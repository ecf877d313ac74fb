//! The bounded way of tokens from the engine's thread to a reader.
//!
//! Everything is reserved when the ring is made: putting a token in and waking the reader allocates
//! nothing. The engine never waits for a reader: it asks for room first, and gives a sequence whose
//! ring is full no rows until the reader took something.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tidegate_base::Fault;
use tidegate_engine::FinishReason;

use super::inbox::Inbox;

/// How likely one prompt token was, with the best tokens at its place.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptScore {
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// The best tokens with theirs, best first.
    pub top: Vec<(u32, f32)>,
}

/// What a reader takes out.
#[derive(Debug)]
pub enum Pull {
    /// The prompt was read. Comes once, first, unless the sequence fails before.
    Opened {
        /// Prompt tokens that were found in the prefix cache.
        cached: usize,
        /// Scores of the prompt's tokens from the second on, when asked for.
        scores: Vec<PromptScore>,
    },
    /// A token of the answer.
    Token {
        /// The token.
        token: u32,
        /// Natural logarithm of its probability; 0 where not asked for.
        logprob: f32,
    },
    /// The answer is complete. Comes once, last, unless the sequence fails.
    Finished {
        /// Why.
        reason: FinishReason,
        /// How many tokens were chosen, an end token included.
        generated: usize,
    },
}

/// The engine's end.
#[derive(Debug)]
pub(crate) struct Outlet {
    shared: Arc<Shared>,
}

/// The reader's end. Dropping it cancels the sequence.
#[derive(Debug)]
pub struct Intake {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    items: Box<[Item]>,
    /// `top` pairs for each item.
    tops: Box<[(u32, f32)]>,
    top: usize,
    head: usize,
    len: usize,
    opening: Option<Pull>,
    end: Option<Result<Pull, Fault>>,
    waker: Option<Waker>,
    /// The engine found no room.
    is_blocked: bool,
    is_abandoned: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Item {
    token: u32,
    logprob: f32,
    top_len: u8,
}

/// A ring for `capacity` tokens with up to `top` alternatives each.
pub(crate) fn ring(capacity: usize, top: usize, inbox: Arc<Inbox>) -> (Outlet, Intake) {
    let capacity = capacity.max(1);
    let state = State {
        items: vec![Item::default(); capacity].into(),
        tops: vec![(0, 0.0); capacity * top].into(),
        top,
        head: 0,
        len: 0,
        opening: None,
        end: None,
        waker: None,
        is_blocked: false,
        is_abandoned: false,
    };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
    });
    let outlet = Outlet {
        shared: Arc::clone(&shared),
    };
    (outlet, Intake { shared, inbox })
}

/// What the engine finds when it looks at a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReaderState {
    /// It can take a token.
    Ready,
    /// Its ring is full.
    Full,
    /// It went away.
    Gone,
}

impl Outlet {
    /// How the reader is.
    pub(super) fn look(&self) -> ReaderState {
        let mut state = self.shared.state.lock();
        if state.is_abandoned {
            return ReaderState::Gone;
        }
        state.is_blocked = state.len == state.items.len();
        if state.is_blocked {
            ReaderState::Full
        } else {
            ReaderState::Ready
        }
    }

    /// The prompt was read.
    pub(super) fn open(&self, cached: usize, scores: Vec<PromptScore>) {
        self.change(|state| state.opening = Some(Pull::Opened { cached, scores }));
    }

    /// Puts a token in. There must be room; without it the token is lost.
    pub(super) fn push(&self, token: u32, logprob: f32, top: &[(u32, f32)]) {
        self.change(|state| {
            debug_assert!(state.len < state.items.len(), "a token for a full ring");
            if state.len == state.items.len() {
                return;
            }
            let place = (state.head + state.len) % state.items.len();
            let count = top.len().min(state.top);
            let from = place * state.top;
            state.tops[from..from + count].copy_from_slice(&top[..count]);
            state.items[place] = Item {
                token,
                logprob,
                top_len: u8::try_from(count).unwrap_or(u8::MAX),
            };
            state.len += 1;
        });
    }

    /// The answer is complete.
    pub(super) fn finish(self, reason: FinishReason, generated: usize) {
        self.end(Ok(Pull::Finished { reason, generated }));
    }

    /// The answer will never be complete.
    pub(super) fn fail(self, fault: Fault) {
        self.end(Err(fault));
    }

    fn end(&self, end: Result<Pull, Fault>) {
        self.change(|state| {
            if state.end.is_none() {
                state.end = Some(end);
            }
        });
    }

    /// Changes the state and wakes the reader, which finds the lock free.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.shared.state.lock();
        change(&mut state);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if self.shared.state.lock().end.is_none() {
            self.end(Err(Fault::internal(
                "the engine dropped a sequence without a word",
            )));
        }
    }
}

impl Intake {
    /// Takes out what is next; alternatives of a token go into `top`, best first. Nothing comes after
    /// `Finished` or a fault.
    pub fn poll(
        &mut self,
        context: &mut Context<'_>,
        top: &mut Vec<(u32, f32)>,
    ) -> Poll<Option<Result<Pull, Fault>>> {
        let mut state = self.shared.state.lock();
        top.clear();
        if let Some(opening) = state.opening.take() {
            return Poll::Ready(Some(Ok(opening)));
        }
        if state.len > 0 {
            let item = state.items[state.head];
            let from = state.head * state.top;
            top.extend_from_slice(&state.tops[from..from + usize::from(item.top_len)]);
            state.head = (state.head + 1) % state.items.len();
            state.len -= 1;
            let was_blocked = std::mem::take(&mut state.is_blocked);
            drop(state);
            if was_blocked {
                self.inbox.ring_bell();
            }
            return Poll::Ready(Some(Ok(Pull::Token {
                token: item.token,
                logprob: item.logprob,
            })));
        }
        if let Some(end) = state.end.take() {
            // What follows is nothing, again and again.
            state.end = Some(Err(Fault::internal("read after the end")));
            let is_over = std::mem::replace(&mut state.is_abandoned, true);
            return Poll::Ready((!is_over).then_some(end));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.is_abandoned = true;
        let is_over = state.end.is_some();
        drop(state);
        if !is_over {
            self.inbox.ring_bell();
        }
    }
}
