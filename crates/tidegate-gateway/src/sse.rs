//! A stream of events as a response body: coalesced, kept alive, ended in order.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_core::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Version};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt;
use tidegate_base::{Fault, Tasks};
use tidegate_engine::Event;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use crate::answer::Answer;
use crate::observe::Record;
use crate::reply;

/// Events that are ready at once share a write up to this size.
const COALESCE_BYTES: usize = 16 << 10;

/// How events are written.
pub(crate) trait Encode: Send + Unpin + 'static {
    /// Appends what `event` adds to the stream.
    fn event(&mut self, event: Event, out: &mut Vec<u8>) -> Result<(), Fault>;
    /// Appends what ends the stream.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Fault>;
}

/// How a stream is treated.
pub(crate) struct Manners {
    /// The silence after which a comment is sent.
    pub(crate) keep_alive: Duration,
    /// How long a client may leave the answer unread.
    pub(crate) write: Duration,
    /// Where a pump runs, if there must be one.
    pub(crate) tasks: Tasks,
    /// The protocol of the request.
    pub(crate) version: Version,
    /// The request's record.
    pub(crate) record: Arc<Record>,
}

/// The response that streams `answer`.
pub(crate) fn response(answer: Answer, encoder: impl Encode, manners: Manners) -> Response {
    let stream = SseBody {
        answer,
        encoder,
        done: false,
        keep_alive: Box::pin(tokio::time::sleep(manners.keep_alive)),
        interval: manners.keep_alive,
        spoke: Instant::now(),
        record: manners.record,
    };
    let body = if manners.version == Version::HTTP_2 {
        pump(stream, manners.write, &manners.tasks)
    } else {
        Body::new(stream)
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies of the nginx family hold streams back unless told otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct SseBody<E> {
    answer: Answer,
    encoder: E,
    done: bool,
    keep_alive: Pin<Box<Sleep>>,
    interval: Duration,
    spoke: Instant,
    record: Arc<Record>,
}

impl<E: Encode> SseBody<E> {
    /// Appends everything that is ready.
    fn gather(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) {
        while !self.done && out.len() < COALESCE_BYTES {
            let step = match Pin::new(&mut self.answer).poll_next(context) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(event))) => self.encoder.event(event, out),
                Poll::Ready(Some(Err(fault))) => Err(fault),
                Poll::Ready(None) => {
                    self.done = true;
                    self.encoder.end(out)
                }
            };
            if let Err(fault) = step {
                reply::openai::write_event(&fault, out);
                self.record.set_error(reply::openai::describe(&fault));
                self.done = true;
            }
        }
    }

    /// Whether the stream was silent for the whole interval.
    fn is_silent(&mut self, context: &mut Context<'_>) -> bool {
        while self.keep_alive.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            let due = self.spoke + self.interval;
            if now >= due {
                self.keep_alive.as_mut().reset(now + self.interval);
                return true;
            }
            self.keep_alive.as_mut().reset(due);
        }
        false
    }
}

impl<E: Encode> HttpBody for SseBody<E> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut out = Vec::new();
        self.gather(context, &mut out);
        if out.is_empty() {
            if self.done {
                return Poll::Ready(None);
            }
            if !self.is_silent(context) {
                return Poll::Pending;
            }
            out.extend_from_slice(b": keep-alive\n\n");
        }
        self.spoke = Instant::now();
        Poll::Ready(Some(Ok(Frame::data(out.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }
}

/// Moves a body through a task of its own. An HTTP/2 client that grants no window does not stall the
/// connection, so only the sender of the stream can see it.
fn pump(
    mut stream: impl HttpBody<Data = Bytes, Error = axum::Error> + Send + Unpin + 'static,
    stall: Duration,
    tasks: &Tasks,
) -> Body {
    let (sender, receiver) = mpsc::channel(1);
    drop(tasks.spawn(async move {
        loop {
            // The sender of a body cannot wait for a disconnect in any other way.
            let frame = tokio::select! {
                frame = stream.frame() => frame,
                () = sender.closed() => return,
            };
            let Some(Ok(frame)) = frame else {
                return;
            };
            if sender.send_timeout(frame, stall).await.is_err() {
                return;
            }
        }
    }));
    Body::new(Pumped { receiver })
}

struct Pumped {
    receiver: mpsc::Receiver<Frame<Bytes>>,
}

impl HttpBody for Pumped {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.receiver.poll_recv(context).map(|frame| frame.map(Ok))
    }
}
