//! The sections of the file: each is a struct of the crate that owns the settings; here they are
//! only put side by side.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidegate_base::ByteSize;
use tidegate_llm::config::EngineConfig;
use tidegate_registry::ModelName;
use tidegate_telemetry::LogConfig;
use toml::{Table, Value};

use super::Settings;
use super::entry::{self, Entry};
use super::mistake::{Mistake, Origin, reworded, unknown};
use crate::environment::{self, Environment};
use crate::machine;

/// What models compute with in this process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ComputeConfig {
    /// Threads that compute. Default: one for each physical core.
    pub(crate) threads: Option<usize>,
    /// The instruction set: `scalar`, `avx2`, `avx512`, `neon`. Default: the widest of the machine.
    pub(crate) cpu: Option<String>,
    /// Memory for keys and values of each model. Default: a quarter of the memory that is free, shared
    /// by all models, at most 4 GiB each, and never more than the model can use.
    pub(crate) kv_memory: Option<ByteSize>,
    /// How keys and values are stored: `f16` or `f32`. Default: `f16`.
    pub(crate) kv_type: KvType,
    /// The most tokens that a prompt and its answer may have together. Default: the model's own.
    pub(crate) context_length: Option<usize>,
}

impl Default for ComputeConfig {
    fn default() -> Self {
        Self {
            threads: None,
            cpu: None,
            kv_memory: None,
            kv_type: KvType::F16,
            context_length: None,
        }
    }
}

/// How keys and values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KvType {
    /// Half precision.
    F16,
    /// Single precision.
    F32,
}

/// Where models lie and where they come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoreConfig {
    /// The folder of the model store. Default: `$XDG_DATA_HOME/tidegate/models`.
    pub(crate) home: Option<PathBuf>,
    /// The hub that `hf:` names. Default: `https://huggingface.co`.
    pub(crate) hub_endpoint: Option<String>,
}

/// Settings that are worked out when nobody makes them: what `config show` says about them.
const AUTOMATIC: [(&str, &str); 7] = [
    ("gateway.api_key", "everyone who can connect may use the models"),
    ("compute.threads", "one for each physical core"),
    ("compute.cpu", "the widest instruction set of the machine"),
    ("compute.kv_memory", "a quarter of the free memory, at most 4 GiB"),
    ("compute.context_length", "the model's own"),
    ("store.home", "$XDG_DATA_HOME/tidegate/models"),
    ("store.hub_endpoint", "https://huggingface.co"),
];

const SECTIONS: [&str; 6] = ["compute", "engine", "gateway", "log", "models", "store"];

fn try_section(section: &str, table: Table) -> Option<Result<(), String>> {
    Some(match section {
        "compute" => read::<ComputeConfig>(table).map(drop),
        "engine" => read::<EngineConfig>(table).map(drop),
        "gateway" => read::<tidegate_gateway::Config>(table).map(drop),
        "log" => read::<LogConfig>(table).map(drop),
        "store" => read::<StoreConfig>(table).map(drop),
        "models" => check_models(&table),
        _ => return None,
    })
}

fn read<T: DeserializeOwned>(table: Table) -> Result<T, String> {
    Value::Table(table)
        .try_into()
        .map_err(|error: toml::de::Error| error.message().trim_end().to_owned())
}

fn check_models(table: &Table) -> Result<(), String> {
    for (name, value) in table {
        name.parse::<ModelName>().map_err(|error| error.to_string())?;
        if value.as_str().is_none_or(str::is_empty) {
            return Err(
                "expected text: the path of a model, the name of a pulled one, or `bundled`".to_owned(),
            );
        }
    }
    Ok(())
}

