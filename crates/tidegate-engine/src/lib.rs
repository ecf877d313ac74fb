//! What an engine is: the trait, the requests it takes, the events it streams, the catalog.
//!
//! The gateway speaks only these nouns, so that our own engine, an ONNX session and a foreign
//! server are the same thing to it.
#![forbid(unsafe_code)]

/// Which engine serves which name.
pub mod catalog;
/// What an engine streams back.
pub mod event;
/// What is asked of an engine.
pub mod request;
/// Stop strings in a stream.
pub mod stop;
/// Chat templates: from a conversation to a prompt.
pub mod template;
/// How models write tool calls, and the parser for them.
pub mod tools;

pub use catalog::{Catalog, ModelCard, StaticCatalog};
pub use event::{Embeddings, Event, EventStream, FinishReason, TokenLogprob};
pub use request::{
    ChatRequest, CompletionRequest, EmbedRequest, Format, Message, Params, Prompt, Sampling, Tool, ToolCall,
    ToolChoice,
};
pub use stop::StopMatcher;
pub use template::{
    ChatTemplate, Conversation, Rendered, Segment, SpecialTokens, TemplateError, TemplateLimits,
};
pub use tools::{Piece, ToolFormat, ToolParser};

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tidegate_base::Fault;

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that answers for one model.
///
/// Every call may be dropped at any time; an engine frees what the call held within one step.
pub trait Engine: Send + Sync + fmt::Debug {
    /// What this model is and can do.
    fn card(&self) -> &ModelCard;

    /// How busy the engine is now.
    fn load(&self) -> Load;

    /// Answers a conversation.
    fn chat(&self, request: ChatRequest) -> BoxFuture<'_, Result<EventStream, Fault>>;

    /// Continues a text.
    fn complete(&self, request: CompletionRequest) -> BoxFuture<'_, Result<EventStream, Fault>>;

    /// Turns texts into vectors.
    fn embed(&self, request: EmbedRequest) -> BoxFuture<'_, Result<Embeddings, Fault>>;
}

/// How busy an engine is: what balancers, limits and metrics read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Sequences in the running batch.
    pub running: usize,
    /// Sequences that wait for a place.
    pub waiting: usize,
    /// Pages of the KV pool that hold tokens of running sequences.
    pub pages_used: usize,
    /// Pages that only keep prefixes for later; they can be taken at once.
    pub pages_cached: usize,
    /// All pages of the pool.
    pub pages_total: usize,
}
