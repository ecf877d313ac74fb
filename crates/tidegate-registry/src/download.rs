//! One file from the network into the blobs: goes on after a break, proves the bytes.

use std::fmt::Write as _;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use fs_err::File;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::digest::Digest;
use crate::error::PullError;
use crate::http::{Client, Reply, Rest, shown};
use crate::progress::Progress;
use crate::space;
use crate::store::{Store, open_lock, write_atomic};

const CHUNK_BYTES: usize = 256 << 10;
/// Room that a download leaves on the disk.
const SPACE_RESERVE: u64 = 16 << 20;

/// The file that is wanted.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) url: &'a str,
    /// What people read in the progress bar.
    pub(crate) label: &'a str,
    pub(crate) sha256: Option<Digest>,
    pub(crate) size: Option<u64>,
}

/// The file as it lies among the blobs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) sha256: Digest,
    pub(crate) size: u64,
}

/// What is known about the bytes in a partial file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Meta {
    url: String,
    etag: Option<String>,
    total: Option<u64>,
    sha256: Option<Digest>,
}

/// A download that is not finished.
struct Partial {
    file: File,
    path: PathBuf,
    meta_path: PathBuf,
    meta: Meta,
    hasher: Sha256,
    len: u64,
}

/// Fetches the file, trying again as `config` says.
pub(crate) fn fetch(
    client: &Client,
    config: &Config,
    store: &Store,
    wanted: &Wanted<'_>,
    progress: &dyn Progress,
) -> Result<Fetched, PullError> {
    if let Some(found) = present(store, wanted.sha256) {
        return Ok(found);
    }
    // By content where it is known: then a moved branch or a newly signed address goes on.
    let key = wanted
        .sha256
        .unwrap_or_else(|| Digest::of(wanted.url.as_bytes()))
        .to_string();
    let _lock = lock(
        &store.partial(&format!("{}.lock", &key[..24]))?,
        progress,
        wanted.label,
    )?;
    // Another pull may have brought it while this one waited.
    if let Some(found) = present(store, wanted.sha256) {
        return Ok(found);
    }
    let mut partial = Partial::open(store, &key[..24], wanted)?;
    progress.begin(wanted.label, partial.meta.total, partial.len);
    let mut failures = 0;
    loop {
        let before = partial.len;
        let error = match attempt(client, store, wanted, &mut partial, progress) {
            Ok(()) => break,
            Err(error) => error,
        };
        failures = if partial.len > before { 1 } else { failures + 1 };
        let Some(pause) = pause(config, &error, failures) else {
            return Err(error);
        };
        progress.note(&format!("{}; trying again in {pause:.1?}", one_line(&error)));
        std::thread::sleep(pause);
    }
    let fetched = partial.finish(store, wanted)?;
    progress.end();
    Ok(fetched)
}

fn present(store: &Store, sha256: Option<Digest>) -> Option<Fetched> {
    let sha256 = sha256?;
    store.blob_size(sha256).map(|size| Fetched { sha256, size })
}

fn lock(path: &Path, progress: &dyn Progress, label: &str) -> io::Result<File> {
    let file = open_lock(path)?;
    if file.try_lock().is_err() {
        progress.note(&format!("another pull fetches {label}; waiting for it"));
        file.lock()?;
    }
    Ok(file)
}

/// How long to wait before the next try; nothing if another try is no use.
fn pause(config: &Config, error: &PullError, failures: u32) -> Option<Duration> {
    let asked = retry_after(error)?;
    if failures > config.retries {
        return None;
    }
    let doubled = config.backoff * (1 << (failures.saturating_sub(1)).min(4));
    Some(asked.map_or(doubled, |asked| asked.min(Duration::from_secs(60))))
}

