//! A mistake in the configuration: where it is, what is wrong, what was probably meant.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// A line of a file, counted from 1.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
    /// Nowhere: the program's own choice.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One mistake. They sort in the order of the file, then the environment, then the flags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mistake {
    pub(crate) origin: Origin,
    /// The setting (`gateway.limits.body`); empty if the file is no TOML at all there.
    pub(crate) key: String,
    pub(crate) problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.origin, self.problem)
        } else {
            write!(f, "{}: `{}`: {}", self.origin, self.key, self.problem)
        }
    }
}

/// Makes serde's sentence ours: an unknown field says what was probably meant, and the names of
/// Rust's number types become words.
pub(crate) fn reworded(problem: &str, section: &str) -> String {
    match unknown_key(problem, section) {
        Some(text) => text,
        None => ["usize", "u64", "u32", "u16"]
            .iter()
            .fold(problem.to_owned(), |text, number| {
                text.replace(&format!("expected {number}"), "expected a whole number")
            }),
    }
}

fn unknown_key(problem: &str, section: &str) -> Option<String> {
    let (field, rest) = problem.strip_prefix("unknown field `")?.split_once('`')?;
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    Some(match nearest(field, &known) {
        Some(near) => format!("there is no such setting; did you mean `{section}.{near}`?"),
        None => unknown(field, &known),
    })
}

/// The sentence about a name that nobody knows.
pub(crate) fn unknown(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("there is no such setting; did you mean `{near}`?"),
        None => format!(
            "there is no such setting, expected one of `{}`",
            known.join("`, `")
        ),
    }
}

/// The known name that looks most like `name`, if one does.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    let best = known.iter().min_by_key(|other| distance(other))?;
    (distance(best) <= 1 + name.len() / 4).then_some(*best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_when_it_is_near() {
        let known = ["body", "requests", "streams"];
        assert_eq!(nearest("bdy", &known), Some("body"));
        assert_eq!(nearest("request", &known), Some("requests"));
        assert_eq!(nearest("colour", &known), None);
        let fields = "unknown field `bdoy`, expected one of `body`, `requests`";
        assert_eq!(
            reworded(fields, "a.b"),
            "there is no such setting; did you mean `a.b.body`?"
        );
        assert_eq!(
            reworded("unknown field `x`, expected `threads` or `cpu`", "a"),
            "there is no such setting, expected one of `threads`, `cpu`"
        );
        assert_eq!(
            reworded("invalid type: string \"x\", expected usize", "a"),
            "invalid type: string \"x\", expected a whole number"
        );
    }
}
