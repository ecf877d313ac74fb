//! The folder on disk: blobs by content, manifests by name.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::File;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::ModelName;

const SCHEMA: u32 = 1;

/// The store in one folder. Cheap to make; nothing is created before something is written.
#[derive(Debug, Clone)]
pub struct Store {
    home: PathBuf,
}

/// What a model is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form, 1.
    pub schema: u32,
    /// The model's name.
    pub name: String,
    /// Where it came from, as `tidegate pull` reads it.
    pub source: String,
    /// The commit of the repository, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The form of the weights.
    pub format: Format,
    /// Its files, by their own names.
    pub files: Vec<FileEntry>,
    /// When it was pulled, in seconds since 1970.
    pub pulled: u64,
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the model's folder.
    pub path: String,
    /// What it holds.
    pub sha256: Digest,
    /// Its length.
    pub size: u64,
}

/// The form of a model's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One GGUF file.
    Gguf,
    /// A folder with `config.json`, tokenizer files and safetensors.
    Safetensors,
}

/// Why the store could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk said no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A manifest is damaged or from a newer program.
    #[error("`{path}` is not a manifest of this version: {why}")]
    Manifest {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// There is no model of this name.
    #[error("no model `{0}` was pulled")]
    Missing(String),
}

impl Manifest {
    /// The length of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The folder in `trees/`: another one for other content, so that a model is replaced by one
    /// rename of its manifest.
    fn tree(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            text.push_str(&format!("{}\n{}\n", file.path, file.sha256));
        }
        let digest = Digest::of(text.as_bytes()).to_string();
        format!("{}@{}", self.name, &digest[..12])
    }
}

