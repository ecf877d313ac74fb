//! A language model as an engine: from requests to tokens, and from tokens to events.
//!
//! Text is made where it is read, not on the engine's thread: the thread deals in token numbers only,
//! and the stream that a caller polls detokenises, looks for stop strings and reads tool calls. A
//! stop string therefore ends the sequence when its reader sees it; what the thread generated beyond
//! it by then (at most [`EngineConfig::reader_tokens`]) is thrown away and not counted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate_base::{Clock, Fault, Tasks};
use tidegate_engine::{
    BoxFuture, ChatRequest, CompletionRequest, EmbedRequest, Embeddings, Engine, EventStream, Load,
    ModelCard, Params, Prompt, TemplateError, TemplateLimits,
};
use tidegate_weights::tokenizer::Tokenizer;
use tokio::sync::watch;

use crate::config::EngineConfig;
use crate::forward::Forward;
use crate::random::{draw, fresh_seed};
use crate::stats::{Counters, Observer};
use crate::worker::{Ask, Phase, Tokens, Worker};

mod answer;
mod check;
mod embed;
mod speech;
mod voice;

use answer::{Answer, Echo};
use speech::Speech;
use voice::Voice;

/// What an engine is made of.
pub struct EngineParts {
    /// The name that clients call.
    pub name: String,
    /// The family of the weights (`llama`, `qwen2`).
    pub architecture: String,
    /// The model, ready to run.
    pub forward: Box<dyn Forward>,
    /// Its tokenizer, with the chat template where it has one.
    pub tokenizer: Arc<Tokenizer>,
    /// Limits of the chat template.
    pub template_limits: TemplateLimits,
    /// The clock of deadlines and measurements.
    pub clock: Arc<dyn Clock>,
    /// Hears of times as they happen.
    pub observer: Arc<dyn Observer>,
    /// Runs the tokenising of long prompts.
    pub tasks: Tasks,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The chat template cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The operating system gives no thread.
    #[error("cannot start the engine's thread")]
    Thread(#[source] std::io::Error),
    /// Not even a short answer fits the KV pool.
    #[error("the KV pool holds {tokens} tokens, expected at least 2")]
    Pool {
        /// What it holds.
        tokens: usize,
    },
}

/// Our engine for one language model.
pub struct LanguageEngine {
    card: ModelCard,
    voice: Arc<Voice>,
    worker: Worker,
    config: EngineConfig,
    tasks: Tasks,
    seed: u64,
    requests: AtomicU64,
}

impl LanguageEngine {
    /// Starts the engine's thread.
    ///
    /// # Errors
    /// The chat template does not compile, the pool is too small, or there is no thread.
    pub fn start(parts: EngineParts, config: EngineConfig) -> Result<Self, StartError> {
        let EngineParts {
            name,
            architecture,
            forward,
            tokenizer,
            template_limits,
            clock,
            observer,
            tasks,
        } = parts;
        let known = tokenizer.vocabulary().min(forward.vocabulary());
        let hidden = forward.hidden();
        let tokens = Tokens {
            known,
            end: tokenizer.end_tokens().to_vec(),
        };
        let created = clock.unix().as_secs();
        let voice = Voice::new(
            tokenizer,
            &architecture,
            known,
            Arc::clone(&clock),
            template_limits,
        )?;
        let worker = Worker::start(forward, &config, tokens, clock, observer).map_err(StartError::Thread)?;
        let context = worker.limits().context;
        if context < 2 {
            return Err(StartError::Pool { tokens: context });
        }
        Ok(Self {
            card: ModelCard {
                name,
                architecture,
                context_length: context,
                vocabulary: known,
                embedding_length: hidden,
                chat: voice.chats(),
                created,
            },
            voice: Arc::new(voice),
            worker,
            config,
            tasks,
            seed: fresh_seed(),
            requests: AtomicU64::new(0),
        })
    }

    /// The counters of the engine's thread.
    pub fn counters(&self) -> &Arc<Counters> {
        self.worker.counters()
    }

    /// Where the engine's thread stands in its life: it is fit for requests while this is `Ready`.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.worker.phase()
    }