/// Whether another try may help, and the pause that the server asked for.
#[expect(clippy::option_option, reason = "no retry and no wish are two things")]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not known to pass is final"
)]
fn retry_after(error: &PullError) -> Option<Option<Duration>> {
    use ureq::Error as E;
    match error {
        PullError::Network { source, .. } => match **source {
            E::Tls(_) | E::Rustls(_) | E::BadUri(_) | E::Http(_) | E::InvalidProxyUrl => None,
            _ => Some(None),
        },
        PullError::Truncated { .. } => Some(None),
        PullError::Status {
            status: 408 | 425 | 429 | 500..=599,
            retry_after,
            ..
        } => Some(*retry_after),
        _ => None,
    }
}

fn one_line(error: &PullError) -> String {
    let mut text = error.to_string();
    if let PullError::Network { source, .. } = error {
        let _infallible = write!(text, ": {source}");
    }
    text
}

/// One connection: asks for what is missing and writes what comes.
fn attempt(
    client: &Client,
    store: &Store,
    wanted: &Wanted<'_>,
    partial: &mut Partial,
    progress: &dyn Progress,
) -> Result<(), PullError> {
    if partial.is_complete() {
        return Ok(());
    }
    if !partial.can_resume() {
        partial.restart()?;
    }
    let etag = partial.meta.etag.clone();
    let rest = (partial.len > 0).then_some(Rest {
        from: partial.len,
        etag: etag.as_deref(),
    });
    let mut reply = client.get(wanted.url, rest)?;
    if reply.status.as_u16() == 416 {
        // The file is not as long as the part of it that is here: it is another one now.
        partial.restart()?;
        reply = client.get(wanted.url, None)?;
    }
    partial.accept(&reply, wanted)?;
    if let Some(total) = partial.meta.total {
        room(store, total.saturating_sub(partial.len))?;
    }
    progress.begin(wanted.label, partial.meta.total, partial.len);
    partial.copy(reply, wanted, progress)
}

fn room(store: &Store, need: u64) -> Result<(), PullError> {
    match space::free(store.home()) {
        Some(free) if free < need.saturating_add(SPACE_RESERVE) => Err(PullError::Space {
            path: store.home().display().to_string(),
            need,
            free,
        }),
        _ => Ok(()),
    }
}

