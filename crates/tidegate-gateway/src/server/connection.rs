//! One connection, from accept to close.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tidegate_base::{Shutdown, Tasks};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tower::ServiceExt;

use super::socket::{Pace, Socket};
use crate::config::Config;
use crate::routes::Gateway;

/// How often an HTTP/2 client is asked whether it still lives, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);

/// How much of one HTTP/2 stream is held back for a client that grants no window.
const SEND_BUFFER: usize = 64 << 10;

/// Runs connections.
pub(super) struct Connections {
    gateway: Gateway,
    router: Router,
    builder: Builder<TaskExecutor>,
    closing: Shutdown,
    killing: Shutdown,
}

impl Connections {
    pub(super) fn new(gateway: Gateway, router: Router) -> Self {
        Self {
            builder: builder(gateway.config(), gateway.tasks().clone()),
            gateway,
            router,
            closing: Shutdown::new(),
            killing: Shutdown::new(),
        }
    }

    /// Closes each connection when its open requests are answered.
    pub(super) fn close_idle(&self) {
        self.closing.trigger();
    }

    /// Closes every connection now.
    pub(super) fn close_all(&self) {
        self.killing.trigger();
    }

    /// Serves one connection; `place` is given back at its end.
    pub(super) fn spawn(&self, stream: TcpStream, place: OwnedSemaphorePermit) {
        let (builder, router) = (self.builder.clone(), self.router.clone());
        let (closing, killing) = (self.closing.clone(), self.killing.clone());
        let gateway = self.gateway.clone();
        drop(self.gateway.tasks().spawn(async move {
            gateway.telemetry().metrics().connections.inc();
            serve(&gateway, stream, &builder, router, closing, killing).await;
            gateway.telemetry().metrics().connections.dec();
            drop(place);
        }));
    }
}

async fn serve(
    gateway: &Gateway,
    stream: TcpStream,
    builder: &Builder<TaskExecutor>,
    router: Router,
    closing: Shutdown,
    killing: Shutdown,
) {
    // Without it small events wait for the acknowledgement of the ones before.
    drop(stream.set_nodelay(true));
    let pace = Arc::new(Pace::default());
    let socket = Socket::new(
        stream,
        Arc::clone(&pace),
        &gateway.config().timeouts,
        gateway.telemetry().metrics(),
    );
    let service = service_fn(move |mut request: Request<Incoming>| {
        pace.request_began(request.version());
        request.extensions_mut().insert(Arc::clone(&pace));
        let router = router.clone();
        async move {
            let answered: Result<_, Infallible> = router.oneshot(request.map(Body::new)).await;
            answered
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    tokio::select! {
        // A client that breaks the protocol or vanishes is not our error.
        _ = connection.as_mut() => return,
        () = closing.wait() => connection.as_mut().graceful_shutdown(),
        () = killing.wait() => return,
    }
    tokio::select! {
        _ = connection.as_mut() => {}
        () = killing.wait() => {}
    }
}

fn builder(config: &Config, tasks: Tasks) -> Builder<TaskExecutor> {
    let mut builder = Builder::new(TaskExecutor(tasks));
    let header_bytes = config.limits.header_bytes.as_usize();
    builder
        .http1()
        .timer(TokioTimer::new())
        // This clock also runs between requests; the socket watches the header itself.
        .header_read_timeout(config.timeouts.idle)
        .max_headers(config.limits.header_count)
        .max_buf_size(header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(config.limits.streams)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER);
    builder
}

/// Runs HTTP/2 streams where shutdown waits for them.
#[derive(Debug, Clone)]
struct TaskExecutor(Tasks);

impl<F> Executor<F> for TaskExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(self.0.spawn(future));
    }
}
