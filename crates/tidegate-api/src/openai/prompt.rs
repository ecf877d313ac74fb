//! A text, tokens, or a list of them: `prompt` of completions and `input` of embeddings.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// What was sent, as a list: `"a"` and `[1, 2]` are lists of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompts(pub Vec<PromptItem>);

/// One text or its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptItem {
    /// A text.
    Text(String),
    /// Token numbers.
    Tokens(Vec<u32>),
}

/// One element of the outer array.
enum Element {
    Text(String),
    Token(u32),
    Tokens(Vec<u32>),
}

/// The most elements that are read before a gateway can apply its own limit: a list of empty lists takes
/// ten times the memory of its JSON.
const ELEMENTS_MAX: usize = 1 << 16;

const EXPECTED: &str = "a string, an array of strings, an array of token numbers or an array of such arrays";

impl<'de> Deserialize<'de> for Prompts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PromptsVisitor)
    }
}

struct PromptsVisitor;

impl<'de> Visitor<'de> for PromptsVisitor {
    type Value = Prompts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E>(self, text: &str) -> Result<Prompts, E> {
        Ok(Prompts(vec![PromptItem::Text(text.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Prompts, A::Error> {
        let (mut items, mut tokens) = (Vec::new(), Vec::new());
        while let Some(element) = seq.next_element()? {
            match element {
                Element::Text(text) => items.push(PromptItem::Text(text)),
                Element::Tokens(list) => items.push(PromptItem::Tokens(list)),
                Element::Token(token) => tokens.push(token),
            }
            if items.len() > ELEMENTS_MAX {
                return Err(A::Error::custom(format!(
                    "too many elements, expected at most {ELEMENTS_MAX}"
                )));
            }
        }
        match (items.is_empty(), tokens.is_empty()) {
            (true, false) => Ok(Prompts(vec![PromptItem::Tokens(tokens)])),
            (_, true) => Ok(Prompts(items)),
            (false, false) => Err(A::Error::custom(format!(
                "token numbers and other values are mixed, expected {EXPECTED}"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a token number or an array of token numbers")
    }

    fn visit_str<E>(self, text: &str) -> Result<Element, E> {
        Ok(Element::Text(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Element, E> {
        u32::try_from(number)
            .map(Element::Token)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Element, E> {
        Err(E::invalid_value(serde::de::Unexpected::Signed(number), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Element, A::Error> {
        let mut tokens = Vec::new();
        while let Some(token) = seq.next_element()? {
            tokens.push(token);
        }
        Ok(Element::Tokens(tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<PromptItem>, String> {
        serde_json::from_str::<Prompts>(json)
            .map(|prompts| prompts.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_shape_becomes_a_list() {
        let text = |text: &str| PromptItem::Text(text.to_owned());
        for (json, items) in [
            (r#""a""#, vec![text("a")]),
            (r#"["a","b"]"#, vec![text("a"), text("b")]),
            ("[1,2]", vec![PromptItem::Tokens(vec![1, 2])]),
            (
                "[[1],[2,3]]",
                vec![PromptItem::Tokens(vec![1]), PromptItem::Tokens(vec![2, 3])],
            ),
            ("[]", vec![]),
        ] {
            assert_eq!(read(json), Ok(items), "{json}");
        }
    }

    #[test]
    fn endless_lists_of_nothing_are_not_read_to_their_end() {
        let json = format!("[{}[]]", "[],".repeat(ELEMENTS_MAX + 1));
        assert!(read(&json).unwrap_err().contains("too many elements"));
    }

    #[test]
    fn other_shapes_are_refused() {
        for json in [
            "1",
            "{}",
            "[1,\"a\"]",
            "[-1]",
            "[1.5]",
            "[4294967296]",
            "[[\"a\"]]",
            "[null]",
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
