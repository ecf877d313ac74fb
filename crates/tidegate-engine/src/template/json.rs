//! JSON as Python's `json.dumps` writes it, for the `tojson` filter.

use std::fmt::Write as _;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

use super::python;

/// Deepest nesting that is written.
const DEPTH: usize = 128;

/// The options of `json.dumps`.
pub(super) struct Style {
    ensure_ascii: bool,
    indent: Option<String>,
    item: String,
    key: String,
    sort_keys: bool,
}

impl Style {
    /// Reads the filter's arguments; undefined and none mean the default.
    pub(super) fn new(
        ensure_ascii: bool,
        indent: &Value,
        separators: &Value,
        sort_keys: bool,
    ) -> Result<Self, Error> {
        let indent = match indent.as_str() {
            Some(text) => Some(text.to_owned()),
            None if indent.is_none() || indent.is_undefined() => None,
            None => Some(" ".repeat(usize::try_from(indent.clone())?.min(64))),
        };
        let item = if indent.is_some() { "," } else { ", " };
        let (item, key) = match separators.is_none() || separators.is_undefined() {
            true => (item.to_owned(), ": ".to_owned()),
            false => {
                let text = |index| {
                    separators
                        .get_item_by_index(index)
                        .map(|value| python::text(&value))
                };
                (text(0)?, text(1)?)
            }
        };
        Ok(Self {
            ensure_ascii,
            indent,
            item,
            key,
            sort_keys,
        })
    }
}

/// Writes a value.
pub(super) fn dump(value: &Value, style: &Style) -> Result<String, Error> {
    let mut out = String::new();
    write(&mut out, value, style, 0)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value, style: &Style, depth: usize) -> Result<(), Error> {
    if depth > DEPTH {
        return Err(invalid("the value is nested too deeply for JSON"));
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&python::number(value)),
        ValueKind::String => quote(out, value.as_str().unwrap_or_default(), style.ensure_ascii),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<Value> = value.try_iter()?.collect();
            let write_item = |out: &mut String, item: &Value| write(out, item, style, depth + 1);
            group(out, ('[', ']'), &items, style, depth, write_item)?;
        }
        ValueKind::Map => {
            let mut keys: Vec<Value> = value.try_iter()?.collect();
            if style.sort_keys {
                keys.sort_by_key(python::text);
            }
            let write_pair = |out: &mut String, key: &Value| {
                quote(out, &key_text(key)?, style.ensure_ascii);
                out.push_str(&style.key);
                write(out, &value.get_item(key)?, style, depth + 1)
            };
            group(out, ('{', '}'), &keys, style, depth, write_pair)?;
        }
        kind @ (ValueKind::Undefined | ValueKind::Bytes | ValueKind::Plain | ValueKind::Invalid | _) => {
            let detail = format!("a value of type {kind} is not JSON serializable");
            return Err(invalid(detail));
        }
    }
    Ok(())
}

/// Items between brackets, on lines of their own where there is an indent.
fn group(
    out: &mut String,
    brackets: (char, char),
    items: &[Value],
    style: &Style,
    depth: usize,
    mut write_item: impl FnMut(&mut String, &Value) -> Result<(), Error>,
) -> Result<(), Error> {
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = &style.indent {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    };
    out.push(brackets.0);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(&style.item);
        }
        line(out, depth + 1);
        write_item(out, item)?;
    }
    if !items.is_empty() {
        line(out, depth);
    }
    out.push(brackets.1);
    Ok(())
}

/// A mapping's key: strings as they are, numbers, booleans and none as `json.dumps` spells them.
fn key_text(key: &Value) -> Result<String, Error> {
    if let Some(text) = key.as_str() {
        return Ok(text.to_owned());
    }
    if key.is_none() {
        return Ok("null".to_owned());
    }
    if key.kind() == ValueKind::Bool {
        return Ok(if key.is_true() { "true" } else { "false" }.to_owned());
    }
    if key.is_number() {
        return Ok(python::number(key));
    }
    let kind = key.kind();
    Err(invalid(format!("a key of type {kind} is not JSON serializable")))
}

fn quote(out: &mut String, text: &str, ensure_ascii: bool) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control < ' ' => escape(out, control),
            // The mark of a caller's text must survive; it is taken out afterwards.
            other if ensure_ascii && !other.is_ascii() && other != super::marks::MARK => escape(out, other),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// `\uXXXX`, as a surrogate pair beyond the basic plane.
fn escape(out: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a `String` cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail.into())
}
