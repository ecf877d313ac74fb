//! GPT-2's spelling of bytes as printable characters.
//!
//! Source: `bytes_to_unicode` of <https://github.com/openai/gpt-2/blob/master/src/encoder.py>. The
//! printable bytes of Latin-1 stand for themselves, the others for U+0100 onwards in their order.

/// Appends the bytes that a token's text stands for. A text with a character outside the table
/// stands for itself, as in the crate `tokenizers`.
pub(super) fn decode(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    for character in text.chars() {
        if let Some(byte) = byte_of(character) {
            out.push(byte);
        } else {
            out.truncate(start);
            out.extend_from_slice(text.as_bytes());
            return;
        }
    }
}

fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    match u8::try_from(code) {
        Ok(byte) => is_itself(byte).then_some(byte),
        // The n-th byte that is not printable.
        Err(_) => (0..=u8::MAX)
            .filter(|&byte| !is_itself(byte))
            .nth(usize::try_from(code - 256).ok()?),
    }
}

fn is_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
}

#[cfg(test)]
mod tests {
    use super::decode;

    fn check(text: &str, expect: &[u8]) {
        let mut out = Vec::new();
        decode(text, &mut out);
        assert_eq!(out, expect, "{text}");
    }

    #[test]
    fn known_characters_are_bytes() {
        check("Ġthe", b" the");
        check("Ċ", b"\n");
        check("é", &[0xe9]);
        check("ðŁĺĢ", "😀".as_bytes());
        check("Ń", &[0xad]);
    }

    #[test]
    fn a_text_with_an_unknown_character_is_itself() {
        check("a b", b"a b");
        check("日本", "日本".as_bytes());
        check("\u{144}", "\u{144}".as_bytes());
    }
}
