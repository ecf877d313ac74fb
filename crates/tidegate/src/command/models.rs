//! `tidegate models`: list what is in the store, remove from it.

use clap::Subcommand;
use serde_json::json;
use tidegate_base::ByteSize;
use tidegate_registry::{Manifest, ModelName, Store};

use crate::cli::Context;
use crate::exit::{Exit, Outcome};
use crate::{bundled, term, wiring};

/// List the models that are here; `models rm NAME` removes one.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Remove a pulled model and free what no other one uses.
    Rm {
        /// Its name.
        name: ModelName,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Outcome {
    let settings = context.settings(Vec::new())?;
    let store = wiring::store(&settings, &context.environment);
    match args.action {
        Some(Action::Rm { name, json }) => remove(&store, &name, json),
        None => list(&store, args.json),
    }
}

fn remove(store: &Store, name: &ModelName, json: bool) -> Outcome {
    let freed = store.remove(name)?;
    if json {
        term::json(&json!({"removed": name.as_str(), "freed": freed}))?;
    } else {
        term::line(format_args!("removed {name}, {} freed", ByteSize(freed)))?;
    }
    Ok(Exit::Ok)
}

fn list(store: &Store, json: bool) -> Outcome {
    let manifests = store.list()?;
    let bundled = bundled::file().map(|file| file.len() as u64);
    if json {
        let bundled = bundled.map(|size| {
            json!({"name": bundled::NAME, "size": size, "format": "gguf", "source": "bundled", "location": null})
        });
        let pulled = manifests.iter().map(|manifest| {
            json!({
                "name": manifest.name,
                "size": manifest.size(),
                "format": manifest.format,
                "source": manifest.source,
                "location": store.path(manifest).display().to_string(),
            })
        });
        let rows: Vec<_> = bundled.into_iter().chain(pulled).collect();
        term::json(&rows)?;
        return Ok(Exit::Ok);
    }
    let head = ["NAME", "SIZE", "FORMAT", "SOURCE"].map(str::to_owned).to_vec();
    let bundled = bundled.map(|size| {
        vec![
            bundled::NAME.to_owned(),
            ByteSize(size).to_string(),
            "gguf".to_owned(),
            "bundled".to_owned(),
        ]
    });
    let rows = std::iter::once(head)
        .chain(bundled)
        .chain(manifests.iter().map(row));
    let rows: Vec<Vec<String>> = rows.collect();
    term::line(term::table(&rows).trim_end())?;
    Ok(Exit::Ok)
}

fn row(manifest: &Manifest) -> Vec<String> {
    vec![
        manifest.name.clone(),
        ByteSize(manifest.size()).to_string(),
        format!("{:?}", manifest.format).to_lowercase(),
        manifest.source.clone(),
    ]
}
