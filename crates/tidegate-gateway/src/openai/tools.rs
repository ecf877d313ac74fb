//! Tools and the choice among them: from the wire to the engine.

use serde_json::Value;
use tidegate_api::openai as api;
use tidegate_base::Fault;
use tidegate_engine::{Tool, ToolChoice};

/// The longest name of a tool, as OpenAI has it.
const NAME_MAX: usize = 64;

/// Checks and converts the tools.
pub(crate) fn convert(definitions: Vec<api::ToolDefinition>, most: usize) -> Result<Vec<Tool>, Fault> {
    if definitions.len() > most {
        let text = format!("has {} tools, expected at most {most}", definitions.len());
        return Err(wrong("tools".to_owned(), &text));
    }
    let mut tools: Vec<Tool> = Vec::with_capacity(definitions.len());
    for (place, definition) in definitions.into_iter().enumerate() {
        if definition.kind != "function" {
            return Err(wrong(
                format!("tools[{place}].type"),
                "is not supported, expected `function`",
            ));
        }
        let path = format!("tools[{place}].function");
        let function = definition
            .function
            .ok_or_else(|| wrong(path.clone(), "is missing"))?;
        if !is_name(&function.name) {
            return Err(wrong(
                format!("{path}.name"),
                "is not a name: expected 1 to 64 letters, digits, `_` or `-`",
            ));
        }
        if tools.iter().any(|tool| tool.name == function.name) {
            let text = format!("is `{}`, which another tool has already", function.name);
            return Err(wrong(format!("{path}.name"), &text));
        }
        tools.push(Tool {
            name: function.name,
            description: function.description,
            parameters: function.parameters.map(Value::Object),
            strict: function.strict.unwrap_or(false),
        });
    }
    Ok(tools)
}

/// Checks and converts the choice.
pub(crate) fn choice(choice: Option<api::ToolChoice>, tools: &[Tool]) -> Result<ToolChoice, Fault> {
    let wrong = |problem: &str| Err(wrong("tool_choice".to_owned(), problem));
    let choice = match choice {
        None => return Ok(ToolChoice::Auto),
        Some(api::ToolChoice::Mode(mode)) => match mode.as_str() {
            "auto" => return Ok(ToolChoice::Auto),
            "none" => return Ok(ToolChoice::None),
            "required" => ToolChoice::Required,
            _ => {
                return wrong(
                    "is not known, expected `auto`, `none`, `required` or an object that names a function",
                );
            }
        },
        Some(api::ToolChoice::Named {
            kind,
            name: Some(name),
        }) if kind == "function" => ToolChoice::Named(name),
        Some(api::ToolChoice::Named { .. }) => {
            return wrong(
                "is not supported, expected the form `{\"type\": \"function\", \"function\": {\"name\": …}}`",
            );
        }
    };
    if tools.is_empty() {
        return wrong("needs `tools`");
    }
    if let ToolChoice::Named(name) = &choice
        && !tools.iter().any(|tool| &tool.name == name)
    {
        return wrong("names a function that is not among `tools`");
    }
    Ok(choice)
}

fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
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

    fn read(tools: Value, tool_choice: Value) -> Result<(usize, ToolChoice), Fault> {
        let tools = convert(serde_json::from_value(tools).unwrap(), 3)?;
        let choice = choice(serde_json::from_value(tool_choice).unwrap(), &tools)?;
        Ok((tools.len(), choice))
    }

    #[test]
    fn choices_arrive() {
        let tools =
            json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
        for (given, expected) in [
            (json!(null), ToolChoice::Auto),
            (json!("auto"), ToolChoice::Auto),
            (json!("none"), ToolChoice::None),
            (json!("required"), ToolChoice::Required),
            (
                json!({"type": "function", "function": {"name": "f"}}),
                ToolChoice::Named("f".to_owned()),
            ),
        ] {
            assert_eq!(read(tools.clone(), given).unwrap(), (1, expected));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let f = json!({"type": "function", "function": {"name": "f"}});
        for (tools, choice, param) in [
            (json!([f, f]), json!(null), "tools[1].function.name"),
            (json!([{"type": "custom"}]), json!(null), "tools[0].type"),
            (json!([{"type": "function"}]), json!(null), "tools[0].function"),
            (
                json!([{"type": "function", "function": {"name": "a b"}}]),
                json!(null),
                "tools[0].function.name",
            ),
            (json!([]), json!("required"), "tool_choice"),
            (json!([f]), json!("always"), "tool_choice"),
            (
                json!([f]),
                json!({"type": "function", "function": {"name": "g"}}),
                "tool_choice",
            ),
            (json!([f]), json!({"type": "allowed_tools"}), "tool_choice"),
            (json!([f, f, f, f]), json!(null), "tools"),
        ] {
            let fault = read(tools, choice).unwrap_err();
            assert_eq!(fault.param.as_deref(), Some(param), "{fault}");
        }
    }
}
