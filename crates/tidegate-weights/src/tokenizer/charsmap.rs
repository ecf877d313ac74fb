//! SentencePiece's normalisation: a table of rewritten characters, and what happens to spaces.
//!
//! Source: `normalizer.cc` of <https://github.com/google/sentencepiece>. The table is a blob: the
//! byte length of a trie (u32), the trie (a Darts-clone double array of u32), then replacement
//! texts, each ended by a zero byte.

use super::TokenizerError;
use super::matcher::Matcher;

/// The character that stands for a space in SentencePiece's vocabularies.
pub(super) const SPACE: &str = "\u{2581}";

/// Bytes of one replacement. The longest of Unicode's own is 33, of U+FDFA.
pub(super) const REPLACEMENT_BYTES_MAX: usize = 64;

/// The table of rewritten characters.
#[derive(Debug, Default)]
pub(super) struct Charsmap {
    trie: Vec<u32>,
    texts: String,
}

impl Charsmap {
    /// Reads the blob; `key` names it in errors. An empty blob is an empty table.
    pub(super) fn parse(key: &str, blob: &[u8]) -> Result<Self, TokenizerError> {
        let invalid = |found: &str, expected: &str| TokenizerError::invalid(key, found, expected);
        if blob.is_empty() {
            return Ok(Self::default());
        }
        let (size, rest) = blob
            .split_first_chunk::<4>()
            .ok_or_else(|| invalid("too short", "4 bytes of length"))?;
        let size = u32::from_le_bytes(*size) as usize;
        let (trie, texts) = rest
            .split_at_checked(size)
            .filter(|(trie, _)| trie.len().is_multiple_of(4) && !trie.is_empty())
            .ok_or_else(|| invalid("of a wrong length", "whole trie units inside the table"))?;
        let texts = std::str::from_utf8(texts).map_err(|_| invalid("not UTF-8", "UTF-8 replacements"))?;
        let trie = trie
            .as_chunks::<4>()
            .0
            .iter()
            .map(|unit| u32::from_le_bytes(*unit))
            .collect();
        let map = Self {
            trie,
            texts: texts.to_owned(),
        };
        map.check()
            .ok_or_else(|| invalid("broken", "every trie node and a short text inside the table"))?;
        Ok(map)
    }

    /// Walks every node that a text can reach. The crate `tokenizers` indexes without looking, so
    /// a table may only reach it after this.
    fn check(&self) -> Option<()> {
        let root = offset(*self.trie.first()?);
        let mut seen = vec![false; self.trie.len()];
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            for label in 1..=u8::MAX {
                let place = node ^ usize::from(label);
                let unit = *self.trie.get(place)?;
                if label_of(unit) != u32::from(label) {
                    continue;
                }
                let next = place ^ offset(unit);
                if has_leaf(unit) {
                    let start = value(*self.trie.get(next)?);
                    let text = self.texts.get(start..)?.as_bytes();
                    let len = text
                        .iter()
                        .take(REPLACEMENT_BYTES_MAX + 1)
                        .take_while(|&&byte| byte != 0)
                        .count();
                    if len > REPLACEMENT_BYTES_MAX {
                        return None;
                    }
                }
                if !std::mem::replace(&mut seen[place], true) {
                    open.push(next);
                }
            }
        }
        Some(())
    }

    /// The longest beginning of the text that has a replacement: its length and the replacement.
    fn longest(&self, text: &[u8]) -> Option<(usize, &str)> {
        let mut node = offset(*self.trie.first()?);
        let mut found = None;
        for (place, &byte) in text.iter().enumerate() {
            node ^= usize::from(byte);
            let Some(&unit) = self.trie.get(node) else { break };
            if byte == 0 || label_of(unit) != u32::from(byte) {
                break;
            }
            node ^= offset(unit);
            if has_leaf(unit) {
                found = self.trie.get(node).map(|&leaf| (place + 1, value(leaf)));
            }
        }
        let (len, start) = found?;
        Some((len, self.texts.get(start..)?.split('\0').next()?))
    }
}

// === Units of a Darts-clone double array ===

fn has_leaf(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}

fn value(unit: u32) -> usize {
    (unit & 0x7fff_ffff) as usize
}

fn label_of(unit: u32) -> u32 {
    unit & 0x8000_00ff
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) as usize) << ((unit & 1 << 9) >> 6)
}

/// All of SentencePiece's normalisation.
#[derive(Debug, Default)]
pub(super) struct Normalizer {
    pub(super) map: Charsmap,
    /// Texts that are left as they are, written with `▁` for spaces.
    pub(super) user_defined: Matcher,
    /// Whether a text begins as if a space stood before it.
    pub(super) add_space_prefix: bool,
    /// Whether spaces at both ends go and runs become one.
    pub(super) remove_extra_spaces: bool,
    /// Whether the added space goes to the end instead.
    pub(super) space_as_suffix: bool,
}

impl Normalizer {
    /// The text as the vocabulary writes it.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + text.len() / 4 + SPACE.len());
        let mut rest = text;
        if self.remove_extra_spaces {
            while !rest.is_empty() {
                let (len, piece) = self.prefix(rest);
                if piece != " " {
                    break;
                }
                rest = &rest[len..];
            }
        }
        if rest.is_empty() {
            return out;
        }
        if self.add_space_prefix && !self.space_as_suffix {
            out.push_str(SPACE);
        }
        let mut after_space = self.remove_extra_spaces;
        while !rest.is_empty() {
            let (len, piece) = self.prefix(rest);
            let piece = if after_space {
                piece.trim_start_matches(' ')
            } else {
                piece
            };
            rest = &rest[len..];
            if !piece.is_empty() {
                for character in piece.chars() {
                    if character == ' ' {
                        out.push_str(SPACE)
                    } else {
                        out.push(character)
                    }
                }
                after_space = self.remove_extra_spaces && piece.ends_with(' ');
            }
        }
        if self.remove_extra_spaces {
            out.truncate(out.trim_end_matches(SPACE).len());
        }
        if self.add_space_prefix && self.space_as_suffix {
            out.push_str(SPACE);
        }
        out
    }

    /// The next unit of the text: its length, and what becomes of it.
    fn prefix<'t>(&'t self, text: &'t str) -> (usize, &'t str) {
        if let Some((len, _)) = self.user_defined.at(text, 0) {
            return (len, &text[..len]);
        }
        match self.map.longest(text.as_bytes()) {
            // A replacement that would cut a character apart can only come from a broken table.
            Some((len, replacement)) if text.is_char_boundary(len) => (len, replacement),
            _ => {
                let len = text.chars().next().map_or(0, char::len_utf8);
                (len, &text[..len])
            }
        }
    }
}
