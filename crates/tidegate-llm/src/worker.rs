//! The engine's thread: it owns the model, and all else only sends it requests and reads rings.
//!
//! One turn: take new requests, look at the readers, decide, compute one step, choose tokens, put them
//! into the rings. In steady generation a turn allocates nothing, for plain sampling with or without
//! logprobs; a [`Grammar`] may allocate inside llguidance.
//!
//! A reader that goes away frees the pages of its sequence before the next step. If the model panics,
//! every sequence fails with an internal fault, and so does the engine: it takes no more requests.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_base::{Clock, Fault};
use tidegate_engine::{Load, Sampling};
use tokio::sync::{oneshot, watch};

use crate::config::EngineConfig;
use crate::forward::Forward;
use crate::grammar::Grammar;
use crate::pages::PagePool;
use crate::random::fresh_seed;
use crate::sample::Sampler;
use crate::schedule::{Arrival, Limits, Purpose, Scheduler};
use crate::stats::{Counters, Gauges, Observer};

mod desk;
mod inbox;
mod lane;
mod ring;
mod runner;

use inbox::Inbox;
pub use inbox::Phase;
use lane::{Job, Sink, VectorSink};
pub use ring::{Intake, PromptScore, Pull};
use runner::Runner;

/// What the thread must know of the tokenizer.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// Tokens below this number may be chosen: a model's logits may be wider than its vocabulary.
    pub known: usize,
    /// Tokens that end an answer.
    pub end: Vec<u32>,
}

/// What to generate.
#[derive(Default)]
pub struct Ask {
    /// The tokens to read; at least one.
    pub prompt: Vec<u32>,
    /// The most tokens to generate for each answer.
    pub max_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The seed where `sampling` has none.
    pub seed: u64,
    /// How many answers.
    pub choices: u32,
    /// Higher goes first.
    pub priority: i8,
    /// Give up after this much time.
    pub deadline: Option<Duration>,
    /// Report logarithms and this many alternatives.
    pub logprobs: Option<usize>,
    /// Report them for the prompt too, with the first answer.
    pub score_prompt: bool,
    /// Go on after an end token.
    pub ignore_end: bool,
    /// What shape each answer must have.
    pub grammar: Option<Grammar>,
}

