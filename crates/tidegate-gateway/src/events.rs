//! What is logged and counted: one type for each kind of event, so that the log line and the metric
//! cannot drift apart.

use std::time::Duration;

use tidegate_telemetry::Telemetry;
use tidegate_telemetry::metrics::Generation;

/// A request ended, in whatever way.
#[derive(Debug, Default)]
pub(crate) struct RequestEnded {
    pub(crate) request_id: String,
    pub(crate) method: String,
    /// The path, made plain by [`plain_path`].
    pub(crate) path: String,
    /// The route that served it, or empty.
    pub(crate) route: String,
    /// The model that answered, or empty. Always a name from the catalog.
    pub(crate) model: String,
    /// The GenAI convention's word for what was done, or empty.
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    /// `complete`, or how it ended early.
    pub(crate) outcome: Outcome,
    pub(crate) bytes_sent: u64,
    /// What the log should know of an error.
    pub(crate) error: Option<String>,
    pub(crate) generation: Generation,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The client went away.
    #[default]
    Gone,
    /// The whole answer was handed over.
    Complete,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Gone => "client_gone",
        }
    }
}

impl RequestEnded {
    pub(crate) fn emit(&self, telemetry: &Telemetry, duration: Duration) {
        let metrics = telemetry.metrics();
        let route = if self.route.is_empty() {
            "other"
        } else {
            &self.route
        };
        metrics.request_ended(route, self.status, &self.model, duration);
        if !self.operation.is_empty() && !self.model.is_empty() {
            let generation = Generation {
                duration,
                ..self.generation
            };
            metrics.generation_ended(self.operation, &self.model, &generation);
        }
        self.log(duration);
    }

    fn log(&self, duration: Duration) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.request_id,
                    method = self.method,
                    path = self.path,
                    model = self.model,
                    status = self.status,
                    outcome = self.outcome.word(),
                    duration_ms = milliseconds(duration),
                    first_token_ms = self.generation.first_token.map(milliseconds),
                    prompt_tokens = self.generation.prompt_tokens,
                    cached_tokens = self.generation.cached_tokens,
                    completion_tokens = self.generation.completion_tokens,
                    bytes_sent = self.bytes_sent,
                    error = self.error,
                    "Request ended."
                )
            };
        }
        match (self.status, self.route.as_str()) {
            (500.., _) => line!(error),
            (_, "/healthz" | "/readyz" | "/metrics") => line!(debug),
            _ => line!(info),
        }
    }
}

/// The longest path that a log line repeats.
const PATH_MAX: usize = 200;

/// A path from outside that cannot paint a terminal or fill a log.
pub(crate) fn plain_path(path: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    path.chars().take(PATH_MAX).map(plain).collect()
}

/// Milliseconds with three decimals.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A handler or an engine panicked; the request got an error answer and the server goes on.
pub(crate) struct Panicked<'a> {
    pub(crate) message: &'a str,
}

impl Panicked<'_> {
    pub(crate) fn emit(&self, telemetry: &Telemetry) {
        telemetry.metrics().panics.inc();
        tracing::error!(error = ?self.message, "A request panicked.");
    }
}

/// The server began to stop, or has stopped.
pub(crate) struct Stopping {
    pub(crate) requests: i64,
    pub(crate) deadline: Duration,
}

impl Stopping {
    pub(crate) fn emit(&self) {
        tracing::info!(
            requests_in_flight = self.requests,
            deadline_ms = milliseconds(self.deadline),
            "The server stops accepting connections and finishes open requests."
        );
    }
}

/// Open requests did not finish in time.
pub(crate) struct CutOff {
    pub(crate) requests: i64,
}

impl CutOff {
    pub(crate) fn emit(&self) {
        tracing::warn!(
            requests_in_flight = self.requests,
            "The drain deadline passed; open requests are cut off."
        );
    }
}

/// The listener could not take a connection.
pub(crate) struct AcceptFailed<'a> {
    pub(crate) error: &'a std::io::Error,
}

impl AcceptFailed<'_> {
    pub(crate) fn emit(&self) {
        tracing::warn!(error = %self.error, "A connection could not be accepted.");
    }
}
