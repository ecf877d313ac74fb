//! What the process tells about itself: structured logs, and metrics for Prometheus.
#![forbid(unsafe_code)]

/// Logs: text for people, JSON for machines.
pub mod logs;
/// The metrics of the house and the page that shows them.
pub mod metrics;
/// What the operating system says about this process.
pub mod process;

pub use logs::{Colour, LogConfig, LogError, LogFormat};
pub use metrics::Metrics;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tidegate_base::Clock;

/// The media type of [`Telemetry::page`].
pub const PAGE_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What this program is: the labels of `tidegate_build_info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The version of the program.
    pub version: String,
    /// The commit that it was built from, or empty.
    pub commit: String,
}

/// The one handle through which everything is measured. Cloning it is cheap.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    build: Build,
    metrics: Metrics,
    registry: Mutex<Registry>,
}

impl Telemetry {
    /// Fresh metrics, all zero.
    pub fn new(clock: Arc<dyn Clock>, build: Build) -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, &build);
        registry.register_collector(Box::new(process::ProcessCollector::new(clock.unix())));
        Self(Arc::new(Inner {
            clock,
            build,
            metrics,
            registry: Mutex::new(registry),
        }))
    }

    /// The clock that everything is measured with.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// What this program is.
    pub fn build(&self) -> &Build {
        &self.0.build
    }

    /// The metrics of the house.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Adds metrics that a service owns itself.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.0.registry.lock());
    }

    /// Every metric in OpenMetrics text.
    pub fn page(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &self.0.registry.lock())?;
        Ok(page)
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("build", &self.0.build)
            .finish_non_exhaustive()
    }
}
