//! Where the store lies and how it reaches the network.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The hub that `hf:` names.
pub const HUB_ENDPOINT: &str = "https://huggingface.co";

/// Settings of the store. The program fills them from its file, the environment and flags.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that holds everything.
    pub home: PathBuf,
    /// Base address of the hub, without a slash at the end (`HF_ENDPOINT`).
    pub hub_endpoint: String,
    /// Token for the hub (`HF_TOKEN`). Sent to the hub's own address only, never after a redirect
    /// to another one.
    pub hub_token: Option<Secret>,
    /// How often in a row a download may fail without a single new byte before it is given up.
    pub retries: u32,
    /// The pause before the second try; it doubles with each one, up to 16 times as long.
    pub backoff: Duration,
    /// The longest time a connection may take to open, or may stay silent.
    pub timeout: Duration,
}

impl Config {
    /// Settings for a store in `home`, all others at their defaults.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            hub_endpoint: HUB_ENDPOINT.to_owned(),
            hub_token: None,
            retries: 5,
            backoff: Duration::from_millis(500),
            timeout: Duration::from_secs(30),
        }
    }
}

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text; surrounding white space (a token file's last newline) is dropped.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let mut config = Config::new("/x");
        config.hub_token = Secret::new("hf_abc\n");
        assert!(!format!("{config:?}").contains("hf_abc"));
        assert_eq!(config.hub_token.as_ref().map(Secret::reveal), Some("hf_abc"));
        assert_eq!(Secret::new(" "), None);
    }
}
