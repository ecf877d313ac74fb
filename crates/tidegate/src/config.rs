//! The configuration: one TOML file, overridden by the environment, overridden by flags; every
//! mistake is reported at once, with its place, before anything is started.

mod entry;
mod mistake;
mod section;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fs_err as fs;
use toml::{Table, Value};

pub(crate) use entry::Entry;
pub(crate) use mistake::{Mistake, Origin, nearest};
pub(crate) use section::{ComputeConfig, KvType, StoreConfig};

use crate::environment::{self, Environment};
use crate::exit::{Exit, Failure};

/// Everything that can be set, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) compute: ComputeConfig,
    pub(crate) engine: tidegate_llm::config::EngineConfig,
    pub(crate) gateway: tidegate_gateway::Config,
    pub(crate) log: tidegate_telemetry::LogConfig,
    pub(crate) store: StoreConfig,
    /// Model names with what they stand for: a path, a pulled name, or `bundled`.
    pub(crate) models: BTreeMap<String, String>,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Where each was set.
    pub(crate) origins: BTreeMap<String, Origin>,
}

/// Reads the configuration: `file` if given, else the one of the environment, else the default one
/// if it exists.
pub(crate) fn load(
    file: Option<&Path>,
    environment: &Environment,
    flags: Vec<Entry>,
) -> Result<Settings, Failure> {
    let named = file
        .map(Path::to_owned)
        .or_else(|| environment.get(environment::CONFIG).map(PathBuf::from));
    let (path, text) = match named {
        Some(path) => {
            let text = fs::read_to_string(&path).map_err(|error| {
                Failure::caused(Exit::Usage, &error)
                    .hint("the file was named by `--config` or TIDEGATE_CONFIG")
            })?;
            (Some(path), text)
        }
        None => {
            let path = environment.config_file();
            match fs::read_to_string(&path) {
                Ok(text) => (Some(path), text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => (None, String::new()),
                Err(error) => return Err(error.into()),
            }
        }
    };
    compose(path, &text, environment, flags).map_err(|mistakes| failure(&mistakes))
}

/// The error that shows every mistake, one on each line.
fn failure(mistakes: &[Mistake]) -> Failure {
    let message = match mistakes {
        [one] => format!("the configuration is wrong: {one}"),
        several => several.iter().fold(
            format!("the configuration has {} mistakes", several.len()),
            |text, mistake| format!("{text}\n  {mistake}"),
        ),
    };
    Failure::usage(message)
        .hint("docs/configuration.md describes every setting; `tidegate config show` prints them")
}

/// Joins the three sources; answers every mistake of all of them.
fn compose(
    file: Option<PathBuf>,
    text: &str,
    environment: &Environment,
    flags: Vec<Entry>,
) -> Result<Settings, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut entries = Vec::new();
    match entry::from_text(file.as_deref().unwrap_or(Path::new("")), text) {
        Ok(found) => entries = found,
        Err(found) => mistakes = found,
    }
    entries.extend(section::from_environment(environment));
    entries.extend(flags);

    let mut tree = Table::new();
    let mut origins = BTreeMap::new();
    for entry in entries {
        match section::check(&entry) {
            Ok(value) => {
                let entry = Entry { value, ..entry };
                entry.insert_into(&mut tree);
                origins.insert(entry.key(), entry.origin);
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
    match section::build(file, &tree, origins) {
        Ok(settings) => {
            mistakes.extend(section::validate(&settings));
            if mistakes.is_empty() {
                return Ok(settings);
            }
        }
        Err(mistake) => mistakes.push(mistake),
    }
    mistakes.sort();
    Err(mistakes)
}

impl Settings {
    /// Where a setting was made.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    /// Everything that is in force with where it was set; secrets are not shown.
    pub(crate) fn in_force(&self) -> Vec<(String, Value, Origin)> {
        let mut rows = Vec::new();
        section::leaves(&section::effective(self), "", &mut |key, value| {
            let origin = self.origin(&key);
            let is_hidden = origin != Origin::Default && section::is_secret(&key);
            let value = if is_hidden {
                Value::from("auto: set, but not shown")
            } else {
                value.clone()
            };
            rows.push((key, value, origin));
        });
        rows
    }
}

#[cfg(test)]
mod tests;
