//! Each source file says what it is for, stays short, and leaves nothing behind.

use std::path::Path;

/// The most lines of production code in one file; tests at its end do not count.
const LINES_MAX: usize = 500;

/// Files that are over the limit for a reason. This list may only shrink.
const LONG: [(&str, &str); 0] = [];

/// Words that must not land. Written in two halves so that this file does not complain of itself.
const LEFTOVERS: [&str; 3] = [concat!("FIX", "ME"), concat!("todo", "!("), concat!("dbg", "!(")];

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let listing = super::output(
        root,
        "git",
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    )?;
    let mut complaints = Vec::new();
    for path in listing.lines().filter(|path| root.join(path).is_file()) {
        if path.ends_with(".rs") {
            let text = fs_err::read_to_string(root.join(path))?;
            source(path, &text, &mut complaints);
            if path.contains("/tests/it/") && !path.ends_with("/main.rs") {
                included(root, path, &mut complaints)?;
            }
        } else if path.ends_with(".md") {
            links(root, path, &mut complaints)?;
        }
    }
    Ok(complaints)
}

fn source(path: &str, text: &str, complaints: &mut Vec<String>) {
    if !text.starts_with("//!") {
        complaints.push(format!(
            "{path}:1: the first line must say what the file is for (`//! …`)"
        ));
    }
    let production = text.find("\n#[cfg(test)]\nmod ").map_or(text, |end| &text[..end]);
    let lines = production.lines().count();
    let excused = LONG.iter().any(|(long, _reason)| *long == path);
    if lines > LINES_MAX && !excused && !path.contains("/tests/") {
        complaints.push(format!(
            "{path}: {lines} lines, the limit is {LINES_MAX}: look for a second noun inside"
        ));
    }
    if lines <= LINES_MAX && excused {
        complaints.push(format!(
            "{path}: short again; take it off the list in xtask/src/tidy/sources.rs"
        ));
    }
    for (number, line) in text.lines().enumerate() {
        let mut complain = |what: &str| complaints.push(format!("{path}:{}: {what}", number + 1));
        for word in LEFTOVERS.iter().filter(|word| line.contains(**word)) {
            complain(&format!("`{word}` must not land"));
        }
        if line.contains(concat!("TO", "DO")) && !line.contains(concat!("TO", "DO(#")) {
            complain("a to-do needs its issue number");
        }
        if line.contains(concat!("cfg(fea", "ture")) && path != "crates/tidegate/src/wiring.rs" {
            complain("features are joined in crates/tidegate/src/wiring.rs only");
        }
    }
}

/// A file under `tests/it/` belongs to the one test binary only if its parent declares it.
fn included(root: &Path, path: &str, complaints: &mut Vec<String>) -> anyhow::Result<()> {
    let file = Path::new(path);
    let (Some(folder), Some(stem)) = (file.parent(), file.file_stem().and_then(|stem| stem.to_str())) else {
        return Ok(());
    };
    let parent = if folder.ends_with("it") {
        folder.join("main.rs")
    } else {
        folder.with_extension("rs")
    };
    let text = fs_err::read_to_string(root.join(&parent)).unwrap_or_default();
    if !text.contains(&format!("mod {stem};")) {
        complaints.push(format!(
            "{path}: nobody includes it: expected `mod {stem};` in {}",
            parent.display()
        ));
    }
    Ok(())
}

/// Relative links in Markdown lead somewhere.
fn links(root: &Path, path: &str, complaints: &mut Vec<String>) -> anyhow::Result<()> {
    let text = fs_err::read_to_string(root.join(path))?;
    let folder = root.join(path).parent().map(Path::to_owned).unwrap_or_default();
    for target in text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#', ' ']).next())
    {
        let is_relative = !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
        if is_relative && !folder.join(target).exists() {
            complaints.push(format!("{path}: the link to `{target}` leads nowhere"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        source("crates/x/src/a.rs", text, &mut complaints);
        complaints
    }

    #[test]
    fn a_good_file_passes() {
        assert!(complaints("//! What it is for.\nfn a() {}\n").is_empty());
    }

    #[test]
    fn each_rule_bites() {
        let leftovers = LEFTOVERS.iter().map(|word| format!("//! A.\n{word}\n"));
        let long = format!("//! A.\n{}", "fn a() {}\n".repeat(LINES_MAX));
        let bare = concat!("//! A.\n// TO", "DO later\n").to_owned();
        let feature = concat!("//! A.\n#[cfg(fea", "ture = \"x\")]\n").to_owned();
        for text in leftovers.chain(["fn a() {}\n".to_owned(), long, bare, feature]) {
            assert_eq!(complaints(&text).len(), 1, "{text:.60}");
        }
    }
}
