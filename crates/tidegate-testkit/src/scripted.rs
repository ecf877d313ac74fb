//! An engine that follows a script: it says what it is told, waits, hangs, fails or panics, and
//! remembers what it was asked and which answers were dropped.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use parking_lot::Mutex;
use tidegate_base::Fault;
use tidegate_engine::{
    BoxFuture, ChatRequest, CompletionRequest, EmbedRequest, Embeddings, Engine, Event, EventStream,
    FinishReason, Load, ModelCard, Prompt,
};
use tokio::sync::watch;
use tokio::time::Sleep;

/// What the engine was asked.
#[derive(Debug, Clone)]
pub enum Ask {
    /// A conversation.
    Chat(ChatRequest),
    /// A text.
    Complete(CompletionRequest),
}

impl Ask {
    /// How to generate.
    pub fn params(&self) -> &tidegate_engine::Params {
        match self {
            Self::Chat(request) => &request.params,
            Self::Complete(request) => &request.params,
        }
    }
}

/// One step of a script.
#[derive(Debug)]
pub enum Step {
    /// Say this.
    Emit(Event),
    /// Say this again and again, for ever.
    Repeat(Event),
    /// Fail.
    Fail(Fault),
    /// Say nothing for this long.
    Wait(Duration),
    /// Say nothing for ever.
    Hang,
    /// Panic.
    Panic,
}

type Script = dyn Fn(&Ask) -> Vec<Step> + Send + Sync;

/// The engine. Cloning it gives another handle to the same one.
#[derive(Clone)]
pub struct Scripted(Arc<Inner>);

struct Inner {
    card: ModelCard,
    opening: Box<Script>,
    script: Box<Script>,
    load: Mutex<Load>,
    asked: Mutex<Vec<Ask>>,
    dropped: watch::Sender<usize>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scripted").field(&self.0.card.name).finish()
    }
}

impl Scripted {
    /// A model of this name whose every answer follows `script`.
    pub fn new(name: &str, script: impl Fn(&Ask) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::with_opening(name, |_| Vec::new(), script)
    }

    /// The same, which first goes through `opening` before it gives the stream.
    pub fn with_opening(
        name: &str,
        opening: impl Fn(&Ask) -> Vec<Step> + Send + Sync + 'static,
        script: impl Fn(&Ask) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            card: ModelCard {
                name: name.to_owned(),
                architecture: "scripted".to_owned(),
                context_length: 4096,
                vocabulary: 32_000,
                embedding_length: 8,
                chat: true,
                created: 1_700_000_000,
            },
            opening: Box::new(opening),
            script: Box::new(script),
            load: Mutex::default(),
            asked: Mutex::default(),
            dropped: watch::Sender::new(0),
        }))
    }

    /// A model that answers every choice with `text`, one token for each word.
    pub fn saying(name: &str, text: &str) -> Self {
        let text = text.to_owned();
        Self::new(name, move |ask| says(ask, &text))
    }

    /// A model with another card.
    pub fn carded(card: ModelCard, script: impl Fn(&Ask) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let mut engine = Self::new(&card.name.clone(), script);
        if let Some(inner) = Arc::get_mut(&mut engine.0) {
            inner.card = card;
        }
        engine
    }

    /// Sets what [`Engine::load`] answers.
    pub fn set_load(&self, load: Load) {
        *self.0.load.lock() = load;
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<Ask> {
        self.0.asked.lock().clone()
    }

    /// How many answers were dropped before their end.
    pub fn dropped(&self) -> usize {
        *self.0.dropped.borrow()
    }

    /// Waits until `count` answers were dropped, at most `limit`. Answers whether they were.
    pub async fn dropped_within(&self, count: usize, limit: Duration) -> bool {
        let mut dropped = self.0.dropped.subscribe();
        tokio::time::timeout(limit, dropped.wait_for(|&now| now >= count))
            .await
            .is_ok_and(|outcome| outcome.is_ok())
    }

    fn answer(&self, ask: Ask) -> BoxFuture<'_, Result<EventStream, Fault>> {
        let mut opening = Play::new((self.0.opening)(&ask), Arc::clone(&self.0));
        let mut stream = Play::new((self.0.script)(&ask), Arc::clone(&self.0));
        stream.counts = false;
        self.0.asked.lock().push(ask);
        Box::pin(async move {
            let first = std::future::poll_fn(|context| Pin::new(&mut opening).poll_next(context)).await;
            if let Some(Err(fault)) = first {
                return Err(fault);
            }
            stream.counts = true;
            Ok(Box::pin(stream) as EventStream)
        })
    }
}

