//! Asking an engine and writing down its answer as it comes; what `chat` and `run` share.

use std::io::Write;
use std::time::Duration;

use futures_util::StreamExt;
use tidegate_base::{Clock, Fault, SystemClock};
use tidegate_engine::{
    ChatRequest, CompletionRequest, Engine, Event, EventStream, FinishReason, Message, Params, Prompt,
};
use tokio::runtime::Runtime;

use crate::exit::Failure;

/// How to generate.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Generation {
    /// What the model is told about its task.
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// The most tokens of an answer [default: the rest of the context].
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// 0 always takes the most likely token; higher is more varied [default: 0.7; the server's own
    /// choice with --url].
    #[arg(long, value_name = "T")]
    pub(crate) temperature: Option<f32>,
    /// Keep the smallest set of tokens that reaches this probability [default: 1].
    #[arg(long, value_name = "P")]
    top_p: Option<f32>,
    /// Makes the answer repeatable.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A text that ends the answer; may be given several times.
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
}

impl Generation {
    fn params(&self) -> Params {
        let mut params = Params {
            max_tokens: self.max_tokens,
            stop: self.stop.clone(),
            ..Params::default()
        };
        params.sampling.temperature = self.temperature.unwrap_or(params.sampling.temperature);
        params.sampling.top_p = self.top_p.unwrap_or(params.sampling.top_p);
        params.sampling.seed = self.seed;
        params
    }

    /// A request that goes on with `prompt`.
    pub(crate) fn completion(&self, prompt: String) -> CompletionRequest {
        CompletionRequest {
            prompt: Prompt::Text(prompt),
            echo: false,
            params: self.params(),
        }
    }

    /// A request that continues `messages`.
    pub(crate) fn request(&self, messages: Vec<Message>) -> ChatRequest {
        ChatRequest {
            messages,
            params: self.params(),
            ..ChatRequest::default()
        }
    }
}

/// What is asked: a conversation, or for a model that cannot chat a text to go on with.
pub(crate) enum Question {
    Chat(ChatRequest),
    Completion(CompletionRequest),
}

impl Question {
    async fn put_to(self, engine: &dyn Engine) -> Result<EventStream, Fault> {
        match self {
            Self::Chat(request) => engine.chat(request).await,
            Self::Completion(request) => engine.complete(request).await,
        }
    }
}

/// A turn of a conversation.
pub(crate) fn message(role: &str, content: impl Into<String>) -> Message {
    Message {
        role: role.to_owned(),
        content: content.into(),
        ..Message::default()
    }
}

/// An answer that has ended.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) text: String,
    /// Nothing if Ctrl-C stopped it.
    pub(crate) finish: Option<FinishReason>,
    pub(crate) prompt_tokens: usize,
    pub(crate) completion_tokens: usize,
    /// From the question to the first text.
    pub(crate) first: Duration,
    /// From the question to the end.
    pub(crate) total: Duration,
}

impl Answer {
    /// One line about length and speed.
    #[expect(clippy::cast_precision_loss, reason = "counts of tokens are small")]
    pub(crate) fn summary(&self) -> String {
        let seconds = self.total.as_secs_f64().max(1e-9);
        format!(
            "{} prompt tokens, first text after {:.2} s; {} tokens in {seconds:.2} s, {:.1} tokens/s",
            self.prompt_tokens,
            self.first.as_secs_f64(),
            self.completion_tokens,
            self.completion_tokens as f64 / seconds,
        )
    }
}

/// A runtime for one conversation: the engine computes on its own threads.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// Asks and writes the text to `out` as it comes. Ctrl-C stops the answer.
pub(crate) async fn ask(
    engine: &dyn Engine,
    question: Question,
    out: &mut dyn Write,
) -> Result<Answer, Failure> {
    let clock = SystemClock::new();
    let mut answer = Answer::default();
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    let mut events = tokio::select! {
        events = question.put_to(engine) => events?,
        _ = &mut stop => return Ok(answer),
    };
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = &mut stop => return Ok(answer),
        };
        match event.transpose()? {
            None => break,
            Some(Event::Started { prompt_tokens, .. }) => answer.prompt_tokens = prompt_tokens,
            Some(Event::Text { text, .. }) => {
                if answer.text.is_empty() {
                    answer.first = clock.monotonic();
                }
                out.write_all(text.as_bytes())?;
                out.flush()?;
                answer.text.push_str(&text);
            }
            Some(Event::Finished {
                reason,
                completion_tokens,
                ..
            }) => {
                answer.finish = Some(reason);
                answer.completion_tokens = completion_tokens;
                answer.total = clock.monotonic();
            }
            Some(Event::ToolCall { .. } | Event::ToolArguments { .. }) => {}
        }
    }
    Ok(answer)
}
