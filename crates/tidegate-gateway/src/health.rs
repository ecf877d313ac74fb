//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use serde_json::json;
use tidegate_base::Fault;
use tidegate_engine::Catalog;
use tidegate_telemetry::PAGE_TYPE;

use crate::readiness::State as Ready;
use crate::reply::openai::Failure;
use crate::routes::Gateway;

/// The process lives.
pub(crate) async fn healthz() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// Whether requests should be sent here, and why not.
pub(crate) async fn readyz(State(gateway): State<Gateway>) -> Response {
    let state = gateway.readiness().state();
    let status = if state == Ready::Ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({"ready": state == Ready::Ready, "state": state.word(), "reason": state.to_string()});
    (status, Json(body)).into_response()
}

/// Every metric.
pub(crate) async fn metrics(State(gateway): State<Gateway>) -> Response {
    match gateway.telemetry().page() {
        Ok(page) => ([(CONTENT_TYPE, PAGE_TYPE)], page).into_response(),
        Err(error) => {
            Failure(Fault::internal("the metrics could not be written").with_source(error)).into_response()
        }
    }
}

/// Reads the load of every engine each time the metrics are read.
#[derive(Debug)]
pub(crate) struct EngineCollector(pub(crate) Arc<dyn Catalog>);

impl Collector for EngineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let loads: Vec<_> = self
            .0
            .list()
            .into_iter()
            .filter_map(|card| Some((self.0.resolve(&card.name)?.load(), card.name)))
            .collect();
        let mut family = encoder.encode_descriptor(
            "tidegate_engine_sequences",
            "Sequences in the running batch and in the queue",
            None,
            MetricType::Gauge,
        )?;
        for (load, model) in &loads {
            for (state, count) in [("running", load.running), ("waiting", load.waiting)] {
                let labels = [("model", model.as_str()), ("state", state)];
                gauge(count).encode(family.encode_family(&labels)?)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "tidegate_engine_kv_pages",
            "Pages of the KV pool: used by sequences, kept as prefixes, and in all",
            None,
            MetricType::Gauge,
        )?;
        for (load, model) in &loads {
            for (state, count) in [
                ("used", load.pages_used),
                ("cached", load.pages_cached),
                ("total", load.pages_total),
            ] {
                let labels = [("model", model.as_str()), ("state", state)];
                gauge(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn gauge(count: usize) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX))
}