/// Checks one setting alone. Answers its value, which may be read more kindly than it was written:
/// from the environment, `8` may be a number or a text.
pub(crate) fn check(entry: &Entry) -> Result<Value, Mistake> {
    let wrong = |problem: String| Mistake {
        origin: entry.origin.clone(),
        key: entry.key(),
        problem,
    };
    let Some((section, rest)) = entry.path.split_first() else {
        return Err(wrong("expected a setting".to_owned()));
    };
    if !SECTIONS.contains(&section.as_str()) {
        return Err(wrong(unknown(section, &SECTIONS)));
    }
    let Some((last, folders)) = rest.split_last() else {
        if entry.value.is_table() {
            return Ok(entry.value.clone());
        }
        return Err(wrong(format!(
            "expected a section: write `[{section}]` on a line of its own"
        )));
    };
    let mut problem = String::new();
    for value in readings(entry) {
        let mut table = Table::new();
        entry::insert(&mut table, folders, last, value.clone());
        match try_section(section, table) {
            Some(Ok(())) => return Ok(value),
            Some(Err(error)) if problem.is_empty() => problem = error,
            _ => {}
        }
    }
    let above = entry.path[..entry.path.len() - 1].join(".");
    Err(wrong(reworded(&problem, &above)))
}

/// The ways to read the value: as it is; and if it came from the environment, also as text.
fn readings(entry: &Entry) -> Vec<Value> {
    let from_environment = matches!(entry.origin, Origin::Environment(_));
    let Some(text) = entry.value.as_str().filter(|_| from_environment) else {
        return vec![entry.value.clone()];
    };
    let typed = format!("v = {text}").parse::<Table>().ok();
    let typed = typed.and_then(|mut table| table.remove("v"));
    typed.into_iter().chain([entry.value.clone()]).collect()
}

/// Settings from variables such as `TIDEGATE_GATEWAY_LIMITS_BODY`. A variable that names no setting is left alone:
/// others have variables with our prefix too (Kubernetes makes `TIDEGATE_PORT` for a service of our
/// name).
pub(crate) fn from_environment(environment: &Environment) -> Vec<Entry> {
    let short = environment::SHORT.iter().filter_map(|(name, path)| {
        Some(Entry {
            path: path.map(str::to_owned).to_vec(),
            value: Value::from(environment.get(name)?),
            origin: Origin::Environment((*name).to_owned()),
        })
    });
    let mut entries: Vec<Entry> = short.collect();
    for (name, text) in environment.ours().filter(|(_, text)| !text.is_empty()) {
        let lower = name.to_ascii_lowercase();
        let Some((section, rest)) = lower
            .split_once('_')
            .filter(|(section, _)| SECTIONS.contains(section))
        else {
            continue;
        };
        let candidates = paths(rest).into_iter().map(|rest| Entry {
            path: [vec![section.to_owned()], rest].concat(),
            value: Value::from(text),
            origin: Origin::Environment(format!("TIDEGATE_{name}")),
        });
        let known =
            |entry: &Entry| !check(entry).is_err_and(|mistake| mistake.problem.contains("no such setting"));
        if section != "models"
            && let Some(entry) = candidates.into_iter().find(known)
        {
            entries.push(entry);
        }
    }
    entries
}

/// The ways to read `limits_json_depth` as a path: whole, or cut at one underscore.
fn paths(text: &str) -> Vec<Vec<String>> {
    let cuts = text
        .match_indices('_')
        .map(|(at, _)| vec![text[..at].to_owned(), text[at + 1..].to_owned()]);
    std::iter::once(vec![text.to_owned()]).chain(cuts).collect()
}

/// Reads the whole tree, whose leaves were checked one by one.
pub(crate) fn build(
    file: Option<PathBuf>,
    tree: &Table,
    origins: BTreeMap<String, Origin>,
) -> Result<Settings, Mistake> {
    let section = |name: &str| {
        tree.get(name)
            .and_then(Value::as_table)
            .cloned()
            .unwrap_or_default()
    };
    let wrong = |key: &str, problem: String| Mistake {
        origin: Origin::Default,
        key: key.to_owned(),
        problem,
    };
    Ok(Settings {
        compute: read(section("compute")).map_err(|problem| wrong("compute", problem))?,
        engine: read(section("engine")).map_err(|problem| wrong("engine", problem))?,
        gateway: read(section("gateway")).map_err(|problem| wrong("gateway", problem))?,
        log: read(section("log")).map_err(|problem| wrong("log", problem))?,
        store: read(section("store")).map_err(|problem| wrong("store", problem))?,
        models: read(section("models")).map_err(|problem| wrong("models", problem))?,
        file,
        origins,
    })
}

