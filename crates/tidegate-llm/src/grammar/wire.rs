//! Grammars that derive tool calls as each family of models writes them.

use std::fmt::Write as _;

use tidegate_engine::{Tool, ToolFormat};

use super::{parameters, schema};

/// A Lark grammar for one or more calls of these tools; `None` for a family without tools.
/// `control` finds the number of a control token by its text.
pub(super) fn lark(
    format: ToolFormat,
    tools: &[&Tool],
    parallel: bool,
    control: impl Fn(&str) -> Option<u32>,
) -> Option<String> {
    let marker = |text: &str| match control(text) {
        Some(token) => format!("<[{token}]>"),
        None => quote(text),
    };
    let (start, key) = match format {
        ToolFormat::None => return None,
        ToolFormat::Hermes => {
            let call = format!(
                "{} \"\\n\" call \"\\n\" {}",
                marker("<tool_call>"),
                marker("</tool_call>")
            );
            let more = if parallel { " (\"\\n\" block)*" } else { "" };
            (format!("start: block{more}\nblock: {call}\n"), "arguments")
        }
        ToolFormat::Llama => {
            let more = if parallel { " (\"; \" call)*" } else { "" };
            (format!("start: call{more}\n"), "parameters")
        }
        ToolFormat::Mistral { named: false } => {
            let more = if parallel { " (\", \" call)*" } else { "" };
            let opening = marker("[TOOL_CALLS]");
            (
                format!("start: {opening} /( )?\\[/ call{more} \"]\"\n"),
                "arguments",
            )
        }
        ToolFormat::Mistral { named: true } => {
            let more = if parallel { "+" } else { "" };
            let opening = marker("[TOOL_CALLS]");
            (
                format!("start: block{more}\nblock: {opening} call\n"),
                "arguments",
            )
        }
    };
    let mut grammar = start;
    let names: Vec<String> = (0..tools.len()).map(|index| format!("call_{index}")).collect();
    // Writing to a `String` cannot fail.
    let _ = writeln!(grammar, "call: {}", names.join(" | "));
    for (index, tool) in tools.iter().enumerate() {
        let arguments = schema::prepare(parameters(tool));
        let (before, after) = match format {
            ToolFormat::Mistral { named: true } => (
                format!("{} {}", quote(&tool.name), marker("[ARGS]")),
                String::new(),
            ),
            ToolFormat::Mistral { named: false }
            | ToolFormat::Hermes
            | ToolFormat::Llama
            | ToolFormat::None => {
                let name = serde_json::Value::from(tool.name.as_str());
                (quote(&format!("{{\"name\": {name}, \"{key}\": ")), quote("}"))
            }
        };
        let _ = writeln!(grammar, "call_{index}: {before} arguments_{index} {after}");
        let _ = writeln!(grammar, "arguments_{index}: %json {arguments}");
    }
    Some(grammar)
}

/// A string literal of Lark: JSON's, without raw control characters.
fn quote(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}
