//! Repository chores, in Rust: `cargo xtask tidy`, `cargo xtask ci`.

mod ci;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <COMMAND>

  tidy   check the rules of the house that the compiler does not know
  ci     everything that has to pass before a change lands";

fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    let result = match command.as_deref() {
        Some("tidy") => tidy::run(&root()),
        Some("ci") => ci::run(&root()),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository: the parent of this package's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

#[expect(clippy::print_stderr, reason = "a chore speaks to the person who started it")]
fn say(line: &str) {
    eprintln!("{line}");
}
