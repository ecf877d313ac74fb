//! `response_format`.

use serde_json::Value;
use tidegate_api::openai::ResponseFormat;
use tidegate_base::Fault;
use tidegate_engine::Format;

/// The engine's noun for it.
pub(crate) fn convert(format: Option<ResponseFormat>) -> Result<Format, Fault> {
    let Some(format) = format else {
        return Ok(Format::Text);
    };
    match format.kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => {
            let named = format.json_schema.ok_or_else(|| missing("json_schema"))?;
            let schema = named.schema.ok_or_else(|| missing("json_schema.schema"))?;
            Ok(Format::JsonSchema(Value::Object(schema)))
        }
        "regex" => format.regex.map(Format::Regex).ok_or_else(|| missing("regex")),
        "lark" => format.lark.map(Format::Lark).ok_or_else(|| missing("lark")),
        other => Err(Fault::invalid(format!(
            "`response_format.type` is `{}`, expected `text`, `json_object`, `json_schema`, `regex` or `lark`",
            other.chars().take(40).collect::<String>()
        ))
        .with_param("response_format.type")
        .with_code("invalid_value")),
    }
}

fn missing(name: &str) -> Fault {
    let param = format!("response_format.{name}");
    Fault::invalid(format!("the parameter `{param}` is missing"))
        .with_param(param)
        .with_code("missing_required_parameter")
}
