//! Fetching a model into the store: resolve, download or copy, prove, make visible.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::File;
use sha2::{Digest as _, Sha256};
use tidegate_base::Clock;

use crate::choose::{self, Choice};
use crate::config::Config;
use crate::digest::Digest;
use crate::download::{self, Fetched, Wanted};
use crate::error::PullError;
use crate::http::Client;
use crate::hub::{self, HubFile};
use crate::name::ModelName;
use crate::progress::Progress;
use crate::source::{HubSource, Source};
use crate::store::{FileEntry, Format, Manifest, Store};

/// What to pull.
#[derive(Debug, Clone)]
pub struct Pull {
    /// Where from.
    pub source: Source,
    /// Its name in the store; made from the file or repository where absent.
    pub name: Option<ModelName>,
    /// The digest that the file must have, for a source of one file.
    pub sha256: Option<Digest>,
}

/// A model that is now in the store.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// What it is made of.
    pub manifest: Manifest,
    /// What an engine opens.
    pub path: PathBuf,
    /// Whether the store already had exactly this.
    pub unchanged: bool,
}

/// A model's files, proven and among the blobs, but not yet visible.
struct Gathered {
    default_name: String,
    source: String,
    revision: Option<String>,
    format: Format,
    files: Vec<FileEntry>,
}

/// Fetches a model into the store of `config`.
///
/// Safe to run twice at once and to break at any moment: the next run goes on from what is there.
pub fn pull(
    config: &Config,
    clock: &dyn Clock,
    request: &Pull,
    progress: &dyn Progress,
) -> Result<Pulled, PullError> {
    let store = Store::new(&config.home);
    let _pin = store.pin()?;
    let gathered = match &request.source {
        Source::Hub(source) => from_hub(config, &store, source, request.sha256, progress)?,
        Source::Url(url) => from_url(config, &store, url, request.sha256, progress)?,
        Source::Path(path) => from_path(&store, path, request.sha256, progress)?,
    };
    let name = match &request.name {
        Some(name) => name.clone(),
        None => ModelName::from_lossy(&gathered.default_name),
    };
    let old = store.get(&name)?;
    if let Some(old) = &old {
        if old.files == gathered.files {
            return Ok(Pulled {
                path: store.path(old),
                manifest: old.clone(),
                unchanged: true,
            });
        }
        if old.source != gathered.source {
            return Err(PullError::Taken {
                name,
                other: old.source.clone(),
            });
        }
    }
    let Gathered {
        source,
        revision,
        format,
        files,
        ..
    } = gathered;
    let manifest = Manifest::new(&name, source, revision, format, files, clock.unix().as_secs());
    store.commit(&name, &manifest)?;
    Ok(Pulled {
        path: store.path(&manifest),
        manifest,
        unchanged: false,
    })
}

fn from_hub(
    config: &Config,
    store: &Store,
    source: &HubSource,
    sha256: Option<Digest>,
    progress: &dyn Progress,
) -> Result<Gathered, PullError> {
    let client = Client::new(config);
    let listing = hub::list(&client, config, source)?;
    let repo = HubSource {
        file: None,
        ..source.clone()
    }
    .to_string();
    let choice = choose::choose(&repo, &listing.files, source.file.as_deref())?;
    explain(&repo, source, &choice, progress);
    if sha256.is_some() && choice.files.len() > 1 {
        return Err(PullError::ManyFiles(repo));
    }
    let mut files = Vec::new();
    for file in &choice.files {
        if let (Some(expected), Some(actual)) = (sha256, file.sha256)
            && expected != actual
        {
            return Err(PullError::Mismatch {
                file: file.path.clone(),
                expected,
                actual,
            });
        }
        let url = hub::file_url(config, source, &listing.commit, &file.path);
        let wanted = Wanted {
            url: &url,
            label: &file.path,
            sha256: sha256.or(file.sha256),
            size: file.size,
        };
        let fetched = download::fetch(&client, config, store, &wanted, progress)?;
        files.push(entry(base_name(&file.path), fetched));
    }
    if choice.format == Format::Gguf {
        check_gguf(store, &files)?;
    }
    let (default_name, source) = name_and_source(source, &choice);
    Ok(Gathered {
        default_name,
        source,
        revision: Some(listing.commit),
        format: choice.format,
        files,
    })
}

/// Says which file was taken where there was a choice, and how to choose another.
fn explain(repo: &str, source: &HubSource, choice: &Choice, progress: &dyn Progress) {
    if let (None, [first, ..], [file]) = (&source.file, choice.others.as_slice(), choice.files.as_slice()) {
        progress.note(&format!(
            "taking {} of {} files; for another one: tidegate pull {repo}:{first}",
            file.path,
            choice.others.len() + 1,
        ));
        progress.note(&format!("the others are: {}", choice.others.join(", ")));
    }
}

