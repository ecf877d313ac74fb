//! What went wrong while fetching, and what to do about it.

use std::io;

use tidegate_base::ByteSize;

use crate::digest::Digest;
use crate::name::ModelName;
use crate::store::StoreError;

/// Why a pull did not end well. What was downloaded so far stays, so that the next try goes on
/// from there (except after [`PullError::Mismatch`]).
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The network or the other side broke off, also after several tries.
    #[error("failed to fetch `{url}`")]
    Network {
        /// The address, without its query.
        url: String,
        /// What happened.
        source: Box<ureq::Error>,
    },
    /// The connection ended before the file did.
    #[error("`{url}` ended after {have} of {total} bytes")]
    Truncated {
        /// The address, without its query.
        url: String,
        /// Bytes that came.
        have: u64,
        /// Bytes that were promised.
        total: u64,
    },
    /// The other side answered with an unexpected status.
    #[error("`{url}` answered with status {status}")]
    Status {
        /// The address, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The pause that the server asked for.
        retry_after: Option<std::time::Duration>,
    },
    /// There is no such file or repository.
    #[error("`{url}` does not exist (status {status})")]
    NotFound {
        /// The address, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The other side wants another identity.
    #[error("`{url}` refuses access (status {status})")]
    Denied {
        /// The address, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the server said about it.
        reason: Option<String>,
        /// Whether a token was sent.
        token_sent: bool,
    },
    /// The other side sent the request somewhere that it must not go.
    #[error("`{url}` redirects wrongly: {why}")]
    Redirect {
        /// The address, without its query.
        url: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The hub's answer was not understood.
    #[error("the hub's answer from `{url}` was not understood: {why}")]
    Answer {
        /// The address.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The bytes are not the ones that were promised.
    #[error("`{file}` has SHA-256 {actual}, but {expected} was expected")]
    Mismatch {
        /// The file.
        file: String,
        /// The digest that it should have.
        expected: Digest,
        /// The digest that it has.
        actual: Digest,
    },
    /// The file or repository holds no model that this program reads.
    #[error("`{what}` is not a model that can be served: {why}")]
    NotAModel {
        /// The file or repository.
        what: String,
        /// What is missing or wrong.
        why: String,
    },
    /// The repository has several files and none was named, or the named one is not there.
    #[error("{why}: `{repo}` has {}", files.join(", "))]
    Choose {
        /// `hf:OWNER/REPO`.
        repo: String,
        /// Why none could be taken.
        why: String,
        /// What there is.
        files: Vec<String>,
    },
    /// The disk is too full.
    #[error("{} are needed in `{path}`, but only {} are free", ByteSize(*need), ByteSize(*free))]
    Space {
        /// The store's folder.
        path: String,
        /// Bytes still to come.
        need: u64,
        /// Bytes free.
        free: u64,
    },
    /// Another model has this name.
    #[error("the name `{name}` is taken by a model from `{other}`")]
    Taken {
        /// The name.
        name: ModelName,
        /// Where the other one came from.
        other: String,
    },
    /// One digest was given for several files.
    #[error("`--sha256` proves one file, but `{0}` has several")]
    ManyFiles(String),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl PullError {
    /// What the reader may do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Network { .. } | Self::Truncated { .. } => {
                "check the network and run the same command again: it goes on where it stopped".to_owned()
            }
            Self::Status { status: 429, .. } => {
                "the server limits how often it may be asked; wait, or set HF_TOKEN".to_owned()
            }
            Self::NotFound { .. } => "check the spelling of owner, repository and file".to_owned(),
            Self::Denied { token_sent: false, .. } => {
                "the repository is private, gated or misspelt; if you have access, set HF_TOKEN to a token from \
                 https://huggingface.co/settings/tokens"
                    .to_owned()
            }
            Self::Denied { reason, .. } => match reason {
                Some(reason) => format!("the server says: {reason}"),
                None => "the token in HF_TOKEN has no access; accept the model's conditions on its web page".to_owned(),
            },
            Self::Mismatch { .. } => {
                "nothing was kept; pull again, and if it happens again do not trust the source".to_owned()
            }
            Self::Choose { repo, files, .. } => match files.first() {
                Some(file) => format!("name one: tidegate pull {repo}:{file}"),
                None => return None,
            },
            Self::NotAModel { .. } => "expected a GGUF file, or a folder with config.json and safetensors".to_owned(),
            Self::Space { .. } => {
                "remove models with `tidegate models rm NAME`, or set TIDEGATE_HOME to a larger disk".to_owned()
            }
            Self::Taken { name, .. } => {
                format!("choose another with `--name`, or run `tidegate models rm {name}` first")
            }
            Self::Status { .. }
            | Self::Redirect { .. }
            | Self::Answer { .. }
            | Self::ManyFiles(_)
            | Self::Store(_)
            | Self::Io(_) => return None,
        })
    }
}
