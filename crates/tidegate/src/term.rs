//! What is printed and how: answers to standard output, everything else to standard error.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};

use crate::exit::Failure;

/// Whether standard error may be coloured: on a terminal, unless `NO_COLOR` is set.
pub(crate) fn colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints a line to standard output; a reader that went away is an error here, and quiet at the end.
pub(crate) fn line(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints JSON for machines, on several lines.
pub(crate) fn json(value: &impl serde::Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)
}

/// Prints a line to standard error; if that cannot be done, there is nobody to tell.
pub(crate) fn note(text: impl Display) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Prints `error: …` and `hint: …`.
pub(crate) fn failure(failure: &Failure) {
    if failure.is_quiet() {
        return;
    }
    note(format_args!("{} {}", label("error:", RED), failure.message));
    if let Some(hint) = &failure.hint {
        note(format_args!("{} {hint}", label("hint:", CYAN)));
    }
}

/// Prints `warning: …`.
pub(crate) fn warning(text: impl Display) {
    note(format_args!("{} {text}", label("warning:", YELLOW)));
}

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const CYAN: &str = "\u{1b}[1;36m";
const RESET: &str = "\u{1b}[0m";

fn label(text: &'static str, colour: &'static str) -> impl Display {
    struct Label(&'static str, Option<&'static str>);
    impl Display for Label {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self.1 {
                Some(colour) => write!(f, "{colour}{}{RESET}", self.0),
                None => f.write_str(self.0),
            }
        }
    }
    Label(text, colours().then_some(colour))
}

/// Columns of text, as wide as they must be; the last one is left as it is.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let rows = [
            vec!["NAME".to_owned(), "SIZE".to_owned()],
            vec!["é".to_owned(), "1".to_owned()],
        ];
        assert_eq!(table(&rows), "NAME  SIZE\né     1\n");
        assert_eq!(table(&[]), "");
    }
}
