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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::json;

    const FIELDS: [&str; 34] = [
        "model",
        "messages",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "response_format",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "top_k",
        "min_p",
        "repetition_penalty",
        "priority",
        "ignore_eos",
        "chat_template_kwargs",
        "metadata",
        "user",
        "type",
        "function",
        "name",
        "role",
        "content",
        "invented",
    ];

    /// Any JSON, with a liking for the API's own words.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-zé\u{1}\"]{0,5}".prop_map(Value::from),
            prop::sample::select(vec![
                "user",
                "tool",
                "function",
                "auto",
                "json_schema",
                "text",
                "{}"
            ])
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((prop::sample::select(FIELDS.to_vec()), inner), 0..5).prop_map(
                    |pairs| {
                        let object: Map<String, Value> = pairs
                            .into_iter()
                            .map(|(key, value)| (key.to_owned(), value))
                            .collect();
                        Value::Object(object)
                    }
                ),
            ]
        })
    }

    fn card() -> ModelCard {
        ModelCard {
            name: "m".to_owned(),
            architecture: "test".to_owned(),
            context_length: 64,
            vocabulary: 100,
            embedding_length: 8,
            chat: true,
            created: 0,
        }
    }

    proptest! {
        #[test]
        fn any_request_is_taken_or_refused_with_a_short_sentence(
            fields in prop::collection::vec((prop::sample::select(FIELDS.to_vec()), any_json()), 0..4),
            valid in any::<bool>(),
        ) {
            let mut body = json!({});
            if valid {
                body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
            }
            for (key, value) in fields {
                body[key] = value;
            }
            let outcome = json::parse::<api::ChatRequest>(body.to_string().as_bytes(), 128)
                .and_then(|mut request| convert(&mut request, &Config::default(), &card()));
            if let Err(fault) = outcome {
                prop_assert!((5..1000).contains(&fault.public.len()), "{fault}");
                prop_assert!(fault.param.is_some(), "{fault}");
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(json::parse::<api::ChatRequest>(&bytes, 128));
        }
    }
}
