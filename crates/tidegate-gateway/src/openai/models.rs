//! `GET /v1/models` and `GET /v1/models/{id}`.

use axum::extract::{Path, State};
use axum::response::Response;
use tidegate_api::openai::{ModelAnswer, ModelList};
use tidegate_engine::ModelCard;

use super::respond;
use crate::reply::openai::Failure;
use crate::routes::Gateway;

/// Every model.
pub(crate) async fn list(State(gateway): State<Gateway>) -> Result<Response, Failure> {
    let cards = gateway.catalog().list();
    Ok(respond(&ModelList {
        object: "list",
        data: cards.iter().map(model).collect(),
    })?)
}

/// One model. Its name may contain slashes.
pub(crate) async fn one(State(gateway): State<Gateway>, Path(id): Path<String>) -> Result<Response, Failure> {
    let engine = gateway.engine(&id)?;
    Ok(respond(&model(engine.card()))?)
}

fn model(card: &ModelCard) -> ModelAnswer<'_> {
    ModelAnswer {
        id: &card.name,
        object: "model",
        created: card.created,
        owned_by: "tidegate",
        context_length: card.context_length,
        architecture: &card.architecture,
    }
}
