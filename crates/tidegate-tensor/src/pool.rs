//! A fixed set of threads that run the parts of one job at a time: no queue, no allocation, a brief
//! spin between jobs because the next one of a token's hundreds comes within microseconds.

#![expect(
    unsafe_code,
    reason = "a job borrows from its caller; the caller waits, which the compiler cannot see"
)]

mod slices;

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};

use crate::cpu::Cpu;

pub(crate) use slices::Shared;

/// How often an idle thread looks for work without giving up its core: tens of microseconds.
const SPINS: u32 = 2_000;
/// How often it then looks while it lets others run, before it sleeps.
const YIELDS: u32 = 20;

/// What a job runs: part numbers in, effects out.
type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// Threads, and the instruction set that they compute with.
pub struct Pool {
    inner: Arc<Inner>,
    workers: Vec<JoinHandle<()>>,
    cpu: Cpu,
    /// Held by the caller whose job runs.
    turn: Mutex<()>,
}

struct Inner {
    /// `round << 32 | open << 31 | threads inside`. A thread enters by adding one while the job is
    /// open; the caller closes it and waits until none is inside. So no thread can touch a job
    /// whose caller has returned, and one that sleeps through a job keeps nobody waiting.
    state: AtomicU64,
    /// The next part that nobody has taken.
    next: AtomicUsize,
    job: Mutex<Option<Job>>,
    /// The first panic of the running job.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Threads asleep or about to be; counted so that a caller need not wake nobody.
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
}

#[derive(Clone, Copy)]
struct Job {
    /// In truth borrowed from the caller of [`Pool::run`], who waits for every thread inside.
    work: &'static Work<'static>,
    parts: usize,
}

const OPEN: u64 = 1 << 31;
const INSIDE: u64 = OPEN - 1;
const ROUND: u64 = 1 << 32;
/// The round of the farewell.
const STOP: u64 = u64::MAX;

