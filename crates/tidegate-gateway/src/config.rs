//! The settings of the gateway: defaults, and a check that reports every mistake at once.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use tidegate_base::{ByteSize, units};

/// How the gateway listens, whom it serves and what it bears. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen: an address and a port; port 0 takes a free one. Default: `127.0.0.1:8080`.
    pub listen: String,
    /// Whether strangers may be served: listening beyond this machine without an `api_key` is refused
    /// unless this is set. Default: false.
    pub insecure: bool,
    /// The key that every request to `/v1` must carry (`Authorization: Bearer KEY`). Default: none.
    pub api_key: Option<Secret>,
    /// Web pages that may call this server: origins (`https://chat.example`), or `*` for all.
    /// Default: none.
    pub cors_origins: Vec<String>,
    /// How much is borne.
    pub limits: Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            insecure: false,
            api_key: None,
            cors_origins: Vec::new(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// How much is borne.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest request body; a larger one gets 413. Default: 16 MiB.
    pub body: ByteSize,
    /// The most memory for bodies that are being read, all requests together; beyond it requests get
    /// 429. At least `body`. Default: 128 MiB.
    pub body_memory: ByteSize,
    /// The largest request head, all header lines together; a larger one gets 431. Default: 64 KiB.
    pub header_bytes: ByteSize,
    /// The most header lines of a request; more get 431. Default: 100.
    pub header_count: usize,
    /// The most open connections; others wait in the system's queue. Default: 10000.
    pub connections: usize,
    /// The most requests to `/v1` at a time; more get 429. Default: 1024.
    pub requests: usize,
    /// The most HTTP/2 streams of one connection. Default: 200.
    pub streams: u32,
    /// How deep a JSON body may nest; deeper gets 400. At most 128. Default: 128.
    pub json_depth: usize,
    /// The most answers to one request (`n`). Default: 128.
    pub choices: u32,
    /// The most prompts or inputs in one request. Default: 2048.
    pub prompts: usize,
    /// The most stop strings of one request. Default: 16.
    pub stops: usize,
    /// The most tools of one request. Default: 128.
    pub tools: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: ByteSize::mib(16),
            body_memory: ByteSize::mib(128),
            header_bytes: ByteSize(64 << 10),
            header_count: 100,
            connections: 10_000,
            requests: 1024,
            streams: 200,
            json_depth: 128,
            choices: 128,
            prompts: 2048,
            stops: 16,
            tools: 128,
        }
    }
}

/// How long things may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// From the first byte of a request's head to its last; also how long a fresh connection may stay
    /// silent. Default: 10s.
    #[serde(deserialize_with = "units::duration", serialize_with = "units::duration_text")]
    pub header: Duration,
    /// How long a connection may stay idle between requests. Default: 75s.
    #[serde(deserialize_with = "units::duration", serialize_with = "units::duration_text")]
    pub idle: Duration,
    /// How long a request body may take, plus one second for each `body_rate` bytes of it.
    /// Default: 10s.
    #[serde(deserialize_with = "units::duration", serialize_with = "units::duration_text")]
    pub body: Duration,
    /// The slowest body that is borne, in bytes a second. Default: 16 KiB.
    pub body_rate: ByteSize,
    /// How long a client may leave the answer unread before its connection is closed and the
    /// generation is cancelled; what it reads at `write_rate` or faster does not count. Default: 30s.
    #[serde(deserialize_with = "units::duration", serialize_with = "units::duration_text")]
    pub write: Duration,
    /// The slowest reader that is borne, in bytes a second. Default: 1 KiB.
    pub write_rate: ByteSize,
    /// How long a request may take in all. Default: 10m.
    #[serde(deserialize_with = "units::duration", serialize_with = "units::duration_text")]
    pub request: Duration,
    /// How long a stream may stay silent before it gets a comment line, so that nobody between takes
    /// it for dead. Default: 10s.
    #[serde(deserialize_with = "units::duration", serialize_with = "units::duration_text")]
    pub keep_alive: Duration,
    /// After the signal to stop: how long to go on listening while `/readyz` already says no, so that
    /// load balancers notice. Default: 0s.
    #[serde(deserialize_with = "units::duration", serialize_with = "units::duration_text")]
    pub drain_notice: Duration,
    /// After that: how long open requests have to finish before they are cut off. Default: 30s.
    #[serde(deserialize_with = "units::duration", serialize_with = "units::duration_text")]
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(10),
            body_rate: ByteSize(16 << 10),
            write: Duration::from_secs(30),
            write_rate: ByteSize(1 << 10),
            request: Duration::from_secs(600),
            keep_alive: Duration::from_secs(10),
            drain_notice: Duration::ZERO,
            drain: Duration::from_secs(30),
        }
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for comparison.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Written as it is printed: not at all.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One mistake in the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {problem}")]
pub struct Mistake {
    /// The setting (`limits.body`).
    pub key: &'static str,
    /// What is wrong and what was expected.
    pub problem: String,
}

impl Config {
    /// Where to listen.
    pub fn address(&self) -> Option<SocketAddr> {
        if let Some(port) = self.listen.strip_prefix("localhost:") {
            return Some(SocketAddr::new(
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                port.parse().ok()?,
            ));
        }
        self.listen.parse().ok()
    }