impl Store {
    /// The store in `home`, which need not exist yet.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    /// The folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Every model, by name.
    pub fn list(&self) -> Result<Vec<Manifest>, StoreError> {
        let folder = self.home.join("manifests");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut manifests = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                manifests.push(read_manifest(&path)?);
            }
        }
        manifests.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(manifests)
    }

    /// The model of this name.
    pub fn get(&self, name: &ModelName) -> Result<Option<Manifest>, StoreError> {
        match read_manifest(&self.manifest_path(name)) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(StoreError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What an engine opens: the GGUF file, or the folder of a safetensors model.
    pub fn path(&self, manifest: &Manifest) -> PathBuf {
        let tree = self.home.join("trees").join(manifest.tree());
        match (manifest.format, manifest.files.first()) {
            (Format::Gguf, Some(file)) => tree.join(&file.path),
            _ => tree,
        }
    }

    /// Forgets a model and frees what no other one uses. Answers how many bytes became free.
    pub fn remove(&self, name: &ModelName) -> Result<u64, StoreError> {
        let _changes = self.lock("changes", Hold::Alone)?;
        let manifest = self
            .get(name)?
            .ok_or_else(|| StoreError::Missing(name.to_string()))?;
        fs::remove_file(self.manifest_path(name))?;
        self.remove_tree(&manifest)?;
        self.sweep()
    }

    /// Makes a model visible. Its blobs are all here.
    pub(crate) fn commit(&self, name: &ModelName, manifest: &Manifest) -> Result<(), StoreError> {
        let _changes = self.lock("changes", Hold::Alone)?;
        let old = self.get(name)?;
        self.grow_tree(manifest)?;
        let text = serde_json::to_vec_pretty(manifest).map_err(io::Error::from)?;
        write_atomic(&self.manifest_path(name), &text)?;
        if let Some(old) = old.filter(|old| old.tree() != manifest.tree()) {
            self.remove_tree(&old)?;
        }
        Ok(())
    }

    /// Where the content of this digest lies or will lie.
    pub(crate) fn blob_path(&self, digest: Digest) -> PathBuf {
        self.home.join("blobs").join(format!("sha256-{digest}"))
    }

    /// The length of this content, where it is here.
    pub(crate) fn blob_size(&self, digest: Digest) -> Option<u64> {
        fs::metadata(self.blob_path(digest))
            .ok()
            .map(|metadata| metadata.len())
    }

    /// Moves a finished, proven file among the blobs.
    pub(crate) fn adopt(&self, finished: &Path, digest: Digest) -> io::Result<()> {
        fs::create_dir_all(self.home.join("blobs"))?;
        fs::rename(finished, self.blob_path(digest))
    }

    /// Holds until dropped: while a pull holds this, no blob is swept away.
    pub(crate) fn pin(&self) -> io::Result<File> {
        self.lock("pins", Hold::Shared)
    }

    /// A path in `partial/`, whose folder exists.
    pub(crate) fn partial(&self, file: &str) -> io::Result<PathBuf> {
        let folder = self.home.join("partial");
        fs::create_dir_all(&folder)?;
        Ok(folder.join(file))
    }

    fn lock(&self, name: &str, hold: Hold) -> io::Result<File> {
        let folder = self.home.join("locks");
        fs::create_dir_all(&folder)?;
        let file = open_lock(&folder.join(name))?;
        match hold {
            Hold::Alone => file.lock()?,
            Hold::Shared => file.lock_shared()?,
        }
        Ok(file)
    }

    fn manifest_path(&self, name: &ModelName) -> PathBuf {
        self.home.join("manifests").join(format!("{name}.json"))
    }

    fn grow_tree(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let tree = self.home.join("trees").join(manifest.tree());
        for file in &manifest.files {
            let place = tree.join(&file.path);
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder)?;
            }
            match fs::hard_link(self.blob_path(file.sha256), &place) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn remove_tree(&self, manifest: &Manifest) -> io::Result<()> {
        match fs::remove_dir_all(self.home.join("trees").join(manifest.tree())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes blobs that no manifest names, unless a pull runs: then the next removal does it.
    fn sweep(&self) -> Result<u64, StoreError> {
        let pins = open_lock(&self.home.join("locks").join("pins"))?;
        if pins.try_lock().is_err() {
            return Ok(0);
        }
        let used: BTreeSet<String> = self
            .list()?
            .iter()
            .flat_map(|manifest| &manifest.files)
            .map(|file| format!("sha256-{}", file.sha256))
            .collect();
        let mut freed = 0;
        for entry in fs::read_dir(self.home.join("blobs"))? {
            let entry = entry?;
            if !used.contains(entry.file_name().to_string_lossy().as_ref()) {
                freed += entry.metadata()?.len();
                fs::remove_file(entry.path())?;
            }
        }
        Ok(freed)
    }
}

#[derive(Clone, Copy)]
enum Hold {
    Alone,
    Shared,
}

/// Lock files stay where they are: removing one while another process waits for it would let two
/// in at once.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

/// Writes beside the place, then renames: a reader sees the old file or the new one.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)
}

fn read_manifest(path: &Path) -> Result<Manifest, StoreError> {
    let error = |why: String| StoreError::Manifest {
        path: path.display().to_string(),
        why,
    };
    let manifest: Manifest =
        serde_json::from_slice(&fs::read(path)?).map_err(|cause| error(cause.to_string()))?;
    match manifest.schema {
        SCHEMA => Ok(manifest),
        other => Err(error(format!("its schema is {other}, expected {SCHEMA}"))),
    }
}

impl Manifest {
    /// A manifest of today's form.
    pub(crate) fn new(
        name: &ModelName,
        source: String,
        revision: Option<String>,
        format: Format,
        files: Vec<FileEntry>,
        pulled: u64,
    ) -> Self {
        Self {
            schema: SCHEMA,
            name: name.to_string(),
            source,
            revision,
            format,
            files,
            pulled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &Store, name: &str, files: &[(&str, &str)]) -> Manifest {
        let files = files
            .iter()
            .map(|(path, text)| {
                let digest = Digest::of(text.as_bytes());
                let finished = store.partial(path).unwrap();
                fs::write(&finished, text).unwrap();
                store.adopt(&finished, digest).unwrap();
                FileEntry {
                    path: (*path).to_owned(),
                    sha256: digest,
                    size: text.len() as u64,
                }
            })
            .collect();
        let name: ModelName = name.parse().unwrap();
        let manifest = Manifest::new(&name, "test".to_owned(), None, Format::Gguf, files, 0);
        store.commit(&name, &manifest).unwrap();
        manifest
    }

    #[test]
    fn an_empty_store_lists_nothing_and_creates_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("none"));
        assert_eq!(store.list().unwrap(), []);
        assert_eq!(store.get(&"a".parse().unwrap()).unwrap(), None);
        assert!(!store.home().exists());
    }

    #[test]
    fn models_that_share_a_file_keep_it_until_the_last_one_goes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let a = put(&store, "a", &[("x.gguf", "shared")]);
        let b = put(&store, "b", &[("y.gguf", "shared"), ("z", "own")]);
        assert_eq!(fs::read_to_string(store.path(&a)).unwrap(), "shared");
        assert_eq!(store.list().unwrap(), [a.clone(), b.clone()]);
        assert_eq!(store.remove(&"b".parse().unwrap()).unwrap(), 3);
        assert!(!store.path(&b).exists());
        assert_eq!(fs::read_to_string(store.path(&a)).unwrap(), "shared");
        assert_eq!(store.remove(&"a".parse().unwrap()).unwrap(), 6);
        assert!(matches!(
            store.remove(&"a".parse().unwrap()),
            Err(StoreError::Missing(_))
        ));
    }

    #[test]
    fn a_pull_that_runs_keeps_its_blobs() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        put(&store, "a", &[("x.gguf", "text")]);
        let pin = store.pin().unwrap();
        assert_eq!(store.remove(&"a".parse().unwrap()).unwrap(), 0);
        assert!(store.blob_size(Digest::of(b"text")).is_some());
        drop(pin);
        put(&store, "b", &[("y.gguf", "more")]);
        assert_eq!(store.remove(&"b".parse().unwrap()).unwrap(), 8);
    }

    #[test]
    fn new_content_replaces_the_old_tree() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let old = put(&store, "a", &[("x.gguf", "old")]);
        let new = put(&store, "a", &[("x.gguf", "new")]);
        assert!(!store.path(&old).exists());
        assert_eq!(fs::read_to_string(store.path(&new)).unwrap(), "new");
    }

    #[test]
    fn a_damaged_manifest_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        put(&store, "a", &[("x.gguf", "old")]);
        fs::write(folder.path().join("manifests/a.json"), "{").unwrap();
        let error = store.list().unwrap_err().to_string();
        assert!(
            error.contains("a.json") && error.contains("is not a manifest"),
            "{error}"
        );
    }
}