thread_local! {
    /// Whether this thread is inside a job of any pool.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

impl Pool {
    /// A pool that computes on `threads` threads, one of which is the caller of [`Pool::run`]; at
    /// least one. If the system refuses threads, the pool has those it could get.
    pub fn new(threads: usize, cpu: Cpu) -> Self {
        let inner = Arc::new(Inner {
            state: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            job: Mutex::new(None),
            panic: Mutex::new(None),
            sleepers: AtomicUsize::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
        });
        let workers = (1..threads)
            .map_while(|number| {
                let inner = Arc::clone(&inner);
                let name = format!("tensor-{number}");
                thread::Builder::new()
                    .name(name)
                    .spawn(move || inner.serve())
                    .ok()
            })
            .collect();
        Self {
            inner,
            workers,
            cpu,
            turn: Mutex::new(()),
        }
    }

    /// How many threads compute, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// The instruction set they compute with.
    pub fn cpu(&self) -> Cpu {
        self.cpu
    }

    /// Calls `work` once with every number below `parts`, on all threads including the caller's,
    /// and returns when all calls have. Allocates nothing. Parts are taken in ascending order by
    /// whoever is free, so unequal parts even out. If a part panics, so does this call, after the
    /// other threads have left the job.
    ///
    /// A part must not call `run` itself; if it does, its parts run one after another.
    pub fn run(&self, parts: usize, work: &Work<'_>) {
        let nested = BUSY.get();
        debug_assert!(!nested, "a part of a job called `Pool::run`");
        if parts <= 1 || self.workers.is_empty() || nested {
            (0..parts).for_each(work);
            return;
        }
        let _turn = self.turn.lock();
        self.inner.open(work, parts);
        self.inner.take_parts(Job {
            work: forget_lifetime(work),
            parts,
        });
        self.inner.close();
        let panic = self.inner.panic.lock().take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

/// Hides from the compiler that `work` is borrowed.
fn forget_lifetime(work: &Work<'_>) -> &'static Work<'static> {
    // SAFETY: only the lifetime changes. The reference reaches other threads through `Inner::job`
    // alone, is copied from there only by a thread counted as inside an open job, and `Pool::run`
    // does not return, nor unwind, before the job is closed and nobody is inside.
    unsafe { std::mem::transmute::<&Work<'_>, &'static Work<'static>>(work) }
}

impl Inner {
    /// Offers a job to every thread and wakes those that sleep.
    fn open(&self, work: &Work<'_>, parts: usize) {
        *self.job.lock() = Some(Job {
            work: forget_lifetime(work),
            parts,
        });
        self.next.store(0, SeqCst);
        let round = self.state.load(SeqCst) / ROUND + 1;
        // The number of a round wraps long before it could meet `STOP`'s.
        self.state.store((round % (ROUND - 1)) * ROUND + OPEN, SeqCst);
        if self.sleepers.load(SeqCst) > 0 {
            let _awake = self.sleep.lock();
            self.wake.notify_all();
        }
    }

    /// Lets nobody in any more and waits for those inside. Cannot panic.
    fn close(&self) {
        let mut state = self.state.fetch_and(!OPEN, SeqCst);
        let mut looks = 0;
        while state & INSIDE != 0 {
            pause(&mut looks);
            state = self.state.load(SeqCst);
        }
        *self.job.lock() = None;
    }

    /// Runs parts until none is left. Cannot panic: what a part throws is kept for the caller.
    fn take_parts(&self, job: Job) {
        BUSY.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let part = self.next.fetch_add(1, SeqCst);
                if part >= job.parts {
                    break;
                }
                (job.work)(part);
            }
        }));
        BUSY.set(false);
        if let Err(panic) = outcome {
            self.next.store(job.parts, SeqCst);
            self.panic.lock().get_or_insert(panic);
        }
    }

    /// The life of a worker.
    fn serve(&self) {
        let mut done = 0;
        loop {
            let state = self.await_round(done);
            if state == STOP {
                return;
            }
            done = state / ROUND;
            if self.enter(done) {
                let job = *self.job.lock();
                if let Some(job) = job {
                    self.take_parts(job);
                }
                self.state.fetch_sub(1, SeqCst);
            }
        }
    }

    /// Counts this thread as inside the job of `round`, if it is still open.
    fn enter(&self, round: u64) -> bool {
        self.state
            .fetch_update(SeqCst, SeqCst, |state| {
                (state / ROUND == round && state & OPEN != 0).then_some(state + 1)
            })
            .is_ok()
    }

    /// Waits for a round that is not `done`, awake at first, then asleep.
    fn await_round(&self, done: u64) -> u64 {
        let mut looks = 0;
        while looks < SPINS + YIELDS {
            let state = self.state.load(SeqCst);
            if state / ROUND != done {
                return state;
            }
            pause(&mut looks);
        }
        let mut asleep = self.sleep.lock();
        self.sleepers.fetch_add(1, SeqCst);
        // The caller changes the state before it reads the count, and wakes under the lock: either
        // it sees this thread counted, or this thread sees the new state.
        let state = loop {
            let state = self.state.load(SeqCst);
            if state / ROUND != done {
                break state;
            }
            self.wake.wait(&mut asleep);
        };
        self.sleepers.fetch_sub(1, SeqCst);
        state
    }
}

/// One look in vain: at first the core rests for a moment, later other threads get it.
fn pause(looks: &mut u32) {
    if *looks < SPINS {
        spin_loop();
    } else {
        thread::yield_now();
    }
    *looks = looks.saturating_add(1);
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.inner.state.store(STOP, SeqCst);
        {
            let _awake = self.inner.sleep.lock();
            self.inner.wake.notify_all();
        }
        for worker in self.workers.drain(..) {
            // A worker catches every panic of a part; there is nothing left to report.
            drop(worker.join());
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("threads", &self.threads())
            .field("cpu", &self.cpu)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
