//! Keeps a caller's text from becoming a control token.
//!
//! Before rendering, every place in a caller's text that could begin a control token (or, joined to
//! a piece before it, finish one) gets an invisible mark after its first character. The mark is a
//! Unicode noncharacter, is taken out of the input first, and travels with the text through
//! whatever the template does to it. Afterwards a control token with a mark inside is the caller's;
//! one without is the template's.
//!
//! A token that is put together from three or more pieces, or whose parts a template reorders, is
//! beyond this: templates come from the model's maker, not from the caller.

use std::collections::HashMap;

use super::Segment;

/// The mark: never a character of any text (Unicode 15, section 23.7).
pub(super) const MARK: char = '\u{FDD0}';

/// Knows the control tokens of a model.
#[derive(Debug)]
pub(super) struct Marker {
    /// Control tokens by their first byte, longest first.
    tokens: HashMap<u8, Vec<String>>,
    /// The beginnings (two characters, or the one of a token that has no more) and the tokens
    /// without their first character, by the first byte.
    suspects: HashMap<u8, Vec<String>>,
}

impl Marker {
    pub(super) fn new(control: &[String]) -> Self {
        let mut tokens: HashMap<u8, Vec<String>> = HashMap::new();
        let mut suspects: HashMap<u8, Vec<String>> = HashMap::new();
        let mut suspect = |text: &str| {
            if let Some(first) = text.bytes().next() {
                let list = suspects.entry(first).or_default();
                if !list.iter().any(|known| known == text) {
                    list.push(text.to_owned());
                }
            }
        };
        for token in control {
            let Some(first) = token.bytes().next() else {
                continue;
            };
            let beginning: String = token.chars().take(2).collect();
            suspect(&beginning);
            let tail: String = token.chars().skip(1).collect();
            if tail.chars().nth(1).is_some() {
                suspect(&tail);
            }
            tokens.entry(first).or_default().push(token.clone());
        }
        for list in tokens.values_mut() {
            list.sort_by_key(|token| std::cmp::Reverse(token.len()));
            list.dedup();
        }
        Self { tokens, suspects }
    }

    /// The text with marks; `None` where it needs none and has none.
    pub(super) fn mark(&self, text: &str) -> Option<String> {
        let suspicious = |at: usize, text: &str| {
            self.suspects.get(&text.as_bytes()[at]).is_some_and(|list| {
                list.iter()
                    .any(|suspect| text[at..].starts_with(suspect.as_str()))
            })
        };
        let needed = text
            .char_indices()
            .any(|(at, character)| character == MARK || suspicious(at, text));
        if !needed {
            return None;
        }
        let clean: String = text.chars().filter(|&character| character != MARK).collect();
        let mut out = String::with_capacity(clean.len() + 16);
        for (at, character) in clean.char_indices() {
            out.push(character);
            if suspicious(at, &clean) {
                out.push(MARK);
            }
        }
        Some(out)
    }

    /// Takes the marks out of rendered text and splits it at the template's own control tokens wherever
    /// the caller's text spells one; true where it does.
    pub(super) fn segments(&self, text: &str) -> (Vec<Segment>, bool) {
        let (text, marks) = take_marks(text);
        let mut marks = marks.into_iter().peekable();
        let mut segments = Vec::new();
        // `start..` is not in a segment yet; `forged` says that it spells a control token.
        let (mut start, mut forged, mut any) = (0, false, false);
        for (at, token) in self.tokens_at(&text) {
            let end = at + token.len();
            while marks.next_if(|&mark| mark <= at).is_some() {}
            let inside = |&mark: &usize| mark < end || token.chars().nth(1).is_none() && mark == end;
            if marks.peek().is_some_and(inside) {
                (forged, any) = (true, true);
            } else {
                push(&mut segments, &text[start..at], !forged);
                push(&mut segments, token, true);
                (start, forged) = (end, false);
            }
        }
        push(&mut segments, &text[start..], !forged);
        (segments, any)
    }

    /// The control tokens of a text, in order.
    pub(super) fn tokens_in(&self, text: &str) -> impl Iterator<Item = &str> {
        self.tokens_at(text).map(|(_, token)| token)
    }

    /// The control tokens of a text with their places: the leftmost, then the longest.
    fn tokens_at(&self, text: &str) -> impl Iterator<Item = (usize, &str)> {
        let mut next = 0;
        text.char_indices().filter_map(move |(at, _)| {
            let token = (at >= next).then(|| self.token_at(text, at)).flatten()?;
            next = at + token.len();
            Some((at, token))
        })
    }

    /// The longest control token at this place.
    fn token_at(&self, text: &str, at: usize) -> Option<&str> {
        self.tokens
            .get(&text.as_bytes()[at])?
            .iter()
            .map(String::as_str)
            .find(|token| text[at..].starts_with(token))
    }
}

/// The text without marks, and the places in it where they stood.
fn take_marks(text: &str) -> (String, Vec<usize>) {
    let mut clean = String::with_capacity(text.len());
    let mut marks = Vec::new();
    for character in text.chars() {
        match character {
            MARK => marks.push(clean.len()),
            other => clean.push(other),
        }
    }
    (clean, marks)
}

/// Adds text to the last segment where that is of the same kind.
fn push(segments: &mut Vec<Segment>, text: &str, trusted: bool) {
    if text.is_empty() {
        return;
    }
    match segments.last_mut() {
        Some(last) if last.trusted == trusted => last.text.push_str(text),
        _ => segments.push(Segment {
            text: text.to_owned(),
            trusted,
        }),
    }
}
