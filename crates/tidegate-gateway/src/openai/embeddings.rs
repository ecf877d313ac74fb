//! `POST /v1/embeddings`.

use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tidegate_api::openai as api;
use tidegate_base::Fault;
use tidegate_engine::{EmbedRequest, Engine, ModelCard, Prompt};
use tidegate_telemetry::metrics::Generation;

use super::completions::prompts;
use super::{Call, respond};
use crate::config::Limits;
use crate::reply::openai::Failure;
use crate::routes::Gateway;

/// How vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Float,
    Base64,
}

/// Turns texts into vectors.
pub(crate) async fn handle(State(gateway): State<Gateway>, request: Request) -> Result<Response, Failure> {
    let mut call = Call::<api::EmbeddingRequest>::read(&gateway, request).await?;
    let engine = gateway.engine(&call.body.model)?;
    let card = engine.card();
    call.record.set_model(&card.name, "embeddings");
    let encoding = encoding(call.body.encoding_format.as_deref())?;
    let asked = convert(&mut call.body, &gateway.config().limits, card)?;
    let made = embed(&gateway, &*engine, asked).await?;
    call.record.set_generation(Generation {
        prompt_tokens: made.prompt_tokens,
        ..Generation::default()
    });
    let data = made
        .vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| api::Embedding {
            object: "embedding",
            index,
            embedding: match encoding {
                Encoding::Float => api::Vector::Float(vector),
                Encoding::Base64 => api::Vector::Base64(base64(vector)),
            },
        })
        .collect();
    Ok(respond(&api::EmbeddingAnswer {
        object: "list",
        data,
        model: &card.name,
        usage: api::EmbeddingUsage {
            prompt_tokens: made.prompt_tokens,
            total_tokens: made.prompt_tokens,
        },
    })?)
}

async fn embed(
    gateway: &Gateway,
    engine: &dyn Engine,
    asked: EmbedRequest,
) -> Result<tidegate_engine::Embeddings, Fault> {
    let limit = gateway.config().timeouts.request;
    tokio::select! {
        made = engine.embed(asked) => made,
        () = gateway.cut().wait() => {
            Err(Fault::unavailable("the server stopped before the answer was complete"))
        }
        () = tokio::time::sleep(limit) => {
            Err(Fault::deadline(format!("the answer took longer than {limit:?}")))
        }
    }
}

fn convert(
    body: &mut api::EmbeddingRequest,
    limits: &Limits,
    card: &ModelCard,
) -> Result<EmbedRequest, Fault> {
    let inputs = prompts("input", std::mem::take(&mut body.input), limits, card)?;
    let single = inputs.len() == 1;
    if let Some(place) = inputs
        .iter()
        .position(|input| matches!(input, Prompt::Text(text) if text.is_empty()))
    {
        let param = if single {
            "input".to_owned()
        } else {
            format!("input[{place}]")
        };
        return Err(Fault::invalid(format!("`{param}` is empty, expected a text")).with_param(param));
    }
    let dimensions = match body.dimensions {
        None => None,
        Some(count) => Some(
            usize::try_from(count)
                .ok()
                .filter(|count| (1..=card.embedding_length).contains(count))
                .ok_or_else(|| {
                    Fault::invalid(format!(
                        "`dimensions` is {count}, expected a whole number from 1 to {}",
                        card.embedding_length
                    ))
                    .with_param("dimensions")
                    .with_code("invalid_value")
                })?,
        ),
    };
    Ok(EmbedRequest { inputs, dimensions })
}

fn encoding(name: Option<&str>) -> Result<Encoding, Fault> {
    match name {
        None | Some("float") => Ok(Encoding::Float),
        Some("base64") => Ok(Encoding::Base64),
        Some(other) => Err(Fault::invalid(format!(
            "`encoding_format` is `{}`, expected `float` or `base64`",
            other.chars().take(40).collect::<String>()
        ))
        .with_param("encoding_format")
        .with_code("invalid_value")),
    }
}

/// Base64 of the little-endian bytes.
fn base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
