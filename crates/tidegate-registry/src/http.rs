//! GET with our own redirects: the token goes to the hub and to nobody else.

use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode, Uri};

use crate::config::{Config, Secret};
use crate::digest::Digest;
use crate::error::PullError;

const REDIRECTS_MAX: usize = 8;

/// Asks servers for files.
pub(crate) struct Client {
    agent: ureq::Agent,
    hub: Option<Origin>,
    token: Option<Secret>,
}

/// The part of a file that is still wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest<'a> {
    /// The first byte that is missing.
    pub(crate) from: u64,
    /// The version that the bytes before it belong to.
    pub(crate) etag: Option<&'a str>,
}

/// An answer whose body is still to be read: status 200, 206 or 416.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ureq::Body,
    /// What the hub said the file's digest is, on whatever hop it said so.
    pub(crate) linked_digest: Option<Digest>,
}

/// Scheme, host and port: who gets the token.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    fn of(uri: &Uri) -> Option<Self> {
        let https = uri.scheme_str()?.eq_ignore_ascii_case("https");
        Some(Self {
            https,
            host: uri.host()?.to_ascii_lowercase(),
            port: uri.port_u16().unwrap_or(if https { 443 } else { 80 }),
        })
    }
}

impl Client {
    pub(crate) fn new(config: &Config) -> Self {
        let agent = ureq::Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(config.timeout))
            .timeout_recv_response(Some(config.timeout))
            .timeout_per_read(Some(config.timeout))
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build()
            .new_agent();
        Self {
            agent,
            hub: config.hub_endpoint.parse().ok().as_ref().and_then(Origin::of),
            token: config.hub_token.clone(),
        }
    }

    /// Fetches `url`, following redirects, from the byte that `rest` names.
    pub(crate) fn get(&self, url: &str, rest: Option<Rest<'_>>) -> Result<Reply, PullError> {
        let mut uri: Uri = url.parse().map_err(|_| redirect(url, "it is not an address"))?;
        let mut linked_digest = None;
        for _ in 0..=REDIRECTS_MAX {
            let (reply, token_sent) = self.once(&uri, rest)?;
            let (parts, body) = reply.into_parts();
            linked_digest = linked_digest.or_else(|| digest_header(&parts.headers));
            if !parts.status.is_redirection() || parts.status == StatusCode::NOT_MODIFIED {
                check_status(&uri, parts.status, &parts.headers, token_sent)?;
                return Ok(Reply {
                    status: parts.status,
                    headers: parts.headers,
                    body,
                    linked_digest,
                });
            }
            uri = follow(&uri, &parts.headers)?;
        }
        Err(redirect(url, "there are too many hops"))
    }

    /// The body of `url` as JSON, at most `limit` bytes of it.
    pub(crate) fn get_json(&self, url: &str, limit: u64) -> Result<serde_json::Value, PullError> {
        let mut reply = self.get(url, None)?;
        let text = reply
            .body
            .with_config()
            .limit(limit)
            .read_to_vec()
            .map_err(|source| network(url, source))?;
        serde_json::from_slice(&text).map_err(|error| PullError::Answer {
            url: shown(url),
            why: error.to_string(),
        })
    }

    fn once(
        &self,
        uri: &Uri,
        rest: Option<Rest<'_>>,
    ) -> Result<(ureq::http::Response<ureq::Body>, bool), PullError> {
        let mut request = self.agent.get(uri);
        let token = self
            .token
            .as_ref()
            .filter(|_| self.hub.is_some() && Origin::of(uri) == self.hub);
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {}", token.reveal()));
        }
        if let Some(rest) = rest {
            request = request.header("Range", format!("bytes={}-", rest.from));
            if let Some(etag) = rest.etag {
                request = request.header("If-Range", etag);
            }
        }
        let reply = request
            .call()
            .map_err(|source| network(&uri.to_string(), source))?;
        Ok((reply, token.is_some()))
    }
}

fn check_status(
    uri: &Uri,
    status: StatusCode,
    headers: &HeaderMap,
    token_sent: bool,
) -> Result<(), PullError> {
    let url = shown(&uri.to_string());
    let number = status.as_u16();
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    match number {
        200 | 206 | 416 => Ok(()),
        401 | 403 => Err(PullError::Denied {
            url,
            status: number,
            reason: text("x-error-message"),
            token_sent,
        }),
        404 | 410 => Err(PullError::NotFound { url, status: number }),
        _ => Err(PullError::Status {
            url,
            status: number,
            retry_after: text("retry-after")
                .and_then(|text| text.parse().ok())
                .map(Duration::from_secs),
        }),
    }
}

fn follow(from: &Uri, headers: &HeaderMap) -> Result<Uri, PullError> {
    let error = |why| redirect(&from.to_string(), why);
    let location = headers
        .get("location")
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| error("it does not say where to"))?;
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map(ToString::to_string).unwrap_or_default();
    let target = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let target = target.split('#').next().unwrap_or(&target);
    let uri: Uri = target
        .parse()
        .map_err(|_| error("the new address is not valid"))?;
    match (Origin::of(from), Origin::of(&uri)) {
        (Some(old), Some(new)) if old.https && !new.https => Err(error("it leaves https for http")),
        (_, Some(_)) => Ok(uri),
        (_, None) => Err(error("the new address has no host")),
    }
}

/// `X-Linked-Etag` is the SHA-256 of a large file; for small ones it is something else.
fn digest_header(headers: &HeaderMap) -> Option<Digest> {
    let value = headers.get("x-linked-etag")?.to_str().ok()?;
    value.trim_start_matches("W/").trim_matches('"').parse().ok()
}

fn network(url: &str, source: ureq::Error) -> PullError {
    PullError::Network {
        url: shown(url),
        source: Box::new(source),
    }
}

fn redirect(url: &str, why: &'static str) -> PullError {
    PullError::Redirect { url: shown(url), why }
}

/// The address as it may be printed: the query of a signed address and the user part are secrets.
pub(crate) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_addresses_hide_secrets() {
        assert_eq!(shown("https://u:p@h:1/a/b?sig=1#x"), "https://h:1/a/b");
        assert_eq!(shown("http://h"), "http://h");
    }

    #[test]
    fn redirects_resolve_and_never_leave_https() {
        let from: Uri = "https://h:8/a/b?x=1".parse().unwrap();
        let to = |location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("location", location.parse().unwrap());
            follow(&from, &headers).map(|uri| uri.to_string())
        };
        for (location, target) in [
            ("https://c/d?e", "https://c/d?e"),
            ("/d", "https://h:8/d"),
            ("d", "https://h:8/a/d"),
            ("//c/d", "https://c/d"),
            ("/d#part", "https://h:8/d"),
        ] {
            assert_eq!(to(location).unwrap(), target);
        }
        assert!(to("http://c/d").is_err());
        assert!(to("http://h:8/d").is_err());
    }

    #[test]
    fn origins_compare_with_default_ports() {
        let origin = |url: &str| Origin::of(&url.parse().unwrap());
        assert_eq!(origin("https://H.org"), origin("https://h.org:443/x"));
        assert_ne!(origin("https://h.org"), origin("http://h.org"));
        assert_ne!(origin("https://h.org"), origin("https://h.org.evil"));
        assert_ne!(origin("http://127.0.0.1:1"), origin("http://127.0.0.1:2"));
    }
}
