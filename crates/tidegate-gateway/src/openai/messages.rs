//! Turns of a conversation: from the wire to the engine.

use std::collections::HashMap;

use serde_json::{Map, Value};
use tidegate_api::openai::{ChatMessage, Content, ContentPart};
use tidegate_base::Fault;
use tidegate_engine::{Message, ToolCall};

/// Checks and converts the turns, oldest first.
pub(crate) fn convert(messages: Vec<ChatMessage>) -> Result<Vec<Message>, Fault> {
    if messages.is_empty() {
        return Err(
            Fault::invalid("`messages` is empty, expected at least one message").with_param("messages"),
        );
    }
    let mut turns = Vec::with_capacity(messages.len());
    let mut called = HashMap::new();
    for (place, message) in messages.into_iter().enumerate() {
        let mut turn = one(place, message)?;
        for call in &turn.tool_calls {
            called.insert(call.id.clone(), call.name.clone());
        }
        // Some templates want the tool's name, which clients do not repeat.
        if turn.role == "tool" && turn.name.is_none() {
            turn.name = turn.tool_call_id.as_ref().and_then(|id| called.get(id)).cloned();
        }
        turns.push(turn);
    }
    Ok(turns)
}

fn one(place: usize, message: ChatMessage) -> Result<Message, Fault> {
    let path = |field: &str| format!("messages[{place}].{field}");
    let role = match message.role.as_str() {
        "developer" | "system" => "system",
        "user" => "user",
        "assistant" => "assistant",
        "tool" => "tool",
        other => {
            return Err(wrong(
                path("role"),
                &format!(
                    "is `{}`, expected `system`, `developer`, `user`, `assistant` or `tool`",
                    other.chars().take(40).collect::<String>()
                ),
            ));
        }
    };
    if message.function_call.is_some() {
        return Err(wrong(path("function_call"), "is not supported: use `tool_calls`"));
    }
    let calls = message.tool_calls.unwrap_or_default();
    if !calls.is_empty() && role != "assistant" {
        return Err(wrong(
            path("tool_calls"),
            "is only allowed with the role `assistant`",
        ));
    }
    if role == "tool" && message.tool_call_id.is_none() {
        return Err(wrong(
            path("tool_call_id"),
            "is missing: a `tool` message answers a call",
        ));
    }
    let content = match (message.content, message.refusal) {
        (Some(content), _) => text(&path("content"), content)?,
        (None, Some(refusal)) => refusal,
        (None, None) if role == "assistant" && !calls.is_empty() => String::new(),
        (None, None) => return Err(wrong(path("content"), "is missing")),
    };
    let mut tool_calls = Vec::with_capacity(calls.len());
    for (number, call) in calls.into_iter().enumerate() {
        let path = format!("messages[{place}].tool_calls[{number}]");
        if call.kind.is_some_and(|kind| kind != "function") {
            return Err(wrong(
                format!("{path}.type"),
                "is not supported, expected `function`",
            ));
        }
        tool_calls.push(ToolCall {
            id: call.id,
            name: call.function.name,
            arguments: arguments(&format!("{path}.function.arguments"), &call.function.arguments)?,
        });
    }
    Ok(Message {
        role: role.to_owned(),
        content,
        name: message.name,
        tool_calls,
        tool_call_id: message.tool_call_id,
    })
}

/// The arguments of a call, which come as a text that holds a JSON object.
fn arguments(path: &str, text: &str) -> Result<Value, Fault> {
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(wrong(path.to_owned(), "is not a JSON object in a string")),
        Err(error) => Err(wrong(path.to_owned(), &format!("is not valid JSON: {error}"))),
    }
}

/// The text of a message. Parts are joined by line breaks.
fn text(path: &str, content: Content) -> Result<String, Fault> {
    let parts = match content {
        Content::Text(text) => return Ok(text),
        Content::Parts(parts) => parts,
    };
    let texts: Result<Vec<String>, Fault> = parts
        .into_iter()
        .enumerate()
        .map(|(number, part)| part_text(&format!("{path}[{number}]"), part))
        .collect();
    Ok(texts?.join("\n"))
}

fn part_text(path: &str, part: ContentPart) -> Result<String, Fault> {
    match part.kind.as_str() {
        "text" => part
            .text
            .ok_or_else(|| wrong(format!("{path}.text"), "is missing")),
        "refusal" => part
            .refusal
            .ok_or_else(|| wrong(format!("{path}.refusal"), "is missing")),
        kind @ ("image_url" | "input_audio" | "file") => Err(Fault::unsupported(format!(
            "`{path}` is a part of type `{kind}`; this server reads text only"
        ))
        .with_param(path)
        .with_code("unsupported_content")),
        other => Err(wrong(
            format!("{path}.type"),
            &format!(
                "is `{}`, expected `text`",
                other.chars().take(40).collect::<String>()
            ),
        )),
    }
}

fn wrong(param: String, problem: &str) -> Fault {
    Fault::invalid(format!("`{param}` {problem}"))
        .with_param(param)
        .with_code("invalid_value")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(messages: Value) -> Result<Vec<Message>, Fault> {
        convert(serde_json::from_value(messages).unwrap())
    }

    #[test]
    fn turns_arrive_in_the_engines_words() {
        let turns = read(json!([
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"x\": 1}"}},
                {"id": "c2", "function": {"name": "time", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            {"role": "assistant", "refusal": "no"},
        ]))
        .unwrap();
        let roles: Vec<_> = turns.iter().map(|turn| turn.role.as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool", "assistant"]);
        assert_eq!(turns[1].content, "a\nb");
        assert_eq!(turns[2].tool_calls[0].arguments, json!({"x": 1}));
        assert_eq!(turns[2].tool_calls[1].arguments, json!({}));
        assert_eq!(turns[3].name.as_deref(), Some("weather"));
        assert_eq!(turns[4].content, "no");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (messages, param) in [
            (json!([]), "messages"),
            (json!([{"role": "king", "content": "x"}]), "messages[0].role"),
            (json!([{"role": "user"}]), "messages[0].content"),
            (json!([{"role": "assistant"}]), "messages[0].content"),
            (
                json!([{"role": "tool", "content": "x"}]),
                "messages[0].tool_call_id",
            ),
            (
                json!([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]),
                "messages[0].content[1]",
            ),
            (
                json!([{"role": "user", "content": [{"type": "text"}]}]),
                "messages[0].content[0].text",
            ),
            (
                json!([{"role": "user", "content": [{"type": "poem"}]}]),
                "messages[0].content[0].type",
            ),
            (
                json!([{"role": "assistant", "tool_calls": [
                    {"id": "c", "function": {"name": "f", "arguments": "[1]"}}]}]),
                "messages[0].tool_calls[0].function.arguments",
            ),
            (
                json!([{"role": "assistant", "tool_calls": [
                    {"id": "c", "function": {"name": "f", "arguments": "{"}}]}]),
                "messages[0].tool_calls[0].function.arguments",
            ),
            (
                json!([{"role": "user", "content": "x", "tool_calls": [
                    {"id": "c", "function": {"name": "f", "arguments": "{}"}}]}]),
                "messages[0].tool_calls",
            ),
            (
                json!([{"role": "assistant", "content": "x", "function_call": {}}]),
                "messages[0].function_call",
            ),
        ] {
            let fault = read(messages.clone()).unwrap_err();
            assert_eq!(fault.param.as_deref(), Some(param), "{messages}: {fault}");
        }
    }
}
