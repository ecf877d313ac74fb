//! JSON bodies, and the names of what is wrong in them.

use std::fmt::Write as _;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use tidegate_base::Fault;

/// The longest text of the client's that an error message repeats, in bytes.
const QUOTE_MAX: usize = 200;

/// Checks that the headers announce plain JSON.
///
/// A web page can make a browser send other types to any address without asking; asking first is what
/// keeps a stranger's page from using a server on this machine.
pub(crate) fn check_headers(headers: &HeaderMap) -> Result<(), Fault> {
    let json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !json {
        return Err(Fault::invalid(
            "the body has no JSON type: expected the header `Content-Type: application/json`",
        ));
    }
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(Fault::unsupported(
            "compressed bodies are not supported: expected no `Content-Encoding` header",
        )),
        _ => Ok(()),
    }
}

/// Reads a body. Errors name the field by its path and say what was expected.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8], depth_max: usize) -> Result<T, Fault> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Fault::invalid(format!(
            "the body is not valid UTF-8: byte {} is not part of a character",
            error.valid_up_to()
        ))
    })?;
    match text.trim_start().chars().next() {
        None => return Err(Fault::invalid("the body is empty: expected a JSON object")),
        // The derived readers would take an array for the list of their fields.
        Some('[') => return Err(Fault::invalid("the body is an array: expected a JSON object")),
        Some(_) => {}
    }
    if deeper_than(body, depth_max) {
        return Err(Fault::invalid(format!(
            "the JSON is nested deeper than the limit of {depth_max} levels"
        )));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = path_text(error.path());
        wrong(path, error.inner())
    })?;
    deserializer.end().map_err(|error| wrong(String::new(), &error))?;
    Ok(value)
}

/// Whether brackets nest deeper than `depth_max`. Quick, and needs no stack.
fn deeper_than(body: &[u8], depth_max: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > depth_max {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn path_text(path: &Path) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => drop(write!(text, "[{index}]")),
            Segment::Map { key } => join(&mut text, key),
            Segment::Enum { variant } => join(&mut text, variant),
            Segment::Unknown => {}
        }
    }
    text
}

fn join(text: &mut String, key: &str) {
    if !text.is_empty() {
        text.push('.');
    }
    text.push_str(key);
}

fn wrong(path: String, error: &serde_json::Error) -> Fault {
    let full = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = full.strip_suffix(&place).unwrap_or(&full);
    if error.is_syntax() || error.is_eof() {
        return syntax(path, message, error);
    }
    if let Some(name) = between(message, "missing field `", "`") {
        let mut param = path;
        join(&mut param, name);
        return Fault::invalid(format!("the parameter `{param}` is missing"))
            .with_param(param)
            .with_code("missing_required_parameter");
    }
    let message = plain_words(message);
    if path.is_empty() {
        return Fault::invalid(format!("the body is wrong: {message}"));
    }
    Fault::invalid(format!("`{path}` is wrong: {message}"))
        .with_param(path)
        .with_code("invalid_type")
}

fn syntax(path: String, message: &str, error: &serde_json::Error) -> Fault {
    let message = shorten(message);
    let (line, column) = (error.line(), error.column());
    if message.contains("number out of range") {
        return Fault::invalid(format!("`{path}` is wrong: the number is too large")).with_param(path);
    }
    let fault = Fault::invalid(format!(
        "the body is not valid JSON: {message} at line {line} column {column}"
    ));
    if path.is_empty() {
        fault
    } else {
        fault.with_param(path)
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(before)?;
    rest.split(after).next()
}

/// Replaces Rust's names for types by JSON's.
fn plain_words(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return shorten(message);
    };
    let expected = match expected {
        "f64" => "a number",
        "i64" => "a whole number",
        "u32" => "a whole number from 0 to 4294967295",
        "a JSON number" => "a number",
        "a sequence" => "an array",
        "a map" => "an object",
        other => other,
    };
    let found = found
        .replacen("invalid type: sequence", "invalid type: array", 1)
        .replacen("invalid type: map", "invalid type: object", 1)
        .replacen("invalid type: floating point `", "invalid type: number `", 1)
        .replacen("invalid type: integer `", "invalid type: number `", 1);
    format!("{}, expected {expected}", shorten(&found))
}

