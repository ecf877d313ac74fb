//! `POST /v1/chat/completions`.

use axum::extract::{Request, State};
use axum::response::Response;
use tidegate_api::openai as api;
use tidegate_base::Fault;
use tidegate_engine::{ChatRequest, ModelCard};

use super::chat_stream::ChatStream;
use super::stamp::Stamp;
use super::{Call, chat_answer, format, messages, respond, tools};
use crate::config::Config;
use crate::reply::openai::Failure;
use crate::routes::Gateway;
use crate::{sse, validate};

/// Answers a conversation, at once or as a stream.
pub(crate) async fn handle(State(gateway): State<Gateway>, request: Request) -> Result<Response, Failure> {
    let mut call = Call::<api::ChatRequest>::read(&gateway, request).await?;
    let engine = gateway.engine(&call.body.model)?;
    let card = engine.card().clone();
    call.record.set_model(&card.name, "chat");
    let asked = convert(&mut call.body, gateway.config(), &card)?;
    let choices = asked.params.n;
    let answer = call.answer(&gateway, Box::pin(async move { engine.chat(asked).await }));
    let stamp = Stamp::new("chatcmpl", &card, gateway.telemetry());
    if !call.body.stream.unwrap_or(false) {
        return Ok(respond(&chat_answer::collect(answer, &stamp, choices).await?)?);
    }
    let usage = call.body.stream_options.and_then(|options| options.include_usage);
    let answer = answer.first_within(gateway.config().timeouts.keep_alive).await?;
    let encoder = ChatStream::new(stamp, choices, usage.unwrap_or(false));
    Ok(sse::response(answer, encoder, call.manners(&gateway)))
}

/// The request in the engine's nouns.
fn convert(body: &mut api::ChatRequest, config: &Config, card: &ModelCard) -> Result<ChatRequest, Fault> {
    if !card.chat {
        return Err(Fault::unsupported(format!(
            "the model `{}` has no chat template and cannot hold a conversation",
            card.name
        ))
        .with_param("model")
        .with_hint("`/v1/completions` continues plain text with it."));
    }
    let mut params = validate::chat(body, &config.limits, card)?;
    params.deadline = Some(config.timeouts.request);
    params.format = format::convert(body.response_format.take())?;
    let messages = messages::convert(std::mem::take(&mut body.messages))?;
    let tools = tools::convert(body.tools.take().unwrap_or_default(), config.limits.tools)?;
    let tool_choice = tools::choice(body.tool_choice.take(), &tools)?;
    Ok(ChatRequest {
        messages,
        tools,
        tool_choice,
        parallel_tool_calls: body.parallel_tool_calls.unwrap_or(true),
        template_arguments: body.chat_template_kwargs.take().unwrap_or_default(),
        params,
    })
}