    /// Takes no more requests, waits until all answers are complete, and cuts with an error what still
    /// runs after `limit`. Answers whether all came to their end.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.worker.drain(limit).await
    }

    async fn answer_chat(&self, request: ChatRequest) -> Result<EventStream, Fault> {
        check::params(&request.params, &self.config, &self.card)?;
        check::tools(&request, &self.voice)?;
        let bytes = voice::chat_bytes(&request);
        let voice = Arc::clone(&self.voice);
        let (request, prepared) = self
            .on_a_fit_thread(bytes, move || {
                let prepared = voice.prepare_chat(&request);
                (request, prepared)
            })
            .await?;
        let prepared = prepared?;
        let params = &request.params;
        let max_tokens = check::room(prepared.tokens.len(), params, &self.card, "messages")?;
        if max_tokens == 0 {
            return Err(Fault::invalid("`max_tokens` is 0, expected at least 1").with_param("max_tokens"));
        }
        let seed = self.next_seed();
        let speeches = (0..params.n).map(|choice| self.speech(&request, draw(seed, u64::from(choice))));
        let speeches: Vec<Speech> = speeches.collect();
        let prompt_tokens = prepared.tokens.len();
        let ask = Ask {
            prompt: prepared.tokens,
            max_tokens,
            grammar: prepared.grammar,
            ..self.ask(params, seed)
        };
        let intakes = self.worker.generate(ask)?;
        Ok(Box::pin(Answer::new(speeches, intakes, prompt_tokens, None)))
    }

    async fn answer_completion(&self, request: CompletionRequest) -> Result<EventStream, Fault> {
        let CompletionRequest { prompt, echo, params } = request;
        check::params(&params, &self.config, &self.card)?;
        let bytes = voice::prompt_bytes(&prompt);
        let bytes = if params.format == tidegate_engine::Format::Text {
            bytes
        } else {
            usize::MAX
        };
        let (voice, format) = (Arc::clone(&self.voice), params.format.clone());
        let prepared = self.on_a_fit_thread(bytes, move || {
            let grammar = voice.grammar(&format)?;
            let tokens = voice.encode_prompt(&prompt, "prompt")?;
            let echo = echo.then(|| Echo::new(&voice, prompt, tokens.clone()));
            Ok::<_, Fault>((tokens, grammar, echo))
        });
        let (tokens, grammar, echo) = prepared.await??;
        let max_tokens = check::room(tokens.len(), &params, &self.card, "prompt")?;
        if max_tokens == 0 && echo.is_none() {
            return Err(
                Fault::invalid("`max_tokens` is 0, expected at least 1 unless `echo` is set")
                    .with_param("max_tokens"),
            );
        }
        let seed = self.next_seed();
        let speeches = (0..params.n)
            .map(|_| Speech::plain(Arc::clone(&self.voice), &params))
            .collect();
        let prompt_tokens = tokens.len();
        let ask = Ask {
            prompt: tokens,
            max_tokens,
            grammar,
            score_prompt: echo.is_some() && params.logprobs.is_some(),
            ..self.ask(&params, seed)
        };
        let intakes = self.worker.generate(ask)?;
        Ok(Box::pin(Answer::new(speeches, intakes, prompt_tokens, echo)))
    }

    fn ask(&self, params: &Params, seed: u64) -> Ask {
        Ask {
            sampling: params.sampling.clone(),
            seed,
            choices: params.n,
            priority: params.priority,
            deadline: params.deadline,
            logprobs: params.logprobs.map(usize::from),
            ignore_end: params.ignore_eos,
            ..Ask::default()
        }
    }

    fn speech(&self, request: &ChatRequest, seed: u64) -> Speech {
        let speech = Speech::plain(Arc::clone(&self.voice), &request.params);
        if check::may_call_tools(request) {
            speech.with_tools(request, seed)
        } else {
            speech
        }
    }

    /// A seed that no other request has.
    fn next_seed(&self) -> u64 {
        draw(self.seed, self.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs short work here and long work on a thread where it keeps nobody waiting.
    async fn on_a_fit_thread<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        if bytes <= self.config.inline_prompt_bytes {
            return Ok(work());
        }
        self.tasks
            .spawn_blocking(work)
            .await
            .map_err(|error| Fault::internal("reading a prompt failed").with_source(error))
    }

    async fn encode_all(&self, prompts: Vec<Prompt>) -> Result<Vec<Vec<u32>>, Fault> {
        let bytes = prompts.iter().map(voice::prompt_bytes).sum();
        let voice = Arc::clone(&self.voice);
        self.on_a_fit_thread(bytes, move || {
            let encode = |prompt| voice.encode_prompt(prompt, "input");
            prompts.iter().map(encode).collect()
        })
        .await?
    }
}

impl Engine for LanguageEngine {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn load(&self) -> Load {
        self.worker.load()
    }

    fn chat(&self, request: ChatRequest) -> BoxFuture<'_, Result<EventStream, Fault>> {
        Box::pin(self.answer_chat(request))
    }

    fn complete(&self, request: CompletionRequest) -> BoxFuture<'_, Result<EventStream, Fault>> {
        Box::pin(self.answer_completion(request))
    }

    fn embed(&self, request: EmbedRequest) -> BoxFuture<'_, Result<Embeddings, Fault>> {
        Box::pin(self.answer_embedding(request))
    }
}

impl fmt::Debug for LanguageEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LanguageEngine")
            .field("card", &self.card)
            .field("load", &self.load())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for EngineParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineParts")
            .field("name", &self.name)
            .field("architecture", &self.architecture)
            .finish_non_exhaustive()
    }
}