fn shorten(text: &str) -> String {
    if text.len() <= QUOTE_MAX {
        return text.to_owned();
    }
    let mut end = QUOTE_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use tidegate_api::openai::ChatRequest;

    use super::*;

    #[test]
    fn errors_name_the_field_and_what_was_expected() {
        let messages = r#""messages": [{"role": "user", "content": "hi"}]"#;
        for (body, param, says) in [
            (r"[]".to_owned(), None, "expected a JSON object"),
            (String::new(), None, "the body is empty"),
            ("{".to_owned(), None, "not valid JSON"),
            (r#"{"model": "m"}"#.to_owned(), Some("messages"), "is missing"),
            (
                format!(r#"{{"model": 1, {messages}}}"#),
                Some("model"),
                "expected a string",
            ),
            (
                r#"{"model": "m", "messages": [{"role": "user"}, {"role": "user", "content": 7}]}"#
                    .to_owned(),
                Some("messages[1].content"),
                "expected a string or an array of content parts",
            ),
            (
                r#"{"model": "m", "messages": [{"role": "user", "content": [{"type": 1}]}]}"#.to_owned(),
                Some("messages[0].content[0].type"),
                "expected a string",
            ),
            (
                format!(r#"{{"model": "m", "temperature": "hot", {messages}}}"#),
                Some("temperature"),
                "expected a number",
            ),
            (
                format!(r#"{{"model": "m", "max_tokens": 1.5, {messages}}}"#),
                Some("max_tokens"),
                "expected a whole number",
            ),
            (
                format!(r#"{{"model": "m", "temperature": 1e999, {messages}}}"#),
                Some("temperature"),
                "too large",
            ),
            (
                format!(
                    r#"{{"model": "m", "tools": [{{"type": "function", "function": {{}}}}], {messages}}}"#
                ),
                Some("tools[0].function.name"),
                "is missing",
            ),
            (
                format!(
                    r#"{{"model": "m", "tool_choice": {{"type": "function", "function": {{"name": 1}}}}, {messages}}}"#
                ),
                Some("tool_choice.function.name"),
                "expected a string",
            ),
            (
                format!(r#"{{"model": "m", "stop": ["a", 1], {messages}}}"#),
                Some("stop[1]"),
                "expected a string",
            ),
        ] {
            let fault = parse::<ChatRequest>(body.as_bytes(), 128).unwrap_err();
            assert_eq!(fault.param.as_deref(), param, "{body}: {fault}");
            assert!(fault.public.contains(says), "{body}: {fault}");
        }
    }

    #[test]
    fn depth_is_counted_outside_strings_only() {
        assert!(!deeper_than(br#"{"a": "[[[[\"[[[", "b": [[1]]}"#, 3));
        assert!(deeper_than(br#"{"b": [[1]]}"#, 2));
        let deep = [b"{\"a\":".repeat(10_000), b"}".repeat(10_000)].concat();
        let fault = parse::<ChatRequest>(&deep, 128).unwrap_err();
        assert!(fault.public.contains("deeper than the limit of 128"), "{fault}");
    }

    #[test]
    fn long_values_are_not_repeated_in_full() {
        let body = format!(r#"{{"model": "m", "messages": "{}"}}"#, "é".repeat(50_000));
        let fault = parse::<ChatRequest>(body.as_bytes(), 128).unwrap_err();
        assert!(fault.public.len() < 400, "{}", fault.public.len());
        assert!(fault.public.contains("expected an array"), "{fault}");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let fault = parse::<ChatRequest>(b"{\"model\": \"\xff\"}", 128).unwrap_err();
        assert!(fault.public.contains("byte 11"), "{fault}");
    }
}
