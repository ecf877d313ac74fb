//! The endpoints of the OpenAI API, one file for each, and what they share.

/// `POST /v1/chat/completions`.
pub(crate) mod chat;
/// A chat's answer as one JSON object.
mod chat_answer;
/// A chat's answer as a stream.
mod chat_stream;
/// `POST /v1/completions`.
pub(crate) mod completions;
/// A completion's answer as one JSON object.
mod completions_answer;
/// A completion's answer as a stream.
mod completions_stream;
/// `POST /v1/embeddings`.
pub(crate) mod embeddings;
/// `response_format`.
mod format;
/// Likelihoods of tokens, in both of the API's shapes.
mod logprobs;
/// Turns of a conversation.
mod messages;
/// `GET /v1/models`.
pub(crate) mod models;
/// What every answer begins with.
mod stamp;
/// Tools and the choice among them.
mod tools;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_base::Fault;
use tidegate_engine::FinishReason;

use crate::answer::{Answer, Opening};
use crate::observe::Record;
use crate::routes::Gateway;
use crate::sse::Manners;
use crate::{body, json};

/// A request whose body was read.
struct Call<T> {
    body: T,
    record: Arc<Record>,
    version: Version,
}

impl<T: DeserializeOwned> Call<T> {
    async fn read(gateway: &Gateway, request: Request) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        let record = parts
            .extensions
            .get::<Arc<Record>>()
            .cloned()
            .ok_or_else(|| Fault::internal("the request has no record"))?;
        json::check_headers(&parts.headers)?;
        let config = gateway.config();
        let (bytes, _share) = body::read(
            &parts.headers,
            body,
            &config.limits,
            &config.timeouts,
            gateway.bodies(),
            gateway.tasks(),
        )
        .await?;
        Ok(Self {
            body: json::parse(&bytes, config.limits.json_depth)?,
            record,
            version: parts.version,
        })
    }
}

impl<T> Call<T> {
    /// The answer that `opening` leads to, under this gateway's limits.
    fn answer(&self, gateway: &Gateway, opening: Opening) -> Answer {
        Answer::new(
            opening,
            gateway.config().timeouts.request,
            gateway.cut().clone(),
            gateway.telemetry(),
            Arc::clone(&self.record),
        )
    }

    /// How this gateway treats a stream to this caller.
    fn manners(&self, gateway: &Gateway) -> Manners {
        let timeouts = &gateway.config().timeouts;
        Manners {
            keep_alive: timeouts.keep_alive,
            write: timeouts.write,
            tasks: gateway.tasks().clone(),
            version: self.version,
            record: Arc::clone(&self.record),
        }
    }
}

/// A JSON response.
fn respond(body: &impl Serialize) -> Result<Response, Fault> {
    let text = serde_json::to_vec(body)
        .map_err(|error| Fault::internal("the answer could not be written").with_source(error))?;
    Ok((
        [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        text,
    )
        .into_response())
}

/// Appends `data: JSON`.
fn write_event(body: &impl Serialize, out: &mut Vec<u8>) -> Result<(), Fault> {
    out.extend_from_slice(b"data: ");
    serde_json::to_writer(&mut *out, body)
        .map_err(|error| Fault::internal("a chunk could not be written").with_source(error))?;
    out.extend_from_slice(b"\n\n");
    Ok(())
}

/// What ends every stream that ends well.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// The API's word for why an answer ended.
fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
    }
}

/// An engine said something about a choice that it was not asked for.
fn stray(choice: u32) -> Fault {
    Fault::internal(format!(
        "the engine answered choice {choice}, which was not asked for"
    ))
}
