//! Request bodies: their size and their pace.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use tidegate_base::{ByteSize, Fault, Origin, Tasks};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config::{Limits, Timeouts};

/// How long the rest of a body that is too large is read away, so that the client, which is still
/// sending, gets to read the answer before the connection is reset.
const LINGER: Duration = Duration::from_secs(2);

/// How much memory is set aside at once for a body that only claims to be large.
const TRUST: usize = 1 << 20;

/// Memory for the bodies of all requests that are being read.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// The part of the budget that one body takes, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    covered: usize,
}

/// What one permit stands for, in bytes: the budget is counted coarsely.
const PERMIT: usize = 4096;

impl Budget {
    /// A budget of this many bytes.
    pub(crate) fn new(bytes: ByteSize) -> Self {
        let permits = (bytes.as_usize() / PERMIT + 1).min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(permits)))
    }

    fn share(&self) -> Share {
        Share {
            budget: Arc::clone(&self.0),
            held: None,
            covered: 0,
        }
    }
}

impl Share {
    /// Grows to cover `bytes`.
    fn cover(&mut self, bytes: usize) -> Result<(), Fault> {
        if bytes <= self.covered {
            return Ok(());
        }
        let permits = (bytes - self.covered).div_ceil(PERMIT);
        let more = u32::try_from(permits)
            .ok()
            .and_then(|permits| Arc::clone(&self.budget).try_acquire_many_owned(permits).ok())
            .ok_or_else(|| {
                Fault::overloaded(
                    "the server has no memory left for more request bodies",
                    Duration::from_secs(1),
                )
            })?;
        self.covered += permits * PERMIT;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

/// Reads a body that keeps to the limits. Its share of the budget comes with it, to be held while the
/// body is.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limits: &Limits,
    timeouts: &Timeouts,
    budget: &Budget,
    tasks: &Tasks,
) -> Result<(Bytes, Share), Fault> {
    let mut share = budget.share();
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
        share.cover(read + data.len())?;
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
        return Ok((first, share));
    }
    Ok(([first, rest.freeze()].concat().into(), share))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_a_budget_and_give_it_back() {
        let budget = Budget::new(ByteSize(10 * PERMIT as u64));
        let (mut one, mut two) = (budget.share(), budget.share());
        one.cover(1).unwrap();
        one.cover(6 * PERMIT).unwrap();
        two.cover(5 * PERMIT).unwrap();
        assert!(two.cover(6 * PERMIT).is_err());
        drop(one);
        two.cover(11 * PERMIT).unwrap();
        assert!(two.cover(12 * PERMIT).is_err());
    }
}