/// Mistakes that are not in one value's form.
pub(crate) fn validate(settings: &Settings) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut wrong = |key: &str, problem: String| {
        mistakes.push(Mistake {
            origin: settings.origin(key),
            key: key.to_owned(),
            problem,
        });
    };
    let (compute, engine) = (&settings.compute, &settings.engine);
    for (key, value, least, most) in [
        ("compute.threads", compute.threads, 1, 1024),
        ("compute.context_length", compute.context_length, 16, 1 << 24),
        ("engine.max_running", Some(engine.max_running), 1, 65_536),
        ("engine.step_rows", Some(engine.step_rows), 1, 65_536),
        ("engine.reader_tokens", Some(engine.reader_tokens), 1, 65_536),
    ] {
        if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
            wrong(
                key,
                format!("is {value}, expected a number from {least} to {most}"),
            );
        }
    }
    if let Err(failure) = machine::cpu(compute.cpu.as_deref()) {
        let expected = failure.hint.unwrap_or_default();
        wrong("compute.cpu", format!("{}, {expected}", failure.message));
    }
    if compute.kv_memory.is_some_and(|memory| memory < ByteSize::mib(1)) {
        wrong("compute.kv_memory", "expected at least 1 MiB".to_owned());
    }
    if let Err(error) = settings.log.validate() {
        wrong("log.filter", error.to_string());
    }
    for mistake in settings.gateway.validate() {
        wrong(&format!("gateway.{}", mistake.key), mistake.problem);
    }
    if let Some(endpoint) = &settings.store.hub_endpoint
        && !(endpoint.starts_with("https://") || endpoint.starts_with("http://"))
    {
        wrong(
            "store.hub_endpoint",
            format!("`{endpoint}` is not an address, expected `https://…`"),
        );
    }
    mistakes
}

/// Everything that is in force, as one tree. What is worked out at the start says so in words.
pub(crate) fn effective(settings: &Settings) -> Table {
    let tree = |value: Result<Value, toml::ser::Error>| value.unwrap_or_else(|_| Value::Table(Table::new()));
    let mut root = Table::new();
    root.insert("compute".to_owned(), tree(Value::try_from(&settings.compute)));
    root.insert("engine".to_owned(), tree(Value::try_from(&settings.engine)));
    root.insert("gateway".to_owned(), tree(Value::try_from(&settings.gateway)));
    root.insert("log".to_owned(), tree(Value::try_from(&settings.log)));
    root.insert("models".to_owned(), tree(Value::try_from(&settings.models)));
    root.insert("store".to_owned(), tree(Value::try_from(&settings.store)));
    for (key, meaning) in AUTOMATIC {
        if let Some((section, name)) = key.split_once('.')
            && let Some(Value::Table(table)) = root.get_mut(section)
            && !table.contains_key(name)
        {
            table.insert(name.to_owned(), Value::from(format!("auto: {meaning}")));
        }
    }
    root
}

/// Calls `each` for every leaf of a tree; those of a table before those of the tables in it, as a
/// TOML file has them.
pub(crate) fn leaves(table: &Table, prefix: &str, each: &mut impl FnMut(String, &Value)) {
    let key = |name: &str| match prefix {
        "" => name.to_owned(),
        prefix => format!("{prefix}.{name}"),
    };
    for (name, value) in table.iter().filter(|(_, value)| !value.is_table()) {
        each(key(name), value);
    }
    for (name, value) in table {
        if let Some(inner) = value.as_table() {
            leaves(inner, &key(name), each);
        }
    }
}

/// Whether the value must not be printed.
pub(crate) fn is_secret(key: &str) -> bool {
    key.ends_with("_key") || key.ends_with("_token")
}
