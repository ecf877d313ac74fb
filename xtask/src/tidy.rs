//! The rules of the house that the compiler does not know: layers, first lines, sizes, leftovers.

mod layers;
mod sources;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

/// Runs every check and reports all complaints at once.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let complaints = complaints(root)?;
    if complaints.is_empty() {
        return Ok(());
    }
    for complaint in &complaints {
        crate::say(complaint);
    }
    bail!("tidy: {} complaint(s)", complaints.len())
}

fn complaints(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut complaints = layers::check(root)?;
    complaints.extend(sources::check(root)?);
    Ok(complaints)
}

/// What `program` prints when it is run in `root`.
fn output(root: &Path, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output()
        .with_context(|| format!("failed to start `{program}`"))?;
    if !output.status.success() {
        bail!(
            "`{program} {}` failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{program}` printed invalid UTF-8"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_is_tidy() {
        let complaints = super::complaints(&crate::root()).unwrap();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}