    /// Every mistake; none if the settings can be used.
    pub fn validate(&self) -> Vec<Mistake> {
        let mut mistakes = self.listen_mistakes();
        let mut wrong = |key, problem: &str| {
            mistakes.push(Mistake {
                key,
                problem: problem.to_owned(),
            });
        };
        if self.api_key.as_ref().is_some_and(|key| key.expose().is_empty()) {
            wrong("api_key", "expected a key that is not empty");
        }
        for origin in &self.cors_origins {
            let plain = origin.is_ascii() && !origin.contains(char::is_whitespace);
            if !(origin == "*" || (plain && origin.contains("://") && !origin.ends_with('/'))) {
                let problem = format!(
                    "`{origin}` is not an origin: expected `*` or a form such as `https://chat.example`"
                );
                wrong("cors_origins", &problem);
            }
        }
        let limits = &self.limits;
        if !(8 << 10..=16 << 20).contains(&limits.header_bytes.0) {
            wrong("limits.header_bytes", "expected a size from 8 KiB to 16 MiB");
        }
        if limits.body_memory < limits.body {
            wrong("limits.body_memory", "expected at least `limits.body`");
        }
        if limits.json_depth == 0 || limits.json_depth > 128 {
            wrong("limits.json_depth", "expected a number from 1 to 128");
        }
        for (key, value) in [
            ("limits.body", limits.body.as_usize()),
            ("limits.header_count", limits.header_count),
            ("limits.connections", limits.connections),
            ("limits.requests", limits.requests),
            ("limits.streams", limits.streams as usize),
            ("limits.choices", limits.choices as usize),
            ("limits.prompts", limits.prompts),
            ("limits.stops", limits.stops),
            ("limits.tools", limits.tools),
            ("timeouts.body_rate", self.timeouts.body_rate.as_usize()),
            ("timeouts.write_rate", self.timeouts.write_rate.as_usize()),
        ] {
            if value == 0 {
                wrong(key, "expected more than 0");
            }
        }
        let times = &self.timeouts;
        for (key, value) in [
            ("timeouts.header", times.header),
            ("timeouts.idle", times.idle),
            ("timeouts.body", times.body),
            ("timeouts.write", times.write),
            ("timeouts.request", times.request),
            ("timeouts.keep_alive", times.keep_alive),
        ] {
            if value < Duration::from_millis(1) {
                wrong(key, "expected at least 1ms");
            }
        }
        mistakes
    }

    fn listen_mistakes(&self) -> Vec<Mistake> {
        let problem = match self.address() {
            None => format!(
                "`{}` is not an address: expected a form such as `127.0.0.1:8080` or `[::]:8080`",
                self.listen
            ),
            Some(address) if !(address.ip().is_loopback() || self.insecure || self.api_key.is_some()) => {
                format!(
                    "`{}` can be reached from other machines and nothing checks who calls: expected an `api_key`, a loopback address, or `insecure = true` if everyone who can connect may use the models",
                    self.listen
                )
            }
            Some(_) => return Vec::new(),
        };
        vec![Mistake {
            key: "listen",
            problem,
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(), []);
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let config = Config {
            listen: "0.0.0.0:80".to_owned(),
            api_key: None,
            cors_origins: vec!["example".to_owned(), "*".to_owned()],
            limits: Limits {
                json_depth: 999,
                requests: 0,
                ..Limits::default()
            },
            ..Config::default()
        };
        let keys: Vec<_> = config.validate().iter().map(|mistake| mistake.key).collect();
        assert_eq!(
            keys,
            ["listen", "cors_origins", "limits.json_depth", "limits.requests"]
        );
    }

    #[test]
    fn strangers_are_served_only_with_a_key_or_on_purpose() {
        let at = |listen: &str| Config {
            listen: listen.to_owned(),
            ..Config::default()
        };
        for (config, valid) in [
            (at("127.0.0.1:0"), true),
            (at("[::1]:0"), true),
            (at("localhost:80"), true),
            (at("0.0.0.0:80"), false),
            (at("example.com:80"), false),
            (
                Config {
                    insecure: true,
                    ..at("0.0.0.0:80")
                },
                true,
            ),
            (
                Config {
                    api_key: Some(Secret::new("k")),
                    ..at("[::]:80")
                },
                true,
            ),
        ] {
            assert_eq!(config.validate().is_empty(), valid, "{}", config.listen);
        }
    }

    #[test]
    fn settings_read_as_people_write_them_and_unknown_keys_are_errors() {
        let read = |text: &str| serde_json::from_str::<Config>(text).map_err(|error| error.to_string());
        let config =
            read(r#"{"limits": {"body": "1 MiB"}, "timeouts": {"drain": "2m", "write": "250ms"}}"#).unwrap();
        assert_eq!(config.limits.body, ByteSize::mib(1));
        assert_eq!(config.timeouts.drain, Duration::from_secs(120));
        assert_eq!(config.timeouts.write, Duration::from_millis(250));
        for (text, says) in [
            (r#"{"lisen": "x"}"#, "unknown field `lisen`"),
            (r#"{"limits": {"bodies": 1}}"#, "unknown field `bodies`"),
            (r#"{"timeouts": {"drain": "soon"}}"#, "not a valid duration"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = Config {
            api_key: Some(Secret::new("hush")),
            ..Config::default()
        };
        assert!(!format!("{config:?}").contains("hush"));
    }
}
