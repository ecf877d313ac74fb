//! Values as Python prints them, and Python's methods that minijinja-contrib lacks.

use minijinja::value::{Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind};

/// Deepest nesting that is printed.
const DEPTH: usize = 64;

/// `str(value)`; nothing for undefined.
pub(super) fn text(value: &Value) -> String {
    if value.is_undefined() {
        return String::new();
    }
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => repr(value, 0),
    }
}

/// A number as Python prints it: the shortest digits that read back, exponents beyond 1e16.
pub(super) fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    match f64::try_from(value.clone()) {
        Ok(float) => float_text(float),
        Err(_) => value.to_string(),
    }
}

/// `repr(value)`.
fn repr(value: &Value, depth: usize) -> String {
    match value.kind() {
        ValueKind::Undefined => "Undefined".to_owned(),
        ValueKind::None => "None".to_owned(),
        ValueKind::Bool => if value.is_true() { "True" } else { "False" }.to_owned(),
        ValueKind::Number => number(value),
        ValueKind::String => quote(value.as_str().unwrap_or_default()),
        _ if depth > DEPTH => "...".to_owned(),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<String> = value
                .try_iter()
                .into_iter()
                .flatten()
                .map(|item| repr(&item, depth + 1))
                .collect();
            match (value.is_tuple(), items.len()) {
                (true, 1) => format!("({},)", items.concat()),
                (true, _) => format!("({})", items.join(", ")),
                (false, _) => format!("[{}]", items.join(", ")),
            }
        }
        ValueKind::Map => {
            let pair = |key: Value| {
                let item = value.get_item(&key).unwrap_or_default();
                format!("{}: {}", repr(&key, depth + 1), repr(&item, depth + 1))
            };
            let pairs: Vec<String> = value.try_iter().into_iter().flatten().map(pair).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        ValueKind::Bytes | ValueKind::Plain | ValueKind::Invalid | _ => value.to_string(),
    }
}

/// A string literal: single quotes unless it has some and no double ones.
fn quote(text: &str) -> String {
    let mark = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(mark);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            same if same == mark => {
                out.push('\\');
                out.push(same);
            }
            control if control < ' ' || control == '\u{7f}' => {
                out.push_str(&format!("\\x{:02x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push(mark);
    out
}

fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') {
        plain
    } else {
        format!("{plain}.0")
    }
}

/// Methods beyond pycompat's. `None` means: not one of these.
pub(super) fn method(value: &Value, name: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    match (value.kind(), value.as_str()) {
        (_, Some(text)) => string_method(text, name, arguments),
        (ValueKind::Seq, _) if name == "index" => {
            let (item,): (&Value,) = from_args(arguments)?;
            let found = value.try_iter()?.position(|candidate| candidate == *item);
            found.map(|index| Some(Value::from(index))).ok_or_else(not_found)
        }
        _ => Ok(None),
    }
}

fn string_method(text: &str, name: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match name {
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(arguments)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(arguments)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "partition" => {
            let (mark,): (&str,) = from_args(arguments)?;
            match text.split_once(mark) {
                Some((before, after)) => list([before, mark, after]),
                None => list([text, "", ""]),
            }
        }
        "rpartition" => {
            let (mark,): (&str,) = from_args(arguments)?;
            match text.rsplit_once(mark) {
                Some((before, after)) => list([before, mark, after]),
                None => list(["", "", text]),
            }
        }
        "rsplit" => {
            let (mark, most): (Option<&str>, Option<usize>) = from_args(arguments)?;
            let count = most.map_or(usize::MAX, |most| most.saturating_add(1));
            let mut parts: Vec<&str> = match mark {
                Some(mark) => text.rsplitn(count, mark).collect(),
                None => text.split_whitespace().rev().collect(),
            };
            parts.reverse();
            list(parts)
        }
        "index" => {
            let (part,): (&str,) = from_args(arguments)?;
            let at = text.find(part).ok_or_else(not_found)?;
            Value::from(text[..at].chars().count())
        }
        _ => return Ok(None),
    }))
}

fn list<'a>(parts: impl IntoIterator<Item = &'a str>) -> Value {
    parts.into_iter().map(Value::from).collect()
}

fn not_found() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the value is not in the sequence")
}
