//! Tokens to text, one at a time, releasing only whole characters.

use super::Tokenizer;

/// The bytes of U+FFFD.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// Turns a growing sequence of tokens into text. What is released is always valid UTF-8 and never
/// taken back: an unfinished character is held until its last byte comes.
#[derive(Debug, Clone)]
pub struct Detokenizer {
    /// The bytes of an unfinished character; at most 3.
    held: Vec<u8>,
    /// Whether the space that SentencePiece puts before the first word must still be dropped.
    at_start: bool,
}

impl Default for Detokenizer {
    fn default() -> Self {
        Self::new()
    }
}

impl Detokenizer {
    /// For tokens that continue a text, as a generated answer does.
    pub fn new() -> Self {
        Self {
            held: Vec::with_capacity(4),
            at_start: false,
        }
    }

    /// For tokens from the start of a text.
    pub fn at_start() -> Self {
        Self {
            at_start: true,
            ..Self::new()
        }
    }

    /// Appends the text that is certain after this token. Control tokens add their literal text;
    /// leave them out where they should not be seen.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32, out: &mut Vec<u8>) {
        let mut bytes = tokenizer.token_bytes(id);
        if self.at_start && !tokenizer.is_control(id) && !bytes.is_empty() {
            self.at_start = false;
            if tokenizer.strip_leading_space {
                bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
            }
        }
        self.push_bytes(bytes, out);
    }

    /// The same for bytes.
    pub fn push_bytes(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() {
            self.release(bytes, out);
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(bytes);
            self.release(&joined, out);
        }
    }

    /// Ends the text: an unfinished character becomes U+FFFD.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.held.is_empty() {
            self.held.clear();
            out.extend_from_slice(REPLACEMENT);
        }
    }

    fn release(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        loop {
            match std::str::from_utf8(bytes) {
                Ok(_) => {
                    out.extend_from_slice(bytes);
                    return;
                }
                Err(error) => {
                    let (valid, rest) = bytes.split_at(error.valid_up_to());
                    out.extend_from_slice(valid);
                    let Some(wrong) = error.error_len() else {
                        self.held.extend_from_slice(rest);
                        return;
                    };
                    out.extend_from_slice(REPLACEMENT);
                    bytes = &rest[wrong..];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Detokenizer;

    fn check(parts: &[&[u8]], expect: &[&str]) {
        let mut detokenizer = Detokenizer::new();
        let mut seen = Vec::new();
        for part in parts {
            let mut out = Vec::new();
            detokenizer.push_bytes(part, &mut out);
            seen.push(String::from_utf8(out).unwrap());
        }
        let mut out = Vec::new();
        detokenizer.finish(&mut out);
        seen.push(String::from_utf8(out).unwrap());
        assert_eq!(seen, expect);
    }

    #[test]
    fn only_whole_characters_are_released() {
        check(&[b"a", b"\xf0\x9f", b"\x98", b"\x80b"], &["a", "", "", "😀b", ""]);
        check(&[b"\xe2\x82", b"\xac"], &["", "€", ""]);
    }

    #[test]
    fn broken_characters_become_replacements_as_soon_as_they_are_broken() {
        check(&[b"\xf0\x9f", b"a"], &["", "\u{fffd}a", ""]);
        check(&[b"\x80"], &["\u{fffd}", ""]);
        check(&[b"ok\xe2"], &["ok", "\u{fffd}"]);
    }
}
