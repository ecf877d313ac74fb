//! The listener, its connections and their end.

/// One connection, from accept to close.
mod connection;
/// A socket that does not wait for ever.
mod socket;

pub(crate) use socket::Pace;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tidegate_base::Shutdown;
use tidegate_engine::Catalog;
use tidegate_telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config::{Config, Mistake};
use crate::events::{AcceptFailed, CutOff, Stopping};
use crate::readiness::Readiness;
use crate::routes::{Gateway, routes};
use connection::Connections;

/// How long requests that were cut off have to write their last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long to wait after a connection could not be accepted (no file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The port could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The settings are wrong.
    #[error("the gateway's settings are wrong: {}", joined(.0))]
    Config(Vec<Mistake>),
    /// The system refused.
    #[error("failed to listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

fn joined(mistakes: &[Mistake]) -> String {
    let texts: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every request was answered in full.
    Complete,
    /// The deadline passed and this many requests were cut off.
    CutOff {
        /// How many.
        requests: i64,
    },
}

/// A server that has its port. Connections wait in the system's queue until [`Server::serve`] runs.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    gateway: Gateway,
    mounted: Router,
}

impl Server {
    /// Checks the settings and takes the port.
    pub async fn bind(
        config: Config,
        catalog: Arc<dyn Catalog>,
        readiness: Readiness,
        telemetry: Telemetry,
    ) -> Result<Self, BindError> {
        let mistakes = config.validate();
        let address = match config.address() {
            Some(address) if mistakes.is_empty() => address,
            _ => return Err(BindError::Config(mistakes)),
        };
        let failed = |source| BindError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        Ok(Self {
            address: listener.local_addr().map_err(failed)?,
            listener,
            gateway: Gateway::new(config, catalog, readiness, telemetry),
            mounted: Router::new(),
        })
    }

    /// Adds another service's routes, behind the same identity and limits.
    #[must_use]
    pub fn mount(mut self, more: Router) -> Self {
        self.mounted = self.mounted.merge(more);
        self
    }

    /// The address with its real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is triggered; then stops accepting, lets open requests finish until the
    /// drain deadline, and cuts off the rest with an error.
    pub async fn serve(self, shutdown: Shutdown) -> Drained {
        let Self {
            listener,
            gateway,
            mounted,
            ..
        } = self;
        let router = routes(&gateway, mounted);
        let connections = Connections::new(gateway.clone(), router);
        accept(&listener, &gateway, &connections, &shutdown).await;
        drop(listener);
        drain(&gateway, &connections).await
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Takes connections until some time after the shutdown signal.
async fn accept(listener: &TcpListener, gateway: &Gateway, connections: &Connections, shutdown: &Shutdown) {
    let notice = gateway.config().timeouts.drain_notice;
    let stop = async {
        shutdown.wait().await;
        gateway.readiness().set_draining();
        tokio::time::sleep(notice).await;
    };
    let places = Arc::new(Semaphore::new(gateway.config().limits.connections));
    let take = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => connections.spawn(stream, place),
                Err(error) => {
                    AcceptFailed { error: &error }.emit();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = stop => {}
        () = take => {}
    }
}

async fn drain(gateway: &Gateway, connections: &Connections) -> Drained {
    let open = &gateway.telemetry().metrics().requests_in_flight;
    let deadline = gateway.config().timeouts.drain;
    Stopping {
        requests: open.get(),
        deadline,
    }
    .emit();
    connections.close_idle();
    if gateway.tasks().drain(deadline).await {
        return Drained::Complete;
    }
    let requests = open.get();
    CutOff { requests }.emit();
    gateway.cut().trigger();
    if !gateway.tasks().drain(LAST_WORDS).await {
        connections.close_all();
        gateway.tasks().drain(LAST_WORDS).await;
    }
    if requests == 0 {
        // Only connections were open, that is clients who did not hang up.
        return Drained::Complete;
    }
    Drained::CutOff { requests }
}
