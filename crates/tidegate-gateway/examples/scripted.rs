//! A gateway in front of an engine that follows a script: `cargo run --example scripted -- 8000`.
//! Stock clients are tried against it.
#![forbid(unsafe_code)]

use std::sync::Arc;

use tidegate_base::{Shutdown, SystemClock};
use tidegate_engine::{Engine, StaticCatalog};
use tidegate_gateway::{Config, Readiness, Server};
use tidegate_telemetry::{Build, LogConfig, Telemetry, logs};
use tidegate_testkit::demo;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _logs = logs::init(&LogConfig::default())?;
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".to_owned());
    let config = Config {
        listen: format!("127.0.0.1:{port}"),
        ..Config::default()
    };
    let catalog = StaticCatalog::new([Arc::new(demo::engine("demo")) as Arc<dyn Engine>]);
    let build = Build {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: String::new(),
    };
    let telemetry = Telemetry::new(Arc::new(SystemClock::new()), build);
    let server = Server::bind(config, Arc::new(catalog), Readiness::ready(), telemetry).await?;
    tracing::info!(address = %server.local_addr(), "The server listens.");
    let shutdown = Shutdown::new();
    let interrupted = async {
        drop(tokio::signal::ctrl_c().await);
        shutdown.trigger();
    };
    let (drained, ()) = tokio::join!(server.serve(shutdown.clone()), interrupted);
    tracing::info!(?drained, "The server stopped.");
    Ok(())
}
