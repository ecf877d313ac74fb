//! `tidegate bench`: measure an engine in this process, or any server over HTTP.

mod engine;
mod http;
mod report;

use clap::Subcommand;

use crate::cli::Context;
use crate::exit::Outcome;

/// Measure: `engine` runs a model in this process, `http` loads any OpenAI-compatible server.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Engine(engine::Args),
    Http(http::Args),
}

pub(crate) fn run(args: Args, context: &Context) -> Outcome {
    match args.what {
        What::Engine(args) => engine::run(&args, context),
        What::Http(args) => http::run(&args, context),
    }
}
