//! The command line: one variant for each command, whose arguments live in its own file.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::command::{bench, chat, completions, config, inspect, models, pull, run, serve};
use crate::config::{Entry, Settings};
use crate::environment::Environment;
use crate::exit::{Exit, Failure, Outcome};

/// Serves AI models: an OpenAI-compatible server, a chat in the terminal and a model store in one
/// program.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version = VERSION.as_str(), arg_required_else_help = true, after_help = AFTER)]
pub(crate) struct Cli {
    /// The configuration file [default: ~/.config/tidegate/tidegate.toml, if it exists].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// The version, and the commit where the builder said it (`TIDEGATE_COMMIT`).
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| match option_env!("TIDEGATE_COMMIT") {
    Some(commit) => format!("{} ({commit})", env!("CARGO_PKG_VERSION")),
    None => env!("CARGO_PKG_VERSION").to_owned(),
});

const AFTER: &str = "\
Exit codes: 0 done, 64 wrong command line or configuration, 65 broken input, 66 input not found, \
69 server or network not available, 70 internal error, 74 disk error, 77 access refused, \
130 ended by Ctrl-C.";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Chat(chat::Args),
    Run(run::Args),
    Pull(pull::Args),
    Models(models::Args),
    Inspect(inspect::Args),
    Bench(bench::Args),
    Config(config::Args),
    Completions(completions::Args),
}

/// What every command may need of the world.
#[derive(Debug)]
pub(crate) struct Context {
    config: Option<PathBuf>,
    pub(crate) environment: Environment,
}

impl Context {
    /// The configuration, with `flags` above everything else.
    pub(crate) fn settings(&self, flags: Vec<Entry>) -> Result<Settings, Failure> {
        crate::config::load(self.config.as_deref(), &self.environment, flags)
    }
}

/// Reads the command line. `--help` and `--version` are answered here.
pub(crate) fn parse() -> Result<Option<Cli>, Failure> {
    let error = match Cli::try_parse() {
        Ok(cli) => return Ok(Some(cli)),
        Err(error) => error,
    };
    error.print()?;
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Ok(None);
    }
    // clap has its own, good form for its errors, also `error:` first: nothing is left to say.
    Err(Failure::new(Exit::Usage, String::new()))
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> Outcome {
        let context = Context {
            config: self.config,
            environment: Environment::of_process(),
        };
        match self.command {
            Command::Serve(args) => serve::run(args, &context),
            Command::Inspect(args) => inspect::run(args, &context),
            Command::Chat(args) => chat::run(args, &context),
            Command::Run(args) => run::run(args, &context),
            Command::Pull(args) => pull::run(args, &context),
            Command::Models(args) => models::run(args, &context),
            Command::Bench(args) => bench::run(args, &context),
            Command::Config(args) => config::run(args, &context),
            Command::Completions(args) => completions::run(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
