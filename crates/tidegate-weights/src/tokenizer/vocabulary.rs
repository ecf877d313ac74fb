//! The table of tokens: what each is for and which bytes it stands for.

use std::collections::HashMap;

use super::{TOKEN_BYTES_MAX, TokenizerError, VOCABULARY_MAX};

/// What a token is for. The order is that of `tokenizer.ggml.token_type`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Text.
    Normal,
    /// Stands for what the vocabulary cannot write.
    Unknown,
    /// Steers the model; not part of the text.
    Control,
    /// Text that is never split, added by the model's maker.
    UserDefined,
    /// A number without a meaning.
    Unused,
    /// One byte.
    Byte,
}

impl TokenKind {
    /// The kind with this number in GGUF files.
    pub(super) fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }
}

/// How the vocabulary writes the bytes of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Each byte as one of 256 printable characters (GPT-2).
    ByteLevel,
    /// `▁` for a space, `<0x0A>` for a byte (SentencePiece).
    Pieces,
    /// As it is.
    Plain,
}

/// One token, as the files have it.
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) kind: TokenKind,
}

/// The table of tokens.
pub(super) struct Vocabulary {
    /// All tokens' bytes, one after the other.
    bytes: Vec<u8>,
    /// Where each token's bytes end.
    ends: Vec<usize>,
    kinds: Vec<TokenKind>,
    ids: HashMap<String, u32>,
    /// The token of each single byte, for spelling.
    spelled: Box<[Option<u32>; 256]>,
}

impl Vocabulary {
    /// Makes the table. `None` is a number without a token.
    pub(super) fn new(
        entries: impl Iterator<Item = Option<Entry>>,
        spelling: Spelling,
    ) -> Result<Self, TokenizerError> {
        let mut table = Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            kinds: Vec::new(),
            ids: HashMap::new(),
            spelled: Box::new([None; 256]),
        };
        for entry in entries {
            let id = u32::try_from(table.ends.len()).unwrap_or(u32::MAX);
            if table.ends.len() >= VOCABULARY_MAX {
                return Err(too_large());
            }
            match entry {
                Some(entry) => table.push(id, entry, spelling)?,
                None => {
                    table.ends.push(table.bytes.len());
                    table.kinds.push(TokenKind::Unused);
                }
            }
        }
        Ok(table)
    }

    fn push(&mut self, id: u32, entry: Entry, spelling: Spelling) -> Result<(), TokenizerError> {
        if entry.text.len() > TOKEN_BYTES_MAX {
            return Err(TokenizerError::TokenLength {
                id,
                bytes: entry.text.len(),
            });
        }
        let start = self.bytes.len();
        match (entry.kind, spelling) {
            (TokenKind::Control | TokenKind::Unknown, _) | (_, Spelling::Plain) => {
                self.bytes.extend_from_slice(entry.text.as_bytes());
            }
            (_, Spelling::ByteLevel) => super::byte_level::decode(&entry.text, &mut self.bytes),
            (_, Spelling::Pieces) => match byte_piece(&entry.text) {
                Some(byte) => self.bytes.push(byte),
                None => self
                    .bytes
                    .extend_from_slice(entry.text.replace('\u{2581}', " ").as_bytes()),
            },
        }
        if let (&[byte], TokenKind::Normal | TokenKind::Byte) = (&self.bytes[start..], entry.kind) {
            // A byte token is the spelling of last resort.
            let slot = &mut self.spelled[usize::from(byte)];
            if slot.is_none() || entry.kind == TokenKind::Normal {
                *slot = Some(id);
            }
        }
        self.ends.push(self.bytes.len());
        self.kinds.push(entry.kind);
        // As in llama.cpp, the last of several tokens with one text is found.
        self.ids.insert(entry.text, id);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        let Some(&end) = self.ends.get(id as usize) else {
            return &[];
        };
        let start = (id as usize).checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..end]
    }

    pub(super) fn kind(&self, id: u32) -> TokenKind {
        self.kinds.get(id as usize).copied().unwrap_or(TokenKind::Unused)
    }

    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// One token per byte; bytes without a token are left out.
    pub(super) fn spell(&self, text: &str) -> impl Iterator<Item = u32> {
        text.bytes().filter_map(|byte| self.spelled[usize::from(byte)])
    }
}

/// The refusal of a vocabulary beyond the limit.
pub(super) fn too_large() -> TokenizerError {
    TokenizerError::invalid("vocabulary", "larger", format!("at most {VOCABULARY_MAX} tokens"))
}

/// The byte of a piece such as `<0x0A>`.
pub(super) fn byte_piece(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() != 2 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}
