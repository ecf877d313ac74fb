//! A gateway on a free port, for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidegate_base::{Shutdown, SystemClock};
use tidegate_engine::{Engine, StaticCatalog};
use tidegate_gateway::{Config, Drained, Readiness, Server};
use tidegate_telemetry::{Build, Telemetry};
use tidegate_testkit::Scripted;
use tokio::task::JoinHandle;

/// A running gateway.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) readiness: Readiness,
    pub(crate) shutdown: Shutdown,
    pub(crate) telemetry: Telemetry,
    pub(crate) served: JoinHandle<Drained>,
}

/// A gateway with these settings in front of these engines.
pub(crate) async fn open(config: Config, engines: &[&Scripted]) -> House {
    let engines = engines
        .iter()
        .map(|engine| Arc::new(Scripted::clone(engine)) as Arc<dyn Engine>);
    let readiness = Readiness::ready();
    let telemetry = telemetry();
    let config = Config {
        listen: "127.0.0.1:0".to_owned(),
        ..config
    };
    let catalog = Arc::new(StaticCatalog::new(engines));
    let server = Server::bind(config, catalog, readiness.clone(), telemetry.clone())
        .await
        .unwrap();
    let (address, shutdown) = (server.local_addr(), Shutdown::new());
    let tasks = tidegate_base::Tasks::new();
    let served = tasks.spawn({
        let shutdown = shutdown.clone();
        async move { server.serve(shutdown).await }
    });
    House {
        address,
        readiness,
        shutdown,
        telemetry,
        served,
    }
}

/// Fresh metrics.
pub(crate) fn telemetry() -> Telemetry {
    let build = Build {
        version: "1.2.3".to_owned(),
        commit: "abc".to_owned(),
    };
    Telemetry::new(Arc::new(SystemClock::new()), build)
}

/// A gateway with the default settings.
pub(crate) async fn plain(engine: &Scripted) -> House {
    open(Config::default(), &[engine]).await
}

impl House {
    /// Waits until `condition` holds, at most `limit`.
    pub(crate) async fn until(&self, limit: Duration, condition: impl Fn() -> bool) -> bool {
        let waiting = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(limit, waiting).await.is_ok()
    }
}
