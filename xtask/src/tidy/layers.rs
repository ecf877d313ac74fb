//! Arrows between crates point down, and the map in `ARCHITECTURE.md` names every crate.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

/// Layers from the bottom up. `helper` stands beside them and is checked on its own.
const LAYERS: [&str; 5] = ["ground", "core", "capability", "service", "program"];

/// Arrows inside one layer: (from, to); `*` is every crate of the layer.
const SIDEWAYS: [(&str, &str); 4] = [
    ("ground/*", "tidegate-base"),
    ("tidegate-llm", "tidegate-engine"),
    ("tidegate-onnx", "tidegate-engine"),
    ("tidegate-fleet", "tidegate-edge"),
];

struct Package {
    layer: String,
    dependencies: Vec<(String, bool)>,
    manifest: String,
}

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let packages = packages(root)?;
    let mut complaints = Vec::new();
    for (name, package) in &packages {
        if package.layer != "helper" && !LAYERS.contains(&package.layer.as_str()) {
            complaints.push(format!(
                "{name}: unknown layer `{}`: expected one of {LAYERS:?}",
                package.layer
            ));
        }
        let manifest = fs_err::read_to_string(&package.manifest)?;
        if !manifest.contains("[lints]\nworkspace = true") {
            complaints.push(format!("{name}: the manifest lacks `[lints] workspace = true`"));
        }
        for (dependency, only_dev) in &package.dependencies {
            let Some(target) = packages.get(dependency) else {
                continue;
            };
            if !allowed(name, package, dependency, target, *only_dev) {
                complaints.push(format!(
                    "{name} ({}) may not depend on {dependency} ({}): arrows point down",
                    package.layer, target.layer
                ));
            }
        }
    }
    complaints.extend(map(root, &packages)?);
    Ok(complaints)
}

fn allowed(from: &str, package: &Package, to: &str, target: &Package, only_dev: bool) -> bool {
    if target.layer == "helper" {
        return only_dev;
    }
    if package.layer == "helper" {
        return from != "xtask";
    }
    let height = |layer: &str| LAYERS.iter().position(|known| *known == layer);
    match height(&package.layer).cmp(&height(&target.layer)) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => SIDEWAYS.iter().any(|(source, goal)| {
            *goal == to && (*source == from || *source == format!("{}/*", package.layer))
        }),
    }
}

/// `ARCHITECTURE.md` names every crate in its code map, and no crate that is gone.
fn map(root: &Path, packages: &BTreeMap<String, Package>) -> anyhow::Result<Vec<String>> {
    let text = fs_err::read_to_string(root.join("ARCHITECTURE.md"))?;
    let mut complaints = Vec::new();
    for name in packages.keys() {
        if !text.contains(&format!("`{name}`")) {
            complaints.push(format!("ARCHITECTURE.md does not name `{name}`"));
        }
    }
    for named in text.split('`').skip(1).step_by(2) {
        let is_crate =
            named.starts_with("tidegate-") && named.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if is_crate && !packages.contains_key(named) {
            complaints.push(format!(
                "ARCHITECTURE.md names `{named}`, which is no crate of the workspace"
            ));
        }
    }
    Ok(complaints)
}

fn packages(root: &Path) -> anyhow::Result<BTreeMap<String, Package>> {
    let text = super::output(root, "cargo", &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&text).context("failed to read `cargo metadata`")?;
    let list = metadata["packages"]
        .as_array()
        .context("`cargo metadata` lists no packages")?;
    Ok(list.iter().map(package).collect())
}

fn package(value: &Value) -> (String, Package) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dependencies = value["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
    let package = Package {
        layer: text(&value["metadata"]["tidegate"]["layer"]),
        dependencies: dependencies
            .iter()
            .map(|dependency| (text(&dependency["name"]), dependency["kind"] == "dev"))
            .collect(),
        manifest: text(&value["manifest_path"]),
    };
    (text(&value["name"]), package)
}
