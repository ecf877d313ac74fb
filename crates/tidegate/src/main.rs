//! The program: reads the command line, runs one command, says how it went.
#![forbid(unsafe_code)]

mod bars;
mod bundled;
mod catalog;
mod cli;
mod command;
mod config;
mod conversation;
mod environment;
mod exit;
mod load;
mod machine;
mod model;
mod remote;
mod sse;
mod term;
mod wiring;

use std::process::ExitCode;

use exit::Exit;

fn main() -> ExitCode {
    let outcome = cli::parse().and_then(|cli| cli.map_or(Ok(Exit::Ok), cli::Cli::run));
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            term::failure(&failure);
            failure.exit.into()
        }
    }
}