/// The steps that say `text` in every choice of `ask`, within its token limit.
pub fn says(ask: &Ask, text: &str) -> Vec<Step> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    let limit = ask.params().max_tokens.unwrap_or(usize::MAX);
    let mut steps = vec![Step::Emit(Event::Started {
        prompt_tokens: 5,
        cached_tokens: 2,
    })];
    for choice in 0..ask.params().n {
        for word in words.iter().take(limit) {
            steps.push(Step::Emit(Event::Text {
                choice,
                text: (*word).to_owned(),
                logprobs: Vec::new(),
            }));
        }
        steps.push(Step::Emit(Event::Finished {
            choice,
            reason: if words.len() > limit {
                FinishReason::Length
            } else {
                FinishReason::Stop
            },
            completion_tokens: words.len().min(limit),
        }));
    }
    steps
}

impl Engine for Scripted {
    fn card(&self) -> &ModelCard {
        &self.0.card
    }

    fn load(&self) -> Load {
        *self.0.load.lock()
    }

    fn chat(&self, request: ChatRequest) -> BoxFuture<'_, Result<EventStream, Fault>> {
        self.answer(Ask::Chat(request))
    }

    fn complete(&self, request: CompletionRequest) -> BoxFuture<'_, Result<EventStream, Fault>> {
        self.answer(Ask::Complete(request))
    }

    fn embed(&self, request: EmbedRequest) -> BoxFuture<'_, Result<Embeddings, Fault>> {
        let length = request.dimensions.unwrap_or(self.0.card.embedding_length);
        let vectors = request.inputs.iter().map(|input| vector(input, length)).collect();
        let prompt_tokens = request.inputs.len() * 3;
        Box::pin(async move {
            Ok(Embeddings {
                vectors,
                prompt_tokens,
            })
        })
    }
}

/// A unit vector that depends on the input only.
fn vector(input: &Prompt, length: usize) -> Vec<f32> {
    let seed = match input {
        Prompt::Text(text) => text.bytes().map(u32::from).sum::<u32>(),
        Prompt::Tokens(tokens) => tokens.iter().sum::<u32>(),
    };
    let raw: Vec<f32> = (0..length)
        .map(|place| {
            f32::from(u16::try_from((seed + 7 * u32::try_from(place).unwrap_or(0)) % 13).unwrap_or(0)) + 1.0
        })
        .collect();
    let norm = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
    raw.iter().map(|value| value / norm).collect()
}

/// A script that is played.
struct Play {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    inner: Arc<Inner>,
    counts: bool,
}

impl Play {
    fn new(steps: Vec<Step>, inner: Arc<Inner>) -> Self {
        Self {
            steps: steps.into(),
            sleep: None,
            inner,
            counts: true,
        }
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        if self.counts && (!self.steps.is_empty() || self.sleep.is_some()) {
            self.inner.dropped.send_modify(|count| *count += 1);
        }
    }
}

impl Stream for Play {
    type Item = Result<Event, Fault>;

    #[expect(
        clippy::panic,
        reason = "the script asks for a panic, to test who survives it"
    )]
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.sleep = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Emit(event)) => return Poll::Ready(Some(Ok(event))),
                Some(Step::Repeat(event)) => {
                    self.steps.push_front(Step::Repeat(event.clone()));
                    return Poll::Ready(Some(Ok(event)));
                }
                Some(Step::Fail(fault)) => {
                    self.steps.clear();
                    return Poll::Ready(Some(Err(fault)));
                }
                Some(Step::Wait(time)) => self.sleep = Some(Box::pin(tokio::time::sleep(time))),
                Some(Step::Hang) => {
                    self.steps.push_front(Step::Hang);
                    return Poll::Pending;
                }
                Some(Step::Panic) => {
                    self.steps.clear();
                    panic!("the script says so");
                }
            }
        }
    }
}
