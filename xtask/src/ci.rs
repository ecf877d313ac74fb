//! Everything that has to pass before a change lands, in the order of cost.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

/// (what it is, the command). The test command is the README's.
const STEPS: [(&str, &[&str]); 4] = [
    ("formatting", &["cargo", "fmt", "--all", "--check"]),
    ("tidy", &["cargo", "xtask", "tidy"]),
    (
        "clippy",
        &[
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ],
    ),
    ("tests", &["cargo", "test"]),
];

/// Runs each step and stops at the first that fails.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    for (name, command) in STEPS {
        crate::say(&format!("== {name}: {}", command.join(" ")));
        let (program, arguments) = command.split_first().context("an empty command")?;
        let status = Command::new(program)
            .args(arguments)
            .current_dir(root)
            .status()
            .with_context(|| format!("failed to start `{program}`"))?;
        if !status.success() {
            bail!("{name} failed: `{}`", command.join(" "));
        }
    }
    Ok(())
}
