//! Errors as OpenAI's clients read them. The one place where a [`Fault`] becomes JSON and a status.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use tidegate_api::openai::{ErrorAnswer, ErrorBody};
use tidegate_base::{Fault, FaultKind, Origin, Retry};

/// A fault on its way to the client.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Fault);

/// What the log should know; travels in the response's extensions to the access line.
#[derive(Debug, Clone)]
pub(crate) struct Logged(pub(crate) String);

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let fault = self.0;
        let status = status(&fault);
        let mut response = (
            status,
            [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            body(&fault),
        )
            .into_response();
        let headers = response.headers_mut();
        match fault.retry {
            Retry::After(time) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(time)));
            }
            // OpenAI's clients repeat a request after 408, 409, 429 and 5xx unless told otherwise.
            Retry::Never if status.as_u16() >= 408 => {
                headers.insert("x-should-retry", HeaderValue::from_static("false"));
            }
            Retry::Never | Retry::Now => {}
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Logged(describe(&fault)));
        response
    }
}

/// Appends the event that ends a stream with an error.
pub(crate) fn write_event(fault: &Fault, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: error\ndata: ");
    out.extend_from_slice(&body(fault));
    out.extend_from_slice(b"\n\n");
}

/// The fault with its causes, for the log.
pub(crate) fn describe(fault: &Fault) -> String {
    let mut text = fault.to_string();
    if let Some(param) = &fault.param
        && !text.contains(param.as_str())
    {
        text = format!("`{param}`: {text}");
    }
    let mut cause = std::error::Error::source(fault);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn body(fault: &Fault) -> Vec<u8> {
    let message = match &fault.hint {
        Some(hint) => format!("{}\n{hint}", fault.public),
        None => fault.public.clone(),
    };
    let (kind, code) = class(fault);
    serde_json::to_vec(&ErrorAnswer {
        error: ErrorBody {
            message: &message,
            kind,
            param: fault.param.as_deref(),
            code: fault.code.or(code),
        },
    })
    .unwrap_or_default()
}

/// OpenAI's word for the class of error, and a code for where the fault has none.
fn class(fault: &Fault) -> (&'static str, Option<&'static str>) {
    match fault.kind {
        FaultKind::Invalid => ("invalid_request_error", None),
        FaultKind::NotFound => ("invalid_request_error", Some("not_found")),
        FaultKind::TooLarge => ("invalid_request_error", Some("request_too_large")),
        FaultKind::Unsupported => ("invalid_request_error", Some("unsupported")),
        FaultKind::Unauthenticated => ("invalid_request_error", Some("invalid_api_key")),
        FaultKind::Forbidden => ("invalid_request_error", Some("forbidden")),
        FaultKind::Overloaded => ("rate_limit_error", Some("rate_limit_exceeded")),
        FaultKind::Unavailable => ("server_error", Some("service_unavailable")),
        FaultKind::Deadline if fault.origin == Origin::Client => ("invalid_request_error", Some("timeout")),
        FaultKind::Deadline => ("server_error", Some("timeout")),
        FaultKind::Cancelled => ("server_error", Some("cancelled")),
        FaultKind::Internal => ("server_error", Some("internal_error")),
    }
}

fn status(fault: &Fault) -> StatusCode {
    match (fault.kind, fault.origin) {
        (FaultKind::Invalid | FaultKind::Unsupported, _) => StatusCode::BAD_REQUEST,
        (FaultKind::Unauthenticated, _) => StatusCode::UNAUTHORIZED,
        (FaultKind::Forbidden, _) => StatusCode::FORBIDDEN,
        (FaultKind::NotFound, _) => StatusCode::NOT_FOUND,
        (FaultKind::TooLarge, _) => StatusCode::PAYLOAD_TOO_LARGE,
        (FaultKind::Overloaded, _) => StatusCode::TOO_MANY_REQUESTS,
        (FaultKind::Unavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
        (FaultKind::Deadline, Origin::Client) | (FaultKind::Cancelled, _) => StatusCode::REQUEST_TIMEOUT,
        (FaultKind::Deadline, _) => StatusCode::GATEWAY_TIMEOUT,
        (FaultKind::Internal, _) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Whole seconds, rounded up, at least one.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_status() {
        for (fault, expected) in [
            (Fault::invalid("x"), 400),
            (Fault::unsupported("x"), 400),
            (Fault::not_found("x"), 404),
            (Fault::too_large("x"), 413),
            (Fault::overloaded("x", Duration::from_millis(1200)), 429),
            (Fault::internal("x"), 500),
            (Fault::unavailable("x"), 503),
            (Fault::deadline("x"), 504),
        ] {
            assert_eq!(status(&fault).as_u16(), expected, "{fault:?}");
        }
    }

    #[test]
    fn retry_after_is_whole_seconds_rounded_up() {
        let response = Failure(Fault::overloaded("full", Duration::from_millis(1200))).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        let response = Failure(Fault::overloaded("full", Duration::ZERO)).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "1");
    }

    #[test]
    fn details_stay_inside() {
        let text = String::from_utf8(body(&Fault::internal("page 7 freed twice"))).unwrap();
        assert!(!text.contains("page 7"), "{text}");
    }
}
