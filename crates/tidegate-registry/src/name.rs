//! Names of models in the store: safe as file names everywhere.

use std::fmt;
use std::str::FromStr;

/// A model's name: letters, digits, `.`, `_` and `-`, starting with a letter or digit, at most 96
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName(String);

/// The text cannot be the name of a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a valid model name: expected up to 96 letters, digits, `.`, `_` or `-`, \
     starting with a letter or digit"
)]
pub struct NameError(String);

impl ModelName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a name of any text: what is not allowed becomes `-`.
    pub fn from_lossy(text: &str) -> Self {
        let mut name: String = text
            .chars()
            .map(|c| if allowed(c) { c } else { '-' })
            .skip_while(|c| !c.is_ascii_alphanumeric())
            .take(96)
            .collect();
        if name.is_empty() {
            "model".clone_into(&mut name);
        }
        Self(name)
    }
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl FromStr for ModelName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let valid = text.len() <= 96
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(allowed);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError(text.to_owned()))
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_safe_file_names() {
        for good in ["a", "Qwen2.5-0.5B_q4", "7b"] {
            assert!(good.parse::<ModelName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "a\\b",
            "-x",
            "a b",
            "é",
            &"x".repeat(97),
        ] {
            assert!(bad.parse::<ModelName>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_valid_name(text in ".*") {
            let name = ModelName::from_lossy(&text);
            prop_assert_eq!(name.as_str().parse(), Ok(name.clone()));
        }
    }
}