fn name_and_source(source: &HubSource, choice: &Choice) -> (String, String) {
    match (choice.format, choice.files.as_slice()) {
        (Format::Gguf, [HubFile { path, .. }]) => {
            let exact = HubSource {
                file: Some(path.clone()),
                ..source.clone()
            };
            (stem(base_name(path)).to_owned(), exact.to_string())
        }
        _ => (base_name(&source.repo).to_owned(), source.to_string()),
    }
}

fn from_url(
    config: &Config,
    store: &Store,
    url: &str,
    sha256: Option<Digest>,
    progress: &dyn Progress,
) -> Result<Gathered, PullError> {
    let source = Source::Url(url.to_owned()).to_string();
    let file_name = match base_name(source.split_once("://").map_or("", |(_, path)| path)) {
        "" => "model.gguf",
        name => name,
    };
    let wanted = Wanted {
        url,
        label: file_name,
        sha256,
        size: None,
    };
    let fetched = download::fetch(&Client::new(config), config, store, &wanted, progress)?;
    let files = vec![entry(ModelName::from_lossy(file_name).as_str(), fetched)];
    check_gguf(store, &files)?;
    Ok(Gathered {
        default_name: stem(file_name).to_owned(),
        revision: None,
        format: Format::Gguf,
        files,
        source,
    })
}

fn from_path(
    store: &Store,
    path: &Path,
    sha256: Option<Digest>,
    progress: &dyn Progress,
) -> Result<Gathered, PullError> {
    let path = fs::canonicalize(path)?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let source = path.display().to_string();
    if !path.is_dir() {
        let files = vec![entry(
            ModelName::from_lossy(&name).as_str(),
            copy(store, &path, sha256, progress)?,
        )];
        check_gguf(store, &files)?;
        let default_name = stem(&name).to_owned();
        return Ok(Gathered {
            default_name,
            source,
            revision: None,
            format: Format::Gguf,
            files,
        });
    }
    let mut found = Vec::new();
    for file in fs::read_dir(&path)? {
        let file = file?;
        if file.metadata()?.is_file() {
            let path = file.file_name().to_string_lossy().into_owned();
            found.push(HubFile {
                path,
                size: None,
                sha256: None,
            });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let choice = choose::choose(&source, &found, None)?;
    if sha256.is_some() && choice.files.len() > 1 {
        return Err(PullError::ManyFiles(source));
    }
    let mut files = Vec::new();
    for file in &choice.files {
        files.push(entry(
            &file.path,
            copy(store, &path.join(&file.path), sha256, progress)?,
        ));
    }
    Ok(Gathered {
        default_name: name,
        source,
        revision: None,
        format: choice.format,
        files,
    })
}

/// Copies a file of this machine among the blobs.
fn copy(
    store: &Store,
    path: &Path,
    sha256: Option<Digest>,
    progress: &dyn Progress,
) -> Result<Fetched, PullError> {
    let label = path.file_name().unwrap_or_default().to_string_lossy();
    let mut from = File::open(path)?;
    progress.begin(&label, Some(from.metadata()?.len()), 0);
    let key = Digest::of(path.as_os_str().as_encoded_bytes()).to_string();
    let finished = store.partial(&format!("{}-{}.copy", &key[..24], std::process::id()))?;
    let mut to = File::create(&finished)?;
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut chunk = vec![0; 1 << 20];
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        hasher.update(&chunk[..count]);
        to.write_all(&chunk[..count])?;
        size += count as u64;
        progress.at(size);
    }
    let actual = Digest::finish(hasher);
    if let Some(expected) = sha256.filter(|expected| *expected != actual) {
        fs::remove_file(&finished)?;
        return Err(PullError::Mismatch {
            file: label.into_owned(),
            expected,
            actual,
        });
    }
    to.sync_all()?;
    store.adopt(&finished, actual)?;
    progress.end();
    Ok(Fetched { sha256: actual, size })
}

/// A page of text behind a wrong address must not become a model.
fn check_gguf(store: &Store, files: &[FileEntry]) -> Result<(), PullError> {
    for file in files {
        let mut magic = Vec::new();
        File::open(store.blob_path(file.sha256))?
            .take(4)
            .read_to_end(&mut magic)?;
        if magic != b"GGUF" {
            return Err(PullError::NotAModel {
                what: file.path.clone(),
                why: "it does not start with `GGUF`".to_owned(),
            });
        }
    }
    Ok(())
}

fn entry(path: &str, fetched: Fetched) -> FileEntry {
    FileEntry {
        path: path.to_owned(),
        sha256: fetched.sha256,
        size: fetched.size,
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn stem(file: &str) -> &str {
    file.strip_suffix(".gguf").unwrap_or(file)
}
