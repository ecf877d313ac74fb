//! A request's data as template values, in the shapes that Hugging Face templates expect.

use minijinja::value::Value;
use serde_json::Value as Json;

use super::marks::{MARK, Marker};
use crate::{Message, Tool, ToolCall};

/// Turns what a caller wrote into template values and marks what looks like a control token.
pub(super) struct Writer<'a> {
    marker: &'a Marker,
    /// Whether to put marks; their character is taken out of the text in any case.
    mark: bool,
    short_ids: bool,
    marked: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(marker: &'a Marker, mark: bool, short_ids: bool) -> Self {
        Self {
            marker,
            mark,
            short_ids,
            marked: false,
        }
    }

    /// Whether any text got a mark.
    pub(super) fn marked(&self) -> bool {
        self.marked
    }

    /// One turn: `role`, `content`, then what else it has.
    pub(super) fn message(&mut self, message: &Message) -> Value {
        let mut pairs = vec![
            ("role", Value::from(message.role.as_str())),
            ("content", self.text(&message.content)),
        ];
        if let Some(name) = &message.name {
            pairs.push(("name", self.text(name)));
        }
        if !message.tool_calls.is_empty() {
            let calls: Vec<Value> = message.tool_calls.iter().map(|call| self.call(call)).collect();
            pairs.push(("tool_calls", Value::from(calls)));
        }
        if let Some(id) = &message.tool_call_id {
            pairs.push(("tool_call_id", self.id(id)));
        }
        Value::from_pairs(pairs)
    }

    /// A tool in OpenAI's shape.
    pub(super) fn tool(&mut self, tool: &Tool) -> Value {
        let mut function = vec![("name", self.text(&tool.name))];
        if let Some(description) = &tool.description {
            function.push(("description", self.text(description)));
        }
        if let Some(parameters) = &tool.parameters {
            function.push(("parameters", self.json(parameters)));
        }
        Value::from_pairs([
            ("type", Value::from("function")),
            ("function", Value::from_pairs(function)),
        ])
    }

    /// Any JSON, strings and keys marked.
    pub(super) fn json(&mut self, json: &Json) -> Value {
        match json {
            Json::Null => Value::from(()),
            Json::Bool(value) => Value::from(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Value::from(value),
                (None, Some(value)) => Value::from(value),
                (None, None) => Value::from(number.as_f64().unwrap_or_default()),
            },
            Json::String(text) => self.text(text),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Json::Object(map) => {
                let pairs: Vec<(Value, Value)> = map
                    .iter()
                    .map(|(key, value)| (self.text(key), self.json(value)))
                    .collect();
                Value::from_pairs(pairs)
            }
        }
    }

    fn call(&mut self, call: &ToolCall) -> Value {
        let function = Value::from_pairs([
            ("name", self.text(&call.name)),
            ("arguments", self.json(&call.arguments)),
        ]);
        Value::from_pairs([
            ("type", Value::from("function")),
            ("id", self.id(&call.id)),
            ("function", function),
        ])
    }

    /// A call's id; one of nine letters or digits where the template insists on that.
    fn id(&mut self, id: &str) -> Value {
        if self.short_ids && !(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            return Value::from(crate::tools::short_id(id));
        }
        self.text(id)
    }

    fn text(&mut self, text: &str) -> Value {
        if !self.mark {
            return match text.contains(MARK) {
                true => Value::from(text.replace(MARK, "")),
                false => Value::from(text),
            };
        }
        match self.marker.mark(text) {
            Some(text) => {
                self.marked = true;
                Value::from(text)
            }
            None => Value::from(text),
        }
    }
}
