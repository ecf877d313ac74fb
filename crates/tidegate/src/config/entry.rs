//! Settings one by one, with where each was made: from the file, the environment, the flags.

use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::mistake::{Mistake, Origin};

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// `["gateway", "limits", "body"]`
    pub(crate) path: Vec<String>,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

impl Entry {
    pub(crate) fn flag(path: &[&str], value: impl Into<Value>, name: &'static str) -> Self {
        Self {
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            value: value.into(),
            origin: Origin::Flag(name),
        }
    }

    pub(crate) fn key(&self) -> String {
        self.path.join(".")
    }

    /// Puts the setting into a table of tables.
    pub(crate) fn insert_into(&self, root: &mut Table) {
        if let Some((last, folders)) = self.path.split_last() {
            insert(root, folders, last, self.value.clone());
        }
    }
}

/// Puts a value below `folders`; a plain value in the way is replaced.
pub(crate) fn insert(table: &mut Table, folders: &[String], last: &str, value: Value) {
    match folders.split_first() {
        None => {
            table.insert(last.to_owned(), value);
        }
        Some((folder, rest)) => {
            let inner = table
                .entry(folder.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            if let Value::Table(inner) = inner {
                insert(inner, rest, last, value);
            }
        }
    }
}

/// Every setting of a file; or every place where it is not TOML.
pub(crate) fn from_text(file: &Path, text: &str) -> Result<Vec<Entry>, Vec<Mistake>> {
    let origin = |at: usize| Origin::File(file.to_owned(), line_of(text, at));
    let (spanned, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let mut mistakes: Vec<Mistake> = errors
            .iter()
            .map(|error| Mistake {
                origin: origin(error.span().map_or(0, |span| span.start)),
                key: String::new(),
                problem: format!("not valid TOML: {}", error.message()),
            })
            .collect();
        mistakes.sort();
        return Err(mistakes);
    }
    let plain: Table = toml::from_str(text).map_err(|error| {
        vec![Mistake {
            origin: origin(error.span().map_or(0, |span| span.start)),
            key: String::new(),
            problem: error.message().to_owned(),
        }]
    })?;
    let mut entries = Vec::new();
    walk(
        &plain,
        spanned.get_ref(),
        &mut Vec::new(),
        &mut |path, value, at| {
            entries.push(Entry {
                path,
                value,
                origin: origin(at),
            });
        },
    );
    Ok(entries)
}

/// Calls `each` for every leaf. Empty tables are leaves too, so that an unknown section is noticed.
fn walk(
    plain: &Table,
    spanned: &DeTable<'_>,
    path: &mut Vec<String>,
    each: &mut impl FnMut(Vec<String>, Value, usize),
) {
    for (key, place) in spanned {
        let name = key.get_ref().as_ref();
        let Some(value) = plain.get(name) else { continue };
        path.push(name.to_owned());
        match (value, Spanned::get_ref(place)) {
            (Value::Table(inner), DeValue::Table(places)) if !inner.is_empty() => {
                walk(inner, places, path, each);
            }
            _ => each(path.clone(), value.clone(), key.span().start),
        }
        path.pop();
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_know_their_lines() {
        let text = "[a]\nx = 1\n\n[a.b]\n\"y z\" = [1,\n2]\n[empty]\n";
        let entries = from_text(Path::new("f"), text).unwrap();
        let found: Vec<_> = entries
            .iter()
            .map(|entry| format!("{} {}", entry.key(), entry.origin))
            .collect();
        assert_eq!(found, ["a.b.y z f:5", "a.x f:2", "empty f:7"]);
    }

    #[test]
    fn every_syntax_error_is_found_with_its_line() {
        let mistakes = from_text(Path::new("f"), "a = \nb = 1\nc = [\n").unwrap_err();
        let lines: Vec<_> = mistakes
            .iter()
            .map(|mistake| mistake.origin.to_string())
            .collect();
        assert!(lines.len() >= 2 && lines[0] == "f:1", "{mistakes:?}");
    }
}
