//! `POST /v1/completions`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::select_all;
use tidegate_api::openai as api;
use tidegate_base::Fault;
use tidegate_engine::{CompletionRequest, Engine, Event, EventStream, ModelCard, Prompt};

use super::completions_stream::CompletionStream;
use super::stamp::Stamp;
use super::{Call, completions_answer, format, respond};
use crate::config::{Config, Limits};
use crate::reply::openai::Failure;
use crate::routes::Gateway;
use crate::{sse, validate};

/// Continues texts, at once or as a stream.
pub(crate) async fn handle(State(gateway): State<Gateway>, request: Request) -> Result<Response, Failure> {
    let mut call = Call::<api::CompletionRequest>::read(&gateway, request).await?;
    let engine = gateway.engine(&call.body.model)?;
    let card = engine.card().clone();
    call.record.set_model(&card.name, "text_completion");
    let asked = convert(&mut call.body, gateway.config(), &card)?;
    let choices: u32 = asked.iter().map(|one| one.params.n).sum();
    let answer = call.answer(&gateway, Box::pin(open(engine, asked)));
    let stamp = Stamp::new("cmpl", &card, gateway.telemetry());
    if !call.body.stream.unwrap_or(false) {
        let collected = completions_answer::collect(answer, choices).await?;
        return Ok(respond(&collected.answer(&stamp))?);
    }
    let usage = call.body.stream_options.and_then(|options| options.include_usage);
    let answer = answer.first_within(gateway.config().timeouts.keep_alive).await?;
    let encoder = CompletionStream::new(stamp, choices, usage.unwrap_or(false));
    Ok(sse::response(answer, encoder, call.manners(&gateway)))
}

/// One request to the engine for each prompt.
fn convert(
    body: &mut api::CompletionRequest,
    config: &Config,
    card: &ModelCard,
) -> Result<Vec<CompletionRequest>, Fault> {
    let mut params = validate::completion(body, &config.limits, card)?;
    params.deadline = Some(config.timeouts.request);
    params.format = format::convert(body.response_format.take())?;
    let prompts = prompts("prompt", std::mem::take(&mut body.prompt), &config.limits, card)?;
    let echo = body.echo.unwrap_or(false);
    Ok(prompts
        .into_iter()
        .map(|prompt| CompletionRequest {
            prompt,
            echo,
            params: params.clone(),
        })
        .collect())
}

/// The texts and tokens of `name`, checked.
pub(super) fn prompts(
    name: &str,
    prompts: api::Prompts,
    limits: &Limits,
    card: &ModelCard,
) -> Result<Vec<Prompt>, Fault> {
    let count = prompts.0.len();
    if count == 0 || count > limits.prompts {
        return Err(Fault::invalid(format!(
            "`{name}` has {count} elements, expected 1 to {}",
            limits.prompts
        ))
        .with_param(name));
    }
    let place = |place: usize| {
        if count == 1 {
            name.to_owned()
        } else {
            format!("{name}[{place}]")
        }
    };
    let convert = |(number, item)| match item {
        api::PromptItem::Text(text) => Ok(Prompt::Text(text)),
        api::PromptItem::Tokens(tokens) if tokens.is_empty() => {
            Err(Fault::invalid(format!("`{}` has no tokens", place(number))).with_param(place(number)))
        }
        api::PromptItem::Tokens(tokens) => {
            match tokens.iter().find(|&&token| token as usize >= card.vocabulary) {
                None => Ok(Prompt::Tokens(tokens)),
                Some(token) => Err(Fault::invalid(format!(
                    "`{}` has the token {token}, expected numbers from 0 to {}",
                    place(number),
                    card.vocabulary.saturating_sub(1)
                ))
                .with_param(place(number))),
            }
        }
    };
    prompts.0.into_iter().enumerate().map(convert).collect()
}

/// Opens one stream for each prompt and joins them; the choices count on from prompt to prompt.
async fn open(engine: Arc<dyn Engine>, asked: Vec<CompletionRequest>) -> Result<EventStream, Fault> {
    let mut streams = Vec::with_capacity(asked.len());
    let mut offset = 0;
    for one in asked {
        let (first, count) = (offset, one.params.n);
        offset += count;
        let stream = engine.complete(one).await?;
        if first == 0 {
            streams.push(stream);
        } else {
            streams.push(
                Box::pin(stream.map(move |event| event.map(|event| shift(event, first)))) as EventStream,
            );
        }
    }
    match streams.pop() {
        Some(only) if streams.is_empty() => Ok(only),
        Some(last) => {
            streams.push(last);
            Ok(Box::pin(select_all(streams)))
        }
        None => Err(Fault::internal("no prompt was left to answer")),
    }
}

/// The same event, `by` choices further on.
fn shift(mut event: Event, by: u32) -> Event {
    match &mut event {
        Event::Started { .. } => {}
        Event::Text { choice, .. }
        | Event::ToolCall { choice, .. }
        | Event::ToolArguments { choice, .. }
        | Event::Finished { choice, .. } => *choice += by,
    }
    event
}
