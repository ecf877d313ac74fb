//! The environment variables that the program reads, and the folders that follow from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Variables of our own start with this.
pub(crate) const PREFIX: &str = "TIDEGATE_";
/// The configuration file.
pub(crate) const CONFIG: &str = "TIDEGATE_CONFIG";
/// Short names, known elsewhere or needed often, for settings that also have their long one
/// (`TIDEGATE_STORE_HOME`).
pub(crate) const SHORT: [(&str, [&str; 2]); 6] = [
    ("HF_ENDPOINT", ["store", "hub_endpoint"]),
    ("TIDEGATE_CPU", ["compute", "cpu"]),
    ("TIDEGATE_HOME", ["store", "home"]),
    ("TIDEGATE_LISTEN", ["gateway", "listen"]),
    ("TIDEGATE_LOG", ["log", "filter"]),
    ("TIDEGATE_THREADS", ["compute", "threads"]),
];
/// The key that `chat`, `run` and `bench http` send to a server.
pub(crate) const API_KEY: &str = "TIDEGATE_API_KEY";
/// The hub's token.
pub(crate) const HF_TOKEN: &str = "HF_TOKEN";

/// A copy of the process's environment, taken once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment of this process; what is not text is left out.
    pub(crate) fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Our own variables, without the prefix.
    pub(crate) fn ours(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value.as_str())))
    }

    /// Where the configuration file lies unless somebody says otherwise.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder("XDG_CONFIG_HOME", ".config").join("tidegate.toml")
    }

    /// Where models lie unless somebody says otherwise.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder("XDG_DATA_HOME", ".local/share").join("models")
    }

    /// Where the lines typed into `tidegate chat` are kept.
    pub(crate) fn history(&self) -> PathBuf {
        self.folder("XDG_STATE_HOME", ".local/state").join("chat-history")
    }

    fn folder(&self, xdg: &str, below_home: &str) -> PathBuf {
        let base = match self.get(xdg) {
            Some(folder) if PathBuf::from(folder).is_absolute() => PathBuf::from(folder),
            _ => match (self.get("HOME"), self.get("LOCALAPPDATA")) {
                (Some(home), _) => PathBuf::from(home).join(below_home),
                (None, Some(local)) => PathBuf::from(local),
                (None, None) => PathBuf::from("."),
            },
        };
        base.join("tidegate")
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn folders_follow_xdg_then_home() {
        let plain = Environment::from([("HOME", "/h")]);
        assert_eq!(plain.store(), Path::new("/h/.local/share/tidegate/models"));
        assert_eq!(
            plain.config_file(),
            Path::new("/h/.config/tidegate/tidegate.toml")
        );
        let xdg = Environment::from([
            ("HOME", "/h"),
            ("XDG_DATA_HOME", "/d"),
            ("XDG_CONFIG_HOME", "relative"),
        ]);
        assert_eq!(xdg.store(), Path::new("/d/tidegate/models"));
        assert_eq!(xdg.config_file(), Path::new("/h/.config/tidegate/tidegate.toml"));
    }
}
