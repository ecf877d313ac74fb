//! Request bodies: their size and their pace.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use tidegate_base::{Fault, Origin, Tasks};
use tokio::time::Instant;

use crate::config::{Limits, Timeouts};

/// How long the rest of a body that is too large is read away, so that the client, which is still
/// sending, gets to read the answer before the connection is reset.
const LINGER: Duration = Duration::from_secs(2);

/// How much memory is set aside at once for a body that only claims to be large.
const TRUST: usize = 1 << 20;

/// Reads a body that keeps to the limits.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limits: &Limits,
    timeouts: &Timeouts,
    tasks: &Tasks,
) -> Result<Bytes, Fault> {
    let limit = limits.body.as_usize();
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limits, body, tasks));
    }
    let start = Instant::now();
    let mut first = None;
    let mut rest = BytesMut::new();
    loop {
        let read = first.as_ref().map_or(0, Bytes::len) + rest.len();
        let deadline = start + allowance(read, timeouts);
        let Ok(frame) = tokio::time::timeout_at(deadline, body.frame()).await else {
            return Err(too_slow(read, timeouts));
        };
        let data = match frame {
            None => break,
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(error)) => {
                return Err(Fault::cancelled("the request body ended early").with_source(error));
            }
        };
        if read + data.len() > limit {
            return Err(too_large(limits, body, tasks));
        }
        match &first {
            None => first = Some(data),
            Some(_) => {
                if rest.is_empty() {
                    rest.reserve(declared.unwrap_or(0).min(TRUST));
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    // Most bodies are one frame, which needs no copy.
    let first = first.unwrap_or_default();
    if rest.is_empty() {
        return Ok(first);
    }
    Ok([first, rest.freeze()].concat().into())
}

/// How long a client may take for its first `read` bytes.
fn allowance(read: usize, timeouts: &Timeouts) -> Duration {
    let seconds = read as u64 / timeouts.body_rate.0.max(1);
    timeouts.body + Duration::from_secs(seconds)
}

fn too_slow(read: usize, timeouts: &Timeouts) -> Fault {
    let mut fault = Fault::deadline(format!(
        "the request body came too slowly: {read} bytes in {:?}",
        allowance(read, timeouts)
    ));
    fault.origin = Origin::Client;
    fault
}

fn too_large(limits: &Limits, mut body: Body, tasks: &Tasks) -> Fault {
    drop(tasks.spawn(async move {
        let read_away = async { while let Some(Ok(_)) = body.frame().await {} };
        drop(tokio::time::timeout(LINGER, read_away).await);
    }));
    Fault::too_large(format!(
        "the request body is larger than the limit of {}",
        limits.body
    ))
    .with_hint("The limit is the setting `limits.body` of the server.")
}
