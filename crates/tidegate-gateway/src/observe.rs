//! One access line, one count and one request id for each request; panics become answers.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tidegate_base::Fault;
use tidegate_telemetry::Telemetry;
use tidegate_telemetry::metrics::Generation;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::answer::panic_message;
use crate::events::{Outcome, Panicked, RequestEnded, plain_path};
use crate::reply::openai::{Failure, Logged};
use crate::routes::Gateway;
use crate::server::Pace;

/// The header that carries the request id in both directions.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken over from a client.
const REQUEST_ID_MAX: usize = 128;

/// What one request will be remembered for. The access line is written when the last holder lets go:
/// the handler, the answer's body, or the connection that was lost.
#[derive(Debug)]
pub(crate) struct Record {
    telemetry: Telemetry,
    started: Duration,
    event: Mutex<RequestEnded>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    /// Where the connection is, which is idle again at the end.
    pace: Option<Arc<Pace>>,
}

impl Record {
    fn new(telemetry: Telemetry, event: RequestEnded, pace: Option<Arc<Pace>>) -> Self {
        telemetry.metrics().requests_in_flight.inc();
        Self {
            started: telemetry.clock().monotonic(),
            telemetry,
            event: Mutex::new(event),
            permit: Mutex::new(None),
            pace,
        }
    }

    /// When the request came, on the telemetry's monotonic clock.
    pub(crate) fn started(&self) -> Duration {
        self.started
    }

    /// Names the model (from the catalog) and what is done with it.
    pub(crate) fn set_model(&self, model: &str, operation: &'static str) {
        let mut event = self.event.lock();
        model.clone_into(&mut event.model);
        event.operation = operation;
    }

    /// Keeps the place that this request takes until it ends.
    pub(crate) fn hold(&self, permit: OwnedSemaphorePermit) {
        *self.permit.lock() = Some(permit);
    }

    /// Notes what was measured.
    pub(crate) fn set_generation(&self, generation: Generation) {
        self.event.lock().generation = generation;
    }

    /// Notes an error for the log.
    pub(crate) fn set_error(&self, error: String) {
        self.event.lock().error = Some(error);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let metrics = self.telemetry.metrics();
        metrics.requests_in_flight.dec();
        if let Some(pace) = &self.pace {
            pace.request_ended();
        }
        let duration = self.telemetry.clock().monotonic().saturating_sub(self.started);
        self.event.get_mut().emit(&self.telemetry, duration);
    }
}

/// The middleware around every route.
pub(crate) async fn observe(State(gateway): State<Gateway>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>();
    let record = Arc::new(Record::new(
        gateway.telemetry().clone(),
        RequestEnded {
            request_id: id.to_str().unwrap_or_default().to_owned(),
            method: request.method().to_string(),
            path: plain_path(request.uri().path()),
            route: route.map(|route| route.as_str().to_owned()).unwrap_or_default(),
            // What nginx writes for a client that left before the answer.
            status: 499,
            ..RequestEnded::default()
        },
        request.extensions().get().cloned(),
    ));
    request.extensions_mut().insert(Arc::clone(&record));
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|panic| {
        let message = panic_message(&*panic);
        Panicked { message: &message }.emit(gateway.telemetry());
        Failure(Fault::internal(format!("the handler panicked: {message}"))).into_response()
    });
    if let Some(Logged(error)) = response.extensions_mut().remove() {
        record.set_error(error);
    }
    record.event.lock().status = response.status().as_u16();
    response.headers_mut().insert(REQUEST_ID, id);
    response.map(|body| Body::new(Observed::new(body, record)))
}

/// The client's id if it is short and plain, else a fresh one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|value| {
        let bytes = value.as_bytes();
        (1..=REQUEST_ID_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    });
    given.cloned().unwrap_or_else(|| {
        let fresh = format!("req_{}", Uuid::now_v7().simple());
        HeaderValue::try_from(fresh).unwrap_or(HeaderValue::from_static("req"))
    })
}

/// A body that notes how much of it was sent and whether it came to its end.
struct Observed {
    inner: Body,
    record: Arc<Record>,
}

impl Observed {
    fn new(inner: Body, record: Arc<Record>) -> Self {
        let observed = Self { inner, record };
        observed.note(0);
        observed
    }

    fn note(&self, bytes: usize) {
        let mut event = self.record.event.lock();
        event.bytes_sent += bytes as u64;
        if self.inner.is_end_stream() {
            event.outcome = Outcome::Complete;
        }
    }
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => self.note(frame.data_ref().map_or(0, Bytes::len)),
            Poll::Ready(None) => self.record.event.lock().outcome = Outcome::Complete,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_plain_request_ids_are_taken_over() {
        for (given, taken) in [
            ("abc-123", true),
            ("", false),
            ("with space", false),
            (&"x".repeat(129), false),
            ("tab\there", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
            assert_eq!(request_id(&headers) == given, taken, "{given:?}");
        }
    }
}
