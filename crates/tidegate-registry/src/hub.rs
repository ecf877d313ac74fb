//! What a repository of the hub holds.

use serde::Deserialize;

use crate::config::Config;
use crate::digest::Digest;
use crate::error::PullError;
use crate::http::Client;
use crate::source::HubSource;

/// A repository's listing may be this long.
const LISTING_BYTES_MAX: u64 = 32 << 20;

/// A repository at one commit.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The commit; downloads name it, so that all files belong together.
    pub(crate) commit: String,
    pub(crate) files: Vec<HubFile>,
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubFile {
    pub(crate) path: String,
    pub(crate) size: Option<u64>,
    /// Known for large files.
    pub(crate) sha256: Option<Digest>,
}

#[derive(Deserialize)]
struct Answer {
    sha: Option<String>,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: Option<String>,
    size: Option<u64>,
}

/// Asks the hub what `source` holds.
pub(crate) fn list(client: &Client, config: &Config, source: &HubSource) -> Result<Listing, PullError> {
    let url = format!(
        "{}/api/models/{}/revision/{}?blobs=true",
        config.hub_endpoint,
        source.repo,
        escape(&source.revision, false)
    );
    let answer = client.get_json(&url, LISTING_BYTES_MAX)?;
    let answer: Answer = serde_json::from_value(answer).map_err(|error| PullError::Answer {
        url: url.clone(),
        why: error.to_string(),
    })?;
    let files = answer.siblings.into_iter().map(|sibling| HubFile {
        size: sibling.lfs.as_ref().and_then(|lfs| lfs.size).or(sibling.size),
        sha256: sibling
            .lfs
            .and_then(|lfs| lfs.sha256)
            .and_then(|text| text.parse().ok()),
        path: sibling.rfilename,
    });
    Ok(Listing {
        files: files.filter(|file| is_plain(&file.path)).collect(),
        commit: answer.sha.unwrap_or_else(|| source.revision.clone()),
    })
}

/// Where a file of the repository is fetched from.
pub(crate) fn file_url(config: &Config, source: &HubSource, commit: &str, path: &str) -> String {
    format!(
        "{}/{}/resolve/{}/{}",
        config.hub_endpoint,
        source.repo,
        escape(commit, false),
        escape(path, true)
    )
}

/// A path that stays inside its folder. The listing comes from outside.
fn is_plain(path: &str) -> bool {
    !path.contains('\\') && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn escape(text: &str, keep_slashes: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'/' if keep_slashes => escaped.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte))
            }
            _ => {
                escaped.push('%');
                escaped.push_str(&format!("{byte:02X}"));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_for_urls() {
        assert_eq!(escape("a b/ü.gguf", true), "a%20b/%C3%BC.gguf");
        assert_eq!(escape("refs/pr/1", false), "refs%2Fpr%2F1");
    }

    #[test]
    fn paths_that_leave_the_folder_are_dropped() {
        assert!(is_plain("a/b.gguf"));
        for path in ["", "/etc/x", "../x", "a/../b", "a//b", "a\\b"] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
