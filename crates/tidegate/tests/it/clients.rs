//! The stock OpenAI clients against the bundled model.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Home, Serving, skipped};

/// `tests/clients`, where the clients' scripts lie.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients")
}

fn check(mut client: Command) {
    let home = Home::new();
    let serving = Serving::start(&home, &[]);
    let output = client
        .args([&format!("{}/v1", serving.url), "tide"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_python_client_works_unchanged() {
    let python = std::env::var("TIDEGATE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import openai"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        return skipped("the Python package openai");
    }
    let mut client = Command::new(python);
    client.arg(folder().join("python/check.py"));
    check(client);
}

#[test]
fn the_node_client_works_unchanged() {
    if Command::new("node").arg("--version").output().is_err() {
        return skipped("node");
    }
    if !folder().join("node/node_modules/openai").exists() {
        return skipped("the npm package openai");
    }
    let mut client = Command::new("node");
    client.arg(folder().join("node/check.mjs"));
    check(client);
}
