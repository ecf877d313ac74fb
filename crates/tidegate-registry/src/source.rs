//! Where a model comes from: `hf:OWNER/REPO[@REVISION][:FILE]`, a URL, a path.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A repository of the hub.
    Hub(HubSource),
    /// One file behind a URL.
    Url(String),
    /// A file or folder of this machine.
    Path(PathBuf),
}

/// A repository of the hub and what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSource {
    /// `OWNER/REPO`.
    pub repo: String,
    /// Branch, tag or commit; `main` where not given.
    pub revision: String,
    /// A file of the repository, or the name of a quantisation (`Q4_K_M`).
    pub file: Option<String>,
}

/// The text names no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a source of models: {expected}")]
pub struct SourceError {
    text: String,
    expected: &'static str,
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let error = |expected| SourceError {
            text: text.to_owned(),
            expected,
        };
        if let Some(rest) = text.strip_prefix("hf:") {
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            return parse_hub(rest)
                .map(Self::Hub)
                .ok_or_else(|| error("expected `hf:OWNER/REPO` or `hf:OWNER/REPO:FILE`"));
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return match parse_hub_url(text) {
                Some(hub) => Ok(Self::Hub(hub)),
                None if has_host(text) => Ok(Self::Url(text.to_owned())),
                None => Err(error("the address has no host")),
            };
        }
        if text.contains("://") {
            return Err(error("expected `hf:`, `https://`, `http://` or a path"));
        }
        if text.is_empty() {
            return Err(error("expected `hf:OWNER/REPO`, `https://…` or a path"));
        }
        Ok(Self::Path(PathBuf::from(
            text.strip_prefix("file:").unwrap_or(text),
        )))
    }
}

fn parse_hub(text: &str) -> Option<HubSource> {
    let (place, file) = match text.split_once(':') {
        Some((place, file)) => (place, Some(file)),
        None => (text, None),
    };
    let (repo, revision) = place.split_once('@').unwrap_or((place, "main"));
    let (owner, name) = repo.split_once('/')?;
    let sound = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    let file_sound =
        |file: &str| !file.is_empty() && !file.split('/').any(|part| matches!(part, "" | "." | ".."));
    if !sound(owner) || !sound(name) || revision.is_empty() || !file.is_none_or(file_sound) {
        return None;
    }
    Some(HubSource {
        repo: repo.to_owned(),
        revision: revision.to_owned(),
        file: file.map(str::to_owned),
    })
}

/// A link copied from the hub's web pages names a repository: take it as one, because then the
/// hash is known and the token is used.
fn parse_hub_url(url: &str) -> Option<HubSource> {
    let path = url.strip_prefix("https://huggingface.co/")?;
    let path = path.split(['?', '#']).next()?.trim_end_matches('/');
    let mut parts = path.splitn(5, '/');
    let repo = format!("{}/{}", parts.next()?, parts.next()?);
    let hub = match (parts.next(), parts.next(), parts.next()) {
        (None, None, None) => repo,
        (Some("tree"), Some(revision), None) => format!("{repo}@{revision}"),
        (Some("resolve" | "blob"), Some(revision), Some(file)) => format!("{repo}@{revision}:{file}"),
        _ => return None,
    };
    parse_hub(&hub)
}

fn has_host(url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(_, rest)| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub(hub) => hub.fmt(f),
            // Signed addresses carry their secret behind the question mark.
            Self::Url(url) => f.write_str(url.split(['?', '#']).next().unwrap_or(url)),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Display for HubSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hf:{}", self.repo)?;
        if self.revision != "main" {
            write!(f, "@{}", self.revision)?;
        }
        match &self.file {
            Some(file) => write!(f, ":{file}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_read_as_people_write_them() {
        for (text, printed) in [
            ("hf:o/r", "hf:o/r"),
            ("hf://o/r", "hf:o/r"),
            ("hf:o/r:Q4_K_M", "hf:o/r:Q4_K_M"),
            ("hf:o/r@v2:sub/f.gguf", "hf:o/r@v2:sub/f.gguf"),
            ("https://huggingface.co/o/r", "hf:o/r"),
            ("https://huggingface.co/o/r/tree/main", "hf:o/r"),
            (
                "https://huggingface.co/o/r/blob/main/a/b.gguf?download=true",
                "hf:o/r:a/b.gguf",
            ),
            ("https://huggingface.co/o/r/resolve/v1/b.gguf", "hf:o/r@v1:b.gguf"),
            ("https://x.org/m.gguf?sig=secret", "https://x.org/m.gguf"),
            ("./m.gguf", "./m.gguf"),
            ("file:/m.gguf", "/m.gguf"),
        ] {
            assert_eq!(
                text.parse::<Source>().map(|source| source.to_string()),
                Ok(printed.to_owned())
            );
        }
    }

    #[test]
    fn what_names_no_source_is_refused() {
        for text in [
            "",
            "hf:",
            "hf:repo",
            "hf:o/r:",
            "hf:o/r:../x",
            "hf:../r",
            "hf:o/r@",
            "hf:o/r/x",
            "s3://b/k",
            "https://",
            "https:///x",
        ] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }
}
