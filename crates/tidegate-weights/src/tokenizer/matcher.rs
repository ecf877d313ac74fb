//! Finds the longest of a set of texts at each place: control and user-defined tokens.

use std::collections::HashMap;

/// A set of texts with their token numbers.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    texts: HashMap<String, u32>,
    /// For each first byte, the lengths of the texts that begin with it, longest first.
    lengths: HashMap<u8, Vec<usize>>,
}

impl Matcher {
    /// Empty texts are left out.
    pub(super) fn new(texts: impl IntoIterator<Item = (String, u32)>) -> Self {
        let mut matcher = Self::default();
        for (text, id) in texts {
            let Some(&first) = text.as_bytes().first() else {
                continue;
            };
            matcher.lengths.entry(first).or_default().push(text.len());
            matcher.texts.insert(text, id);
        }
        for lengths in matcher.lengths.values_mut() {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
        }
        matcher
    }

    /// The longest text that begins at byte `at`: its length and number.
    pub(super) fn at(&self, text: &str, at: usize) -> Option<(usize, u32)> {
        let first = text.as_bytes().get(at)?;
        self.lengths.get(first)?.iter().find_map(|&len| {
            let candidate = text.get(at..at.checked_add(len)?)?;
            self.texts.get(candidate).map(|&id| (len, id))
        })
    }

    /// Cuts a text at the places where a text of the set stands, leftmost and longest first.
    pub(super) fn split<'t>(&self, text: &'t str) -> Vec<Fragment<'t>> {
        let mut fragments = Vec::new();
        let (mut start, mut at) = (0, 0);
        while at < text.len() {
            match self.at(text, at) {
                Some((len, id)) => {
                    if start < at {
                        fragments.push(Fragment::Text(&text[start..at]));
                    }
                    fragments.push(Fragment::Token(id));
                    at += len;
                    start = at;
                }
                None => at += 1,
            }
        }
        if start < text.len() {
            fragments.push(Fragment::Text(&text[start..]));
        }
        fragments
    }
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fragment<'t> {
    Text(&'t str),
    Token(u32),
}

#[cfg(test)]
mod tests {
    use super::{Fragment, Matcher};

    #[test]
    fn the_leftmost_and_longest_text_wins() {
        let set = ["<s>", "<s>>", "é"]
            .into_iter()
            .zip(0..)
            .map(|(text, id)| (text.to_owned(), id));
        let matcher = Matcher::new(set);
        let found = matcher.split("a<s>>é<s>日");
        let expect = [
            Fragment::Text("a"),
            Fragment::Token(1),
            Fragment::Token(2),
            Fragment::Token(0),
            Fragment::Text("日"),
        ];
        assert_eq!(found, expect);
    }
}
