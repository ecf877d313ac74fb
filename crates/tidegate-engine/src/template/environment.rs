//! The Jinja dialect of Hugging Face templates: filters, globals, methods, whitespace, limits.

use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior};
use tidegate_base::Clock;

use super::{TemplateLimits, json, python, strftime};

/// What a template said with `raise_exception`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Raised(pub(super) String);

/// An environment that behaves as the one in transformers' `chat_template_utils.py`.
pub(super) fn build(clock: Arc<dyn Clock>, limits: &TemplateLimits) -> Environment<'static> {
    let mut environment = Environment::new();
    // Building the syntax can only fail for changed delimiters; these are the default ones.
    if let Ok(syntax) = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_recursion_limit(limits.recursion);
    environment.set_fuel(Some(limits.fuel));
    environment.set_formatter(|out, _state, value| {
        match value.as_str() {
            Some(text) => out.write_str(text),
            None => out.write_str(&python::text(value)),
        }
        .map_err(Error::from)
    });
    environment.set_unknown_method_callback(method);
    environment.add_filter("tojson", tojson);
    environment.add_filter("string", |value: &Value| python::text(value));
    environment.add_test("sequence", |value: &Value| {
        matches!(
            value.kind(),
            ValueKind::Seq | ValueKind::String | ValueKind::Map | ValueKind::Undefined
        )
    });
    environment.add_function("raise_exception", |message: &Value| -> Result<Value, Error> {
        let message = python::text(message);
        Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Raised(message)))
    });
    environment.add_function("strftime_now", move |format: &str| {
        strftime::format(clock.unix(), format)
    });
    environment
}

/// Python's methods on strings, lists and mappings.
fn method(state: &mut State<'_, '_>, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    match python::method(value, name, arguments)? {
        Some(result) => Ok(result),
        None => minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments),
    }
}

/// `tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, by position
/// or by name.
fn tojson(value: &Value, arguments: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let mut positional = arguments.0.into_iter();
    let mut argument = |name: &str| -> Result<Value, Error> {
        match positional.next() {
            Some(value) => Ok(value),
            None => Ok(named.get::<Option<Value>>(name)?.unwrap_or_default()),
        }
    };
    let ensure_ascii = argument("ensure_ascii")?.is_true();
    let indent = argument("indent")?;
    let separators = argument("separators")?;
    let sort_keys = argument("sort_keys")?.is_true();
    named.assert_all_used()?;
    let style = json::Style::new(ensure_ascii, &indent, &separators, sort_keys)?;
    json::dump(value, &style)
}

/// The source with `{% generation %}` blocks turned into plain scopes: transformers marks the
/// assistant's text with them for training, and rendering ignores them. Lines and whitespace marks stay.
pub(super) fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        out.push_str(before);
        let Some(length) = tag[2..].find("%}") else {
            rest = tag;
            break;
        };
        let (inner, end) = (&tag[2..2 + length], 2 + length);
        let word = inner.trim_matches(['-', '+']).trim();
        match word {
            "generation" | "endgeneration" => {
                let plain = if word == "generation" { "with" } else { "endwith" };
                out.push_str("{%");
                out.push_str(&inner.replacen(word, plain, 1));
            }
            _ => out.push_str(&tag[..end]),
        }
        out.push_str("%}");
        rest = &tag[end + 2..];
    }
    out.push_str(rest);
    out
}
