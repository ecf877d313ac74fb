//! The JSON of the OpenAI API, as its own documentation and clients write it.
//!
//! Requests are flat structures with wide number types: a wrong type is found here and named by its
//! path, a wrong value is found by the gateway. Unknown fields are ignored, as OpenAI's own servers
//! do with fields that other servers invented.

/// `/v1/chat/completions`, the request.
pub mod chat;
/// `/v1/chat/completions`, the answer and its stream.
pub mod chat_answer;
/// `/v1/completions`.
pub mod completion;
/// `/v1/embeddings`.
pub mod embedding;
/// Errors.
pub mod error;
/// Turns of a conversation.
pub mod message;
/// `/v1/models`.
pub mod model;
/// A text, tokens, or a list of them.
pub mod prompt;
/// `stop`: one text or several.
pub mod stop;
/// Tools and tool calls.
pub mod tool;
/// Token counts.
pub mod usage;

pub use chat::{ChatRequest, JsonSchema, ResponseFormat, StreamOptions};
pub use chat_answer::{
    AnswerMessage, ChatAnswer, ChatChoice, ChatChunk, ChatDelta, ChatLogprobs, ChatTokenLogprob,
    ChatTopLogprob, ChunkChoice,
};
pub use completion::{CompletionAnswer, CompletionChoice, CompletionLogprobs, CompletionRequest};
pub use embedding::{Embedding, EmbeddingAnswer, EmbeddingRequest, EmbeddingUsage, Vector};
pub use error::{ErrorAnswer, ErrorBody};
pub use message::{ChatMessage, Content, ContentPart};
pub use model::{ModelAnswer, ModelList};
pub use prompt::{PromptItem, Prompts};
pub use stop::Stop;
pub use tool::{
    CallDelta, CallOut, FunctionDefinition, FunctionDelta, FunctionOut, ToolCallIn, ToolChoice,
    ToolDefinition,
};
pub use usage::Usage;
