//! Checks values against as much of JSON Schema as the tests use.

use serde_json::{Value, json};

/// What is wrong with a value: enough of JSON Schema for the tables below.
pub(super) fn wrong(value: &Value, schema: &Value, root: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return wrong(value, root.pointer(pointer).expect("the reference exists"), root);
    }
    if let Some(options) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let fits = options.iter().any(|option| wrong(value, option, root).is_none());
        return (!fits).then(|| format!("{value} fits no option"));
    }
    let constant = schema.get("const").is_some_and(|constant| constant != value);
    let listed = schema["enum"]
        .as_array()
        .is_some_and(|values| !values.contains(value));
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |name: &Value| *name == kind || *name == "number" && kind == "integer";
    let type_fits = match &schema["type"] {
        Value::Null => true,
        Value::Array(names) => names.iter().any(is),
        name @ (Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => is(name),
    };
    let number = value.as_f64().unwrap_or(0.0);
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => 0,
    };
    let beyond = |key: &str, least: bool| {
        schema[key].as_u64().is_some_and(|limit| {
            let limit = usize::try_from(limit).expect("small");
            if least { length < limit } else { length > limit }
        })
    };
    let range = schema["minimum"].as_f64().is_some_and(|limit| number < limit)
        || schema["maximum"].as_f64().is_some_and(|limit| number > limit)
        || schema["exclusiveMaximum"]
            .as_f64()
            .is_some_and(|limit| number >= limit);
    let size = ["minLength", "minItems"].iter().any(|key| beyond(key, true))
        || ["maxLength", "maxItems"].iter().any(|key| beyond(key, false));
    if constant || listed || !type_fits || range || size {
        return Some(format!("{value} does not fit {schema}"));
    }
    match value {
        Value::Array(items) => items
            .iter()
            .find_map(|item| schema.get("items").and_then(|schema| wrong(item, schema, root))),
        Value::Object(map) => wrong_object(map, schema, root),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn wrong_object(map: &serde_json::Map<String, Value>, schema: &Value, root: &Value) -> Option<String> {
    let missing = schema["required"].as_array().and_then(|names| {
        names
            .iter()
            .find(|name| !map.contains_key(name.as_str().expect("a name")))
    });
    if let Some(name) = missing {
        return Some(format!("{name} is missing"));
    }
    let other = match (&schema["properties"], &schema["additionalProperties"]) {
        (Value::Null, Value::Null) => json!({}),
        (_, Value::Null | Value::Bool(false)) => Value::Bool(false),
        (_, schema) => schema.clone(),
    };
    map.iter()
        .find_map(|(key, item)| match schema["properties"].get(key) {
            Some(schema) => wrong(item, schema, root),
            None if other == false => Some(format!("`{key}` is not allowed")),
            None => wrong(item, &other, root),
        })
}
