//! Who may call: one key for everyone, compared in constant time.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;
use tidegate_base::{Fault, FaultKind};

use crate::config::Secret;

/// Lets a request pass that carries `key` as its bearer token.
pub(crate) fn check(key: Option<&Secret>, headers: &HeaderMap) -> Result<(), Fault> {
    let Some(key) = key else {
        return Ok(());
    };
    let refusal = |text: &str| {
        let mut fault = Fault::invalid(text);
        fault.kind = FaultKind::Unauthenticated;
        fault
    };
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Err(refusal(
            "no API key came with this request: expected the header `Authorization: Bearer KEY`",
        ));
    };
    let (scheme, token) = header.as_bytes().split_at(header.len().min(7));
    if scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(token.ct_eq(key.expose().as_bytes())) {
        Ok(())
    } else {
        Err(refusal("the API key of this request is not valid"))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_key_passes() {
        let key = Secret::new("k-1");
        for (header, passes) in [
            (Some("Bearer k-1"), true),
            (Some("bearer k-1"), true),
            (Some("Bearer k-2"), false),
            (Some("Bearer k-1 "), false),
            (Some("Bearer"), false),
            (Some("Basic k-1"), false),
            (Some(""), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
            }
            assert_eq!(check(Some(&key), &headers).is_ok(), passes, "{header:?}");
            assert!(check(None, &headers).is_ok());
        }
    }
}
