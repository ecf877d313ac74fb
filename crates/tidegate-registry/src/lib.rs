//! The local model store: fetch models and prove them, list them, find them by name.
//!
//! Layout of the folder (`TIDEGATE_HOME`): `blobs/sha256-HEX` holds every file once, named by its
//! content; `manifests/NAME.json` says which blobs a model is made of; `trees/NAME/` holds the same
//! files under their own names (hard links), for formats that need a folder; `partial/` holds
//! downloads that are not finished. A manifest appears last, by rename: what is listed is whole.
#![forbid(unsafe_code)]

/// Where the store lies and how it reaches the network.
pub mod config;
/// SHA-256 digests as values.
pub mod digest;
/// What went wrong while fetching, and what to do about it.
pub mod error;
/// Names of models in the store.
pub mod name;
/// Someone who wants to hear how a download goes.
pub mod progress;
/// Fetching a model into the store.
pub mod pull;
/// Where a model comes from: `hf:OWNER/REPO[:FILE]`, a URL, a path.
pub mod source;
/// The folder on disk.
pub mod store;

mod choose;
mod download;
mod http;
mod hub;
mod space;

pub use config::{Config, Secret};
pub use digest::Digest;
pub use error::PullError;
pub use name::ModelName;
pub use progress::{Progress, Silent};
pub use pull::{Pull, Pulled, pull};
pub use source::Source;
pub use store::{FileEntry, Format, Manifest, Store, StoreError};
