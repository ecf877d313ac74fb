//! `tidegate config`: check the configuration, show what is in force.

use clap::Subcommand;
use serde_json::json;

use crate::cli::Context;
use crate::exit::{Exit, Outcome};
use crate::term;

/// Check the configuration, or show what is in force.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say whether the configuration is right; every mistake is shown with its place.
    Check {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print every setting in force, and where it was set.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Outcome {
    let settings = context.settings(Vec::new())?;
    match args.action {
        Action::Check { json } => {
            let file = settings.file.as_ref().map(|path| path.display().to_string());
            let set = settings.origins.len();
            if json {
                term::json(&json!({"valid": true, "file": file, "settings": set}))?;
            } else {
                let file = file.unwrap_or_else(|| "no file".to_owned());
                term::line(format_args!(
                    "the configuration is right ({file}, {set} settings made)"
                ))?;
            }
        }
        Action::Show { json: true } => {
            let rows: Vec<_> = settings
                .in_force()
                .into_iter()
                .map(|(key, value, origin)| json!({"key": key, "value": value, "origin": origin.to_string()}))
                .collect();
            term::json(&rows)?;
        }
        Action::Show { json: false } => show(&settings.in_force())?,
    }
    Ok(Exit::Ok)
}

/// Prints settings as TOML that could be a file, with the origin as a comment.
fn show(rows: &[(String, toml::Value, crate::config::Origin)]) -> std::io::Result<()> {
    let mut section = "";
    for (key, value, origin) in rows {
        let (head, name) = key.rsplit_once('.').unwrap_or(("", key));
        if head != section {
            term::line(format_args!(
                "{}[{head}]",
                if section.is_empty() { "" } else { "\n" }
            ))?;
            section = head;
        }
        match value.as_str().and_then(|text| text.strip_prefix("auto: ")) {
            Some(meaning) => term::line(format_args!("# {name}: {meaning}  # {origin}"))?,
            None => term::line(format_args!("{name} = {value}  # {origin}"))?,
        }
    }
    Ok(())
}