impl Partial {
    /// Opens what an earlier pull left, or starts anew. The digest of what is here is computed from
    /// the disk, never remembered.
    fn open(store: &Store, key: &str, wanted: &Wanted<'_>) -> io::Result<Self> {
        let path = store.partial(&format!("{key}.part"))?;
        let meta_path = store.partial(&format!("{key}.json"))?;
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)?;
        let fresh = Meta {
            url: shown(wanted.url),
            etag: None,
            total: wanted.size,
            sha256: wanted.sha256,
        };
        let meta = fs::read(&meta_path)
            .ok()
            .and_then(|text| serde_json::from_slice::<Meta>(&text).ok())
            .filter(|meta| match wanted.sha256 {
                Some(sha256) => meta.sha256 == Some(sha256),
                None => meta.url == fresh.url,
            });
        let mut hasher = Sha256::new();
        let (meta, len) = match meta {
            Some(meta) => (meta, io::copy(&mut file, &mut hasher)?),
            None => (fresh, 0),
        };
        let mut partial = Self {
            file,
            path,
            meta_path,
            meta,
            hasher,
            len,
        };
        if partial.len == 0 || partial.meta.total.is_some_and(|total| partial.len > total) {
            partial.restart()?;
        }
        Ok(partial)
    }

    /// Whether the bytes that are here may be continued: the server can tell whether they are
    /// still of the same file, or the digest will.
    fn can_resume(&self) -> bool {
        self.len > 0 && (self.meta.etag.is_some() || self.meta.sha256.is_some())
    }

    fn is_complete(&self) -> bool {
        self.can_resume() && self.meta.total == Some(self.len)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = Sha256::new();
        self.len = 0;
        Ok(())
    }

    /// Takes over what the headers say, and goes back to the start if the whole file comes.
    fn accept(&mut self, reply: &Reply, wanted: &Wanted<'_>) -> Result<(), PullError> {
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
        if header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            return Err(PullError::NotAModel {
                what: shown(wanted.url),
                why: "the server answered with a web page".to_owned(),
            });
        }
        if let (Some(expected), Some(actual)) = (wanted.sha256, reply.linked_digest)
            && expected != actual
        {
            return Err(PullError::Mismatch {
                file: wanted.label.to_owned(),
                expected,
                actual,
            });
        }
        let (start, total) = match reply.status.as_u16() {
            206 => header("content-range")
                .and_then(content_range)
                .unwrap_or((self.len, None)),
            _ => (0, header("content-length").and_then(|text| text.parse().ok())),
        };
        let another =
            self.len > 0 && self.meta.total.is_some() && total.is_some() && total != self.meta.total;
        if start != self.len || another {
            self.restart()?;
        }
        if start != self.len || (another && start > 0) {
            // A part of another file: this reply is of no use, the next try asks from the start.
            return Err(PullError::Truncated {
                url: shown(wanted.url),
                have: 0,
                total: total.unwrap_or(0),
            });
        }
        self.meta.total = total.or(wanted.size);
        if let Some(etag) = header("etag") {
            // A weak validator does not promise equal bytes.
            self.meta.etag = (!etag.starts_with("W/")).then(|| etag.to_owned());
        }
        self.meta.sha256 = wanted.sha256.or(reply.linked_digest);
        let text = serde_json::to_vec(&self.meta).map_err(io::Error::from)?;
        write_atomic(&self.meta_path, &text)?;
        Ok(())
    }

    fn copy(
        &mut self,
        mut reply: Reply,
        wanted: &Wanted<'_>,
        progress: &dyn Progress,
    ) -> Result<(), PullError> {
        let mut body = reply.body.as_reader();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(PullError::Network {
                        url: shown(wanted.url),
                        source: Box::new(ureq::Error::Io(error)),
                    });
                }
            };
            self.file.write_all(&chunk[..count])?;
            self.hasher.update(&chunk[..count]);
            self.len += count as u64;
            progress.at(self.len);
        }
        match self.meta.total {
            Some(total) if self.len < total => Err(PullError::Truncated {
                url: shown(wanted.url),
                have: self.len,
                total,
            }),
            _ => Ok(()),
        }
    }

    fn finish(self, store: &Store, wanted: &Wanted<'_>) -> Result<Fetched, PullError> {
        let actual = Digest::finish(self.hasher);
        if let Some(expected) = self.meta.sha256.filter(|expected| *expected != actual) {
            fs::remove_file(&self.path)?;
            fs::remove_file(&self.meta_path)?;
            return Err(PullError::Mismatch {
                file: wanted.label.to_owned(),
                expected,
                actual,
            });
        }
        self.file.sync_all()?;
        store.adopt(&self.path, actual)?;
        fs::remove_file(&self.meta_path)?;
        Ok(Fetched {
            sha256: actual,
            size: self.len,
        })
    }
}

/// `bytes 5-9/10` gives (5, 10).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read() {
        for (text, expect) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 5-9/*", Some((5, None))),
            ("bytes */10", None),
            ("5-9/10", None),
            ("", None),
        ] {
            assert_eq!(content_range(text), expect, "{text}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_not_for_ever() {
        let config = Config::new("/x");
        let status = |status, retry_after| PullError::Status {
            url: String::new(),
            status,
            retry_after,
        };
        let truncated = PullError::Truncated {
            url: String::new(),
            have: 0,
            total: 1,
        };
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(pause(&config, &truncated, 1), ms(500));
        assert_eq!(pause(&config, &truncated, 3), ms(2000));
        assert_eq!(pause(&config, &truncated, 6), None);
        assert_eq!(pause(&config, &status(503, None), 1), ms(500));
        assert_eq!(
            pause(&config, &status(429, Some(Duration::from_secs(7))), 1),
            ms(7000)
        );
        assert_eq!(pause(&config, &status(400, None), 1), None);
    }
}
