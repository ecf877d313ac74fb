//! Turns of a conversation, as clients send them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::tool::ToolCallIn;

/// One turn. Which fields a role needs is checked by the gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a message object")]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// The text.
    pub content: Option<Content>,
    /// The speaker's name.
    pub name: Option<String>,
    /// Calls that the assistant made.
    pub tool_calls: Option<Vec<ToolCallIn>>,
    /// Which call a `tool` turn answers.
    pub tool_call_id: Option<String>,
    /// What the assistant said instead of an answer.
    pub refusal: Option<String>,
    /// The old form of `tool_calls`; refused.
    pub function_call: Option<IgnoredAny>,
}

/// A text, or the parts of a message.
#[derive(Debug, Clone)]
pub enum Content {
    /// One text.
    Text(String),
    /// Parts of several kinds.
    Parts(Vec<ContentPart>),
}

/// A part of a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a content part object")]
pub struct ContentPart {
    /// `text`, `refusal`, `image_url`, `input_audio` or `file`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text of a `text` part.
    pub text: Option<String>,
    /// The text of a `refusal` part.
    pub refusal: Option<String>,
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor;

        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of content parts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Content, E> {
                Ok(Content::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }
        }

        deserializer.deserialize_any(ContentVisitor)
    }
}
