//! Which model is meant: the bundled one, a pulled one by its name, or a path.

use std::path::{Path, PathBuf};

use tidegate_llm::ModelFiles;
use tidegate_registry::{ModelName, Store};

use crate::bundled;
use crate::exit::{Exit, Failure};

/// A model as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    /// The name that clients call.
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// Where a model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the program.
    Bundled,
    /// On the disk.
    Path(PathBuf),
}

impl Spec {
    /// The bundled model.
    pub(crate) fn bundled() -> Self {
        Self {
            name: bundled::NAME.to_owned(),
            place: Place::Bundled,
        }
    }

    /// Reads `NAME=PATH`, `NAME=PULLED`, a path, or the name of a pulled model.
    pub(crate) fn parse(text: &str, store: &Store) -> Result<Self, Failure> {
        if let Some((name, target)) = text.split_once('=').filter(|_| !Path::new(text).exists()) {
            return Self::named(name, target, store);
        }
        let place = Place::find(text, store)?;
        let name = match &place {
            Place::Bundled => bundled::NAME.to_owned(),
            Place::Path(_) if is_plain_name(text) && !Path::new(text).exists() => text.to_owned(),
            Place::Path(path) => ModelName::from_lossy(&stem(path)).to_string(),
        };
        Ok(Self { name, place })
    }

    /// A model under a name of its own.
    pub(crate) fn named(name: &str, target: &str, store: &Store) -> Result<Self, Failure> {
        let name: ModelName = name
            .parse()
            .map_err(|error: tidegate_registry::name::NameError| Failure::usage(error.to_string()))?;
        Ok(Self {
            name: name.to_string(),
            place: Place::find(target, store)?,
        })
    }
}

impl Place {
    /// A file or folder if there is one, else a pulled model, else the bundled one by its name.
    pub(crate) fn find(text: &str, store: &Store) -> Result<Self, Failure> {
        if text.is_empty() {
            return Err(Failure::usage("a model is missing: expected a path or a name"));
        }
        let path = Path::new(text);
        if path.exists() {
            return Ok(Self::Path(path.to_owned()));
        }
        if is_plain_name(text) {
            if let Ok(name) = text.parse::<ModelName>()
                && let Some(manifest) = store.get(&name)?
            {
                return Ok(Self::Path(store.path(&manifest)));
            }
            if text == bundled::NAME || text == "bundled" {
                return Ok(Self::Bundled);
            }
        }
        Err(missing(text, store))
    }

    /// Opens the files.
    pub(crate) fn open(&self) -> Result<ModelFiles, Failure> {
        match self {
            Self::Path(path) => ModelFiles::open(path).map_err(|error| Failure::caused(Exit::Data, &error)),
            Self::Bundled => {
                let bytes = bundled::file().ok_or_else(|| {
                    Failure::new(Exit::NoInput, "this program was built without a bundled model")
                        .hint("name one: --model PATH, or fetch one with `tidegate pull`")
                })?;
                ModelFiles::embedded("the bundled model", bytes)
                    .map_err(|error| Failure::caused(Exit::Internal, &error))
            }
        }
    }
}

fn is_plain_name(text: &str) -> bool {
    text.parse::<ModelName>().is_ok()
}

fn stem(path: &Path) -> String {
    let name = match path.file_name() {
        // `model/` and `.` have their name only in full.
        None => path
            .canonicalize()
            .ok()
            .and_then(|path| Some(path.file_name()?.to_owned())),
        Some(name) => Some(name.to_owned()),
    };
    let name = name.unwrap_or_default().to_string_lossy().into_owned();
    name.strip_suffix(".gguf").unwrap_or(&name).to_owned()
}

fn missing(text: &str, store: &Store) -> Failure {
    let names: Vec<String> = store
        .list()
        .map(|list| list.into_iter().map(|manifest| manifest.name).collect())
        .unwrap_or_default();
    let known: Vec<&str> = names.iter().map(String::as_str).chain([bundled::NAME]).collect();
    let hint = match crate::config::nearest(text, &known) {
        Some(near) => format!("did you mean `{near}`? `tidegate models` lists what is here"),
        None if is_plain_name(text) => {
            "`tidegate models` lists what is here, `tidegate pull` fetches more".to_owned()
        }
        None => "expected a .gguf file, or a folder with config.json and safetensors".to_owned(),
    };
    Failure::new(
        Exit::NoInput,
        format!("there is no model `{text}`: neither a file nor a pulled model"),
    )
    .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_by_path_by_name_and_in_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("My Model.gguf");
        fs_err::write(&file, "GGUF").unwrap();
        let store = Store::new(folder.path().join("store"));
        let path = file.to_str().unwrap();
        let spec = Spec::parse(path, &store).unwrap();
        assert_eq!(
            (spec.name.as_str(), &spec.place),
            ("My-Model", &Place::Path(file.clone()))
        );
        let spec = Spec::parse(&format!("m={path}"), &store).unwrap();
        assert_eq!(
            (spec.name.as_str(), &spec.place),
            ("m", &Place::Path(file.clone()))
        );
        assert_eq!(Spec::parse("tide", &store).unwrap(), Spec::bundled());
        assert_eq!(Spec::parse("x=bundled", &store).unwrap().place, Place::Bundled);
        let failure = Spec::parse("tid", &store).unwrap_err();
        assert!(failure.hint.unwrap().contains("did you mean `tide`?"));
        assert!(
            Spec::parse("./none.gguf", &store)
                .unwrap_err()
                .message
                .contains("./none.gguf")
        );
        assert!(Spec::parse("a b=tide", &store).is_err());
    }
}
