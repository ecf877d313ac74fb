//! The metrics of the house. Names: `tidegate_<name>_<unit>[_total]`; what OpenTelemetry's GenAI
//! conventions name has their name, with dots as underscores.
//!
//! Every label has few values: routes come from the routing table, models from the catalog.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::Build;

/// Handles to every metric of the request path.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    request_duration: Family<RouteLabels, Histogram, fn() -> Histogram>,
    generation_duration: Family<GenAiLabels, Histogram, fn() -> Histogram>,
    time_to_first_token: Family<GenAiLabels, Histogram, fn() -> Histogram>,
    time_per_output_token: Family<GenAiLabels, Histogram, fn() -> Histogram>,
    tokens: Family<TokenLabels, Counter>,
    /// Requests whose answer is not complete.
    pub requests_in_flight: Gauge,
    /// Open connections.
    pub connections: Gauge,
    /// Bytes read from connections.
    pub bytes_received: Counter,
    /// Bytes written to connections.
    pub bytes_sent: Counter,
    /// Panics that became an error answer.
    pub panics: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GenAiLabels {
    gen_ai_operation_name: String,
    gen_ai_request_model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    model: String,
    kind: &'static str,
}

/// What one generation measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generation {
    /// From the request's arrival to its end.
    pub duration: Duration,
    /// From the request's arrival to the first token.
    pub first_token: Option<Duration>,
    /// Mean time between tokens after the first.
    pub per_token: Option<Duration>,
    /// Tokens read.
    pub prompt_tokens: usize,
    /// Of these, found in the prefix cache.
    pub cached_tokens: usize,
    /// Tokens written.
    pub completion_tokens: usize,
}

/// Seconds; from a cached answer to a long generation. The convention's own buckets for requests.
fn durations() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
    ])
}

/// Seconds for one token; the convention's own buckets.
fn token_durations() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
    ])
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry, build: &Build) -> Self {
        let metrics = Self {
            requests: Family::default(),
            request_duration: Family::new_with_constructor(durations),
            generation_duration: Family::new_with_constructor(durations),
            time_to_first_token: Family::new_with_constructor(durations),
            time_per_output_token: Family::new_with_constructor(token_durations),
            tokens: Family::default(),
            requests_in_flight: Gauge::default(),
            connections: Gauge::default(),
            bytes_received: Counter::default(),
            bytes_sent: Counter::default(),
            panics: Counter::default(),
        };
        metrics.register_gen_ai(registry);
        let house = registry.sub_registry_with_prefix("tidegate");
        let labels = vec![
            ("version", build.version.clone()),
            ("commit", build.commit.clone()),
        ];
        house.register("build", "What this program is", Info::new(labels));
        house.register("http_requests", "Requests that ended", metrics.requests.clone());
        house.register_with_unit(
            "http_request_duration",
            "Time from a request's arrival to the end of its answer",
            Unit::Seconds,
            metrics.request_duration.clone(),
        );
        house.register(
            "http_requests_in_flight",
            "Requests whose answer is not complete",
            metrics.requests_in_flight.clone(),
        );
        house.register(
            "http_connections",
            "Open connections",
            metrics.connections.clone(),
        );
        house.register(
            "http_received_bytes",
            "Bytes read from connections",
            metrics.bytes_received.clone(),
        );
        house.register(
            "http_sent_bytes",
            "Bytes written to connections",
            metrics.bytes_sent.clone(),
        );
        house.register(
            "panics",
            "Panics that became an error answer",
            metrics.panics.clone(),
        );
        house.register(
            "tokens",
            "Tokens read, found in the cache, and written",
            metrics.tokens.clone(),
        );
        metrics
    }

    fn register_gen_ai(&self, registry: &mut Registry) {
        for (name, help, family) in [
            (
                "gen_ai_server_request_duration",
                "Time from a generation's arrival to its end",
                &self.generation_duration,
            ),
            (
                "gen_ai_server_time_to_first_token",
                "Time from a generation's arrival to its first token",
                &self.time_to_first_token,
            ),
            (
                "gen_ai_server_time_per_output_token",
                "Mean time between the tokens of an answer after the first",
                &self.time_per_output_token,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, family.clone());
        }
    }

    /// Counts a request that ended. `model` is empty where none was found.
    pub fn request_ended(&self, route: &str, status: u16, model: &str, duration: Duration) {
        self.requests
            .get_or_create(&RequestLabels {
                route: route.to_owned(),
                status,
                model: model.to_owned(),
            })
            .inc();
        self.request_duration
            .get_or_create(&RouteLabels {
                route: route.to_owned(),
            })
            .observe(duration.as_secs_f64());
    }

    /// Counts a generation that ended. `operation` is the convention's word (`chat`).
    pub fn generation_ended(&self, operation: &str, model: &str, generation: &Generation) {
        let labels = GenAiLabels {
            gen_ai_operation_name: operation.to_owned(),
            gen_ai_request_model: model.to_owned(),
        };
        self.generation_duration
            .get_or_create(&labels)
            .observe(generation.duration.as_secs_f64());
        if let Some(first) = generation.first_token {
            self.time_to_first_token
                .get_or_create(&labels)
                .observe(first.as_secs_f64());
        }
        if let Some(each) = generation.per_token {
            self.time_per_output_token
                .get_or_create(&labels)
                .observe(each.as_secs_f64());
        }
        for (kind, count) in [
            ("prompt", generation.prompt_tokens),
            ("cached", generation.cached_tokens),
            ("completion", generation.completion_tokens),
        ] {
            self.tokens
                .get_or_create(&TokenLabels {
                    model: model.to_owned(),
                    kind,
                })
                .inc_by(count as u64);
        }
    }
}
