//! Tools and tool calls, in both directions.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A tool that the model may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a tool object")]
pub struct ToolDefinition {
    /// `function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The function.
    pub function: Option<FunctionDefinition>,
}

/// A function that the model may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a function object")]
pub struct FunctionDefinition {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON schema of its arguments.
    pub parameters: Option<Map<String, Value>>,
    /// Whether the arguments must obey the schema to the letter.
    pub strict: Option<bool>,
}

/// A call in an `assistant` turn of the request.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a tool call object")]
pub struct ToolCallIn {
    /// The id that the result refers to.
    pub id: String,
    /// `function`; some clients leave it out.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What was called.
    pub function: FunctionIn,
}

/// What was called.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a function call object")]
pub struct FunctionIn {
    /// The tool's name.
    pub name: String,
    /// The arguments: a string that holds a JSON object.
    pub arguments: String,
}

/// Whether a tool must be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// `auto`, `none` or `required`.
    Mode(String),
    /// An object that names a tool.
    Named {
        /// `function`.
        kind: String,
        /// The tool's name.
        name: Option<String>,
    },
}

impl<'de> Deserialize<'de> for ToolChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Named {
            #[serde(rename = "type")]
            kind: String,
            function: Option<Function>,
        }

        #[derive(Deserialize)]
        #[serde(expecting = "an object with the tool's name")]
        struct Function {
            name: String,
        }

        struct ChoiceVisitor;

        impl<'de> Visitor<'de> for ChoiceVisitor {
            type Value = ToolChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`auto`, `none`, `required` or an object that names a function")
            }

            fn visit_str<E>(self, mode: &str) -> Result<ToolChoice, E> {
                Ok(ToolChoice::Mode(mode.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ToolChoice, A::Error> {
                let named = Named::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ToolChoice::Named {
                    kind: named.kind,
                    name: named.function.map(|function| function.name),
                })
            }
        }

        deserializer.deserialize_any(ChoiceVisitor)
    }
}

/// A complete call in an answer.
#[derive(Debug, Clone, Serialize)]
pub struct CallOut {
    /// The id that the result refers to.
    pub id: String,
    /// `function`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What is called.
    pub function: FunctionOut,
}

/// What is called.
#[derive(Debug, Clone, Serialize)]
pub struct FunctionOut {
    /// The tool's name.
    pub name: String,
    /// A string that holds a JSON object.
    pub arguments: String,
}

/// A piece of a call in a stream.
#[derive(Debug, Clone, Serialize)]
pub struct CallDelta<'a> {
    /// Which call of this answer.
    pub index: u32,
    /// In the first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// In the first piece only: `function`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The piece.
    pub function: FunctionDelta<'a>,
}

/// A piece of what is called.
#[derive(Debug, Clone, Serialize)]
pub struct FunctionDelta<'a> {
    /// In the first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// The next piece of the JSON text.
    pub arguments: &'a str,
}