/// The engine's thread, from outside. Dropping it cuts what runs and waits for the thread.
#[derive(Debug)]
pub struct Worker {
    inbox: Arc<Inbox>,
    counters: Arc<Counters>,
    gauges: Arc<Gauges>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    pages: usize,
    hidden: usize,
    reader_tokens: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(
        forward: Box<dyn Forward>,
        config: &EngineConfig,
        tokens: Tokens,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> std::io::Result<Self> {
        let pages = forward.pages();
        let limits = Limits {
            running: config.max_running,
            waiting: config.max_waiting,
            rows: config.step_rows.min(forward.max_rows()),
            outputs: forward.max_outputs(),
            prefill_beside: config.prefill_beside,
            context: forward.context_length().min(pages * forward.page_size()),
            stall: config.reader_stall,
            end_tokens: tokens.end,
        };
        let scheduler = Scheduler::new(limits, PagePool::new(pages, forward.page_size(), fresh_seed()));
        let limits = scheduler.limits().clone();
        let inbox = Arc::new(Inbox::new(limits.running + limits.waiting));
        let (counters, gauges) = (Arc::new(Counters::default()), Arc::new(Gauges::default()));
        let hidden = forward.hidden();
        let runner = Runner::new(
            forward,
            scheduler,
            tokens.known,
            Arc::clone(&inbox),
            runner::Witnesses {
                counters: Arc::clone(&counters),
                gauges: Arc::clone(&gauges),
                observer,
                clock: Arc::clone(&clock),
            },
        );
        let thread = std::thread::Builder::new()
            .name("tidegate-engine".to_owned())
            .spawn(move || runner.run())?;
        Ok(Self {
            inbox,
            counters,
            gauges,
            clock,
            limits,
            pages,
            hidden,
            reader_tokens: config.reader_tokens,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The limits as they hold.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// All pages of the pool.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// The counters.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// How busy the engine is.
    pub fn load(&self) -> Load {
        self.gauges.load(self.inbox.in_flight())
    }

    /// Where the thread stands in its life, now and later.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.inbox.phase()
    }

    /// Asks for answers: one reader for each.
    ///
    /// # Errors
    /// Too many are in flight, the sequence can never fit, or the engine takes no more.
    pub fn generate(&self, ask: Ask) -> Result<Vec<Intake>, Fault> {
        let needed = ask.prompt.len() + ask.max_tokens;
        if ask.prompt.is_empty() || needed > self.limits.context {
            return Err(Fault::invalid(format!(
                "the request has {needed} tokens, expected 1 to {}",
                self.limits.context
            ))
            .with_code("context_length_exceeded"));
        }
        let asked = self.clock.monotonic();
        let arrival = Arrival {
            prompt: ask.prompt,
            max_tokens: ask.max_tokens,
            priority: ask.priority,
            deadline: ask.deadline.map(|limit| asked + limit),
            after: None,
            purpose: Purpose::Generate,
            score_prompt: ask.score_prompt,
            ignore_end: ask.ignore_end,
        };
        let mut intakes = Vec::new();
        let mut group = Vec::new();
        for choice in 0..ask.choices.max(1) {
            let top = ask.logprobs.unwrap_or(0);
            let (outlet, intake) = ring::ring(self.reader_tokens, top, Arc::clone(&self.inbox));
            intakes.push(intake);
            group.push(Job {
                arrival: Arrival {
                    score_prompt: arrival.score_prompt && choice == 0,
                    ..arrival.clone()
                },
                sampler: Sampler::new(ask.sampling.clone(), ask.seed).for_choice(choice),
                grammar: ask.grammar.clone(),
                logprobs: ask.logprobs,
                asked,
                sink: Sink::Tokens(outlet),
            });
        }
        self.submit(group)?;
        Ok(intakes)
    }

    /// Asks for the mean of the hidden states of one text.
    ///
    /// # Errors
    /// As for `generate`.
    pub fn embed(&self, prompt: Vec<u32>) -> Result<oneshot::Receiver<Result<Vec<f32>, Fault>>, Fault> {
        let (reply, receiver) = oneshot::channel();
        let sink = VectorSink {
            sum: vec![0.0; self.hidden],
            rows: 0,
            reply,
        };
        self.submit(vec![Job {
            arrival: Arrival {
                prompt,
                purpose: Purpose::Embed,
                ..Arrival::default()
            },
            sampler: Sampler::new(Sampling::default(), 0),
            grammar: None,
            logprobs: None,
            asked: self.clock.monotonic(),
            sink: Sink::Vector(sink),
        }])?;
        Ok(receiver)
    }

    /// Takes no more requests and waits until all answers are complete; what still runs after `limit`
    /// is cut with an error. Answers whether all came to their end.
    pub async fn drain(&self, limit: Duration) -> bool {
        let before = self.counters.values().cut;
        self.inbox.drain(self.clock.monotonic() + limit);
        let mut phase = self.inbox.phase();
        let ended = phase
            .wait_for(|phase| matches!(phase, Phase::Stopped | Phase::Failed))
            .await
            .is_ok_and(|phase| *phase == Phase::Stopped);
        ended && self.counters.values().cut == before
    }

    fn submit(&self, group: Vec<Job>) -> Result<(), Fault> {
        let result = self.inbox.submit(group);
        if result.is_err() {
            self.counters.add(|counters| &counters.refused, 1);
        }
        result
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.inbox.drain(Duration::ZERO);
        if let Some(thread) = self.thread.lock().take() {
            // It catches its own panics; there is nothing to say about the result.
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask")
            .field("prompt_tokens", &self.prompt.len())
            .field("max_tokens", &self.max_tokens)
            .field("choices", &self.choices)
            .finish_non_exhaustive()
    }
}
