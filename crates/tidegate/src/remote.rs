//! A running OpenAI-compatible server as an engine, for `chat`, `run` and `bench http`.

use std::io::BufReader;
use std::time::Duration;

use futures_util::stream;
use serde_json::{Value, json};
use tidegate_base::{Fault, FaultKind, Origin};
use tidegate_engine::{
    BoxFuture, ChatRequest, CompletionRequest, EmbedRequest, Embeddings, Engine, Event, EventStream,
    FinishReason, Load, ModelCard, Params,
};
use tokio::sync::mpsc;

use crate::sse::Events;

/// Events that wait for a slow terminal.
const QUEUE: usize = 64;
/// A model of the list may be described by this much.
const LIST_BYTES_MAX: u64 = 4 << 20;

/// Which server and which of its models.
#[derive(Debug, Clone)]
pub(crate) struct RemoteConfig {
    /// The server's address, with or without `/v1`.
    pub(crate) url: String,
    /// The first one of the server's list where absent.
    pub(crate) model: Option<String>,
    pub(crate) api_key: Option<String>,
}

/// One model of a running server.
#[derive(Debug)]
pub(crate) struct Remote {
    client: Client,
    card: ModelCard,
}

/// Asks one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    authorization: Option<String>,
}

impl Client {
    pub(crate) fn new(url: &str, api_key: Option<&str>) -> Result<Self, Fault> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Fault::invalid(format!("`{url}` is not an address of a server"))
                .with_hint("expected a form such as http://127.0.0.1:8080"));
        }
        let base = url.trim_end_matches('/');
        let base = base.strip_suffix("/v1").unwrap_or(base);
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .max_idle_connections_per_host(1024)
            .max_idle_connections(1024)
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            base: base.to_owned(),
            authorization: api_key.map(|key| format!("Bearer {key}")),
        })
    }

    /// The first model that the server lists.
    pub(crate) fn first_model(&self) -> Result<String, Fault> {
        let mut request = self.agent.get(format!("{}/v1/models", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut reply = request.call().map_err(|error| self.unreachable(error))?;
        let text = reply
            .body_mut()
            .with_config()
            .limit(LIST_BYTES_MAX)
            .read_to_string();
        let text = text.map_err(|error| self.unreachable(error))?;
        if reply.status().as_u16() != 200 {
            return Err(refusal(reply.status().as_u16(), &text));
        }
        let list: Value = serde_json::from_str(&text).unwrap_or_default();
        let id = list
            .pointer("/data/0/id")
            .and_then(Value::as_str)
            .map(str::to_owned);
        id.ok_or_else(|| {
            Fault::unavailable(format!("the server at `{}` lists no model", self.base))
                .with_hint("if it has just started it is still loading; its /readyz tells")
        })
    }

    /// Posts a request and answers its stream of events.
    pub(crate) fn post(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Events<impl std::io::BufRead + use<>>, Fault> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut reply = request.send_json(body).map_err(|error| self.unreachable(error))?;
        let status = reply.status().as_u16();
        if status != 200 {
            let text = reply
                .body_mut()
                .with_config()
                .limit(LIST_BYTES_MAX)
                .read_to_string();
            return Err(refusal(status, &text.unwrap_or_default()));
        }
        Ok(Events::new(BufReader::new(reply.into_body().into_reader())))
    }

    fn unreachable(&self, error: ureq::Error) -> Fault {
        Fault::unavailable(format!("the server at `{}` does not answer", self.base))
            .with_hint("start one with `tidegate serve`, or leave --url away to run the model here")
            .with_source(error)
    }
}

/// A server's refusal as a fault: the message of its OpenAI error object, if it sent one.
fn refusal(status: u16, text: &str) -> Fault {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let said = answer
        .pointer("/error/message")
        .or_else(|| answer.get("message"))
        .or_else(|| answer.get("detail"))
        .and_then(Value::as_str);
    let message = match said {
        Some(said) => format!("the server refused (status {status}): {said}"),
        None => format!("the server refused with status {status}"),
    };
    let mut fault = Fault::unavailable(message);
    fault.origin = Origin::Upstream;
    fault.kind = match status {
        400 | 422 => FaultKind::Invalid,
        401 => FaultKind::Unauthenticated,
        403 => FaultKind::Forbidden,
        404 => FaultKind::NotFound,
        413 => FaultKind::TooLarge,
        429 => FaultKind::Overloaded,
        _ => FaultKind::Unavailable,
    };
    if fault.kind == FaultKind::Unauthenticated {
        return fault.with_hint("set TIDEGATE_API_KEY to the server's key");
    }
    fault
}

impl Remote {
    /// Finds the server's model. Fails at once where the server is not there.
    pub(crate) fn connect(config: RemoteConfig) -> Result<Self, Fault> {
        let client = Client::new(&config.url, config.api_key.as_deref())?;
        let name = match config.model {
            Some(name) => name,
            None => client.first_model()?,
        };
        Ok(Self {
            client,
            card: ModelCard {
                name,
                architecture: "remote".to_owned(),
                context_length: 0,
                vocabulary: 0,
                embedding_length: 0,
                chat: true,
                created: 0,
            },
        })
    }

    fn body(&self, request: &ChatRequest) -> Value {
        let mut body = json!({
            "model": self.card.name,
            "messages": request.messages,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        let Params {
            max_tokens,
            sampling,
            stop,
            ..
        } = &request.params;
        let usual = tidegate_engine::Sampling::default();
        let mut set = |name: &str, value: Value| body[name] = value;
        if let Some(max_tokens) = max_tokens {
            set("max_tokens", json!(max_tokens));
        }
        if sampling.temperature.to_bits() != usual.temperature.to_bits() {
            set("temperature", json!(sampling.temperature));
        }
        if sampling.top_p.to_bits() != usual.top_p.to_bits() {
            set("top_p", json!(sampling.top_p));
        }
        if let Some(seed) = sampling.seed {
            set("seed", json!(seed));
        }
        if !stop.is_empty() {
            set("stop", json!(stop));
        }
        body
    }
}

/// What is known of an answer while it comes.
#[derive(Default)]
struct Answer {
    pieces: usize,
    finish: Option<FinishReason>,
    usage: Option<(usize, usize)>,
}

impl Answer {
    /// Reads one event of the stream; answers new text.
    fn take(&mut self, data: &str) -> Result<Option<String>, Fault> {
        let chunk: Value =
            serde_json::from_str(data).map_err(|error| broken(format!("an event is no JSON: {error}")))?;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            let said = error
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or("it did not say why");
            return Err(broken(said.to_owned()));
        }
        let count = |name: &str| {
            let number = chunk.get("usage")?.get(name)?.as_u64()?;
            usize::try_from(number).ok()
        };
        if let (Some(prompt), Some(completion)) = (count("prompt_tokens"), count("completion_tokens")) {
            self.usage = Some((prompt, completion));
        }
        let Some(choice) = chunk.pointer("/choices/0") else {
            return Ok(None);
        };
        match choice.get("finish_reason").and_then(Value::as_str) {
            Some("length") => self.finish = Some(FinishReason::Length),
            Some("tool_calls") => self.finish = Some(FinishReason::ToolCalls),
            Some(_) => self.finish = Some(FinishReason::Stop),
            None => {}
        }
        let text = choice.pointer("/delta/content").and_then(Value::as_str);
        self.pieces += usize::from(text.is_some_and(|text| !text.is_empty()));
        Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
    }
}

fn broken(why: String) -> Fault {
    let mut fault = Fault::unavailable(format!("the server broke off the answer: {why}"));
    fault.origin = Origin::Upstream;
    fault
}

/// Reads the server's stream until it ends or nobody listens any more.
fn forward(client: &Client, body: &Value, out: &mpsc::Sender<Result<Event, Fault>>) -> Result<(), Fault> {
    let mut events = client.post("/v1/chat/completions", body)?;
    let mut answer = Answer::default();
    loop {
        let data = events.next().map_err(|error| broken(error.to_string()))?;
        let Some(data) = data.filter(|data| data != "[DONE]") else {
            break;
        };
        if let Some(text) = answer.take(&data)? {
            let event = Event::Text {
                choice: 0,
                text,
                logprobs: Vec::new(),
            };
            if out.blocking_send(Ok(event)).is_err() {
                return Ok(());
            }
        }
    }
    let Some(reason) = answer.finish else {
        return Err(broken("it ended without a reason".to_owned()));
    };
    let (prompt_tokens, completion_tokens) = answer.usage.unwrap_or((0, answer.pieces));
    let started = Event::Started {
        prompt_tokens,
        cached_tokens: 0,
    };
    let finished = Event::Finished {
        choice: 0,
        reason,
        completion_tokens,
    };
    // The server tells the length of the prompt only at the end; whoever counts adds it up anyway.
    for event in [started, finished] {
        if out.blocking_send(Ok(event)).is_err() {
            break;
        }
    }
    Ok(())
}

impl Engine for Remote {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn load(&self) -> Load {
        Load::default()
    }

    fn chat(&self, request: ChatRequest) -> BoxFuture<'_, Result<EventStream, Fault>> {
        let (client, body) = (self.client.clone(), self.body(&request));
        Box::pin(async move {
            let (sender, receiver) = mpsc::channel(QUEUE);
            // The thread ends with the stream, or at its next event once the receiver is dropped.
            std::thread::spawn(move || {
                if let Err(fault) = forward(&client, &body, &sender) {
                    drop(sender.blocking_send(Err(fault)));
                }
            });
            let events = stream::unfold(receiver, |mut receiver| async move {
                receiver.recv().await.map(|event| (event, receiver))
            });
            Ok(Box::pin(events) as EventStream)
        })
    }

    fn complete(&self, _request: CompletionRequest) -> BoxFuture<'_, Result<EventStream, Fault>> {
        Box::pin(async { Err(Fault::unsupported("a remote model is only asked to chat here")) })
    }

    fn embed(&self, _request: EmbedRequest) -> BoxFuture<'_, Result<Embeddings, Fault>> {
        Box::pin(async { Err(Fault::unsupported("a remote model is only asked to chat here")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_text_and_counts() {
        let mut answer = Answer::default();
        let chunk = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
        assert_eq!(answer.take(&chunk("a")).unwrap().as_deref(), Some("a"));
        assert_eq!(answer.take(&chunk("")).unwrap(), None);
        answer
            .take(r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#)
            .unwrap();
        answer
            .take(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":7}}"#)
            .unwrap();
        assert_eq!((answer.pieces, answer.usage), (1, Some((3, 7))));
        assert_eq!(answer.finish, Some(FinishReason::Length));
        assert!(answer.take("{").is_err());
        let fault = answer.take(r#"{"error":{"message":"boom"}}"#).unwrap_err();
        assert_eq!(fault.public, "the server broke off the answer: boom");
    }

    #[test]
    fn a_refusal_says_what_the_server_said() {
        let fault = refusal(404, r#"{"error":{"message":"no model `x`"}}"#);
        assert_eq!(fault.public, "the server refused (status 404): no model `x`");
        assert_eq!(fault.kind, FaultKind::NotFound);
        assert_eq!(
            refusal(500, "<html>").public,
            "the server refused with status 500"
        );
    }
}
