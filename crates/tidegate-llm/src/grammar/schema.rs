//! JSON schemas made ready for llguidance: how tight the JSON is written, and which objects are closed.

use serde_json::{Map, Value, json};

/// Keywords that apply several schemas to one object: closing one of them would forbid the others' keys.
const JOINED: [&str; 5] = ["allOf", "anyOf", "oneOf", "$ref", "patternProperties"];

/// Sets the style of the JSON and closes objects.
///
/// Between tokens there may be one space after `,` and `:`, as Python and most tool-call data write
/// it, and no line break. Free white space lets a small model print blank lines for ever; none at all
/// forbids the tokens (`": "`) that it learned.
///
/// An object that names its properties and does not say whether it takes others takes no others,
/// as OpenAI's strict mode demands.
pub(super) fn prepare(mut schema: Value) -> Value {
    if !mentions(&schema, "allOf") {
        close(&mut schema);
    }
    if let Value::Bool(true) = schema {
        schema = json!({});
    }
    if let Value::Object(map) = &mut schema {
        // A schema's own settings would lift limits; ours replace them.
        map.insert(
            "x-guidance".to_owned(),
            json!({
                "whitespace_flexible": false,
                "item_separator": ", ?",
                "key_separator": ": ?",
                "coerce_one_of": true,
            }),
        );
    }
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(map) => {
            let named = map.get("properties").is_some_and(Value::is_object);
            let joined = JOINED.iter().any(|keyword| map.contains_key(*keyword));
            if named && joined {
                return;
            }
            if named && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            close_parts(map);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The schemas inside a schema; values of `enum`, `const`, `default` are data.
fn close_parts(map: &mut Map<String, Value>) {
    for (keyword, part) in map.iter_mut() {
        match keyword.as_str() {
            "properties" | "$defs" | "definitions" => {
                if let Value::Object(schemas) = part {
                    schemas.values_mut().for_each(close);
                }
            }
            "items" | "prefixItems" | "additionalItems" | "additionalProperties" | "anyOf" | "oneOf" => {
                close(part);
            }
            _ => {}
        }
    }
}

fn mentions(schema: &Value, keyword: &str) -> bool {
    match schema {
        Value::Array(items) => items.iter().any(|item| mentions(item, keyword)),
        Value::Object(map) => map.contains_key(keyword) || map.values().any(|value| mentions(value, keyword)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
