//! Text to token numbers and back, as the model was trained with it.
//!
//! The splitting of `tokenizer.json` files and of GGUF's `gpt2` vocabularies is done by the crate
//! `tokenizers` (wrapped in `machine.rs`). GGUF's SentencePiece vocabularies are done here: they
//! hold scores instead of merges, and merging by score is exact only as SentencePiece does it.

mod byte_level;
mod charsmap;
mod detokenizer;
mod gguf;
mod json;
mod json_parts;
mod machine;
mod matcher;
mod pre;
mod spm;
mod vocabulary;

use std::fmt;

pub use detokenizer::Detokenizer;
pub use vocabulary::TokenKind;

use crate::gguf::{Gguf, GgufError};
use machine::Machine;
use spm::SentencePiece;
use vocabulary::Vocabulary;

/// Bytes of the longest token; real ones stay below 300.
pub const TOKEN_BYTES_MAX: usize = 1024;
/// Tokens in one vocabulary.
pub const VOCABULARY_MAX: usize = crate::config::VOCABULARY_MAX;

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EncodeOptions {
    /// Whether the text of a control token (`<|im_end|>`) means that token. Text from users must
    /// be encoded without it, rendered chat templates with it.
    pub parse_special: bool,
    /// Whether to add what the model expects around a text, usually the begin-of-sequence token.
    pub add_special: bool,
}

/// A tokenizer. Cheap to share between threads, expensive to make.
pub struct Tokenizer {
    encoder: Encoder,
    vocabulary: Vocabulary,
    /// Added around a text by `add_special`.
    around: Around,
    bos: Option<u32>,
    eos: Option<u32>,
    end: Vec<u32>,
    chat_template: Option<String>,
    kind: &'static str,
    strip_leading_space: bool,
}

/// What `add_special` puts before and after a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Around {
    before: Vec<u32>,
    after: Vec<u32>,
}

enum Encoder {
    Machine(Box<Machine>),
    SentencePiece(Box<SentencePiece>),
}

/// Why no tokenizer could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum TokenizerError {
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error("`{file}` is not valid: {reason}")]
    Json { file: &'static str, reason: String },
    #[error("`{key}` is missing")]
    Missing { key: String },
    #[error("`{key}` is {found}: expected {expected}")]
    Invalid {
        key: String,
        found: String,
        expected: String,
    },
    #[error("`{key}` is `{found}`, which is not supported: expected one of {known}")]
    Unsupported {
        key: String,
        found: String,
        known: String,
    },
    #[error("token {id} has {bytes} bytes: expected 1 to {max}", max = TOKEN_BYTES_MAX)]
    TokenLength { id: u32, bytes: usize },
    #[error("merge {number} (`{merge}`) does not join two tokens of the vocabulary to a third")]
    Merge { number: usize, merge: String },
    #[error("the tokenizer cannot be built: {0}")]
    Build(String),
}

impl TokenizerError {
    fn invalid(key: impl Into<String>, found: impl ToString, expected: impl Into<String>) -> Self {
        Self::Invalid {
            key: key.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }
}

impl Tokenizer {
    /// Reads the `tokenizer.ggml.*` metadata of a GGUF file.
    pub fn from_gguf(gguf: &Gguf<'_>) -> Result<Self, TokenizerError> {
        gguf::read(gguf)
    }

    /// Reads a `tokenizer.json`, and from a `tokenizer_config.json` the end token and the chat
    /// template.
    pub fn from_json(
        tokenizer_json: &[u8],
        tokenizer_config_json: Option<&[u8]>,
    ) -> Result<Self, TokenizerError> {
        json::read(tokenizer_json, tokenizer_config_json)
    }

    /// The same with another chat template: the text of a `chat_template.jinja`, or the user's own.
    pub fn with_chat_template(mut self, template: impl Into<String>) -> Self {
        self.chat_template = Some(template.into());
        self
    }

    /// The numbers of a text's tokens. Every text can be encoded.
    pub fn encode(&self, text: &str, options: EncodeOptions) -> Vec<u32> {
        let mut ids = Vec::new();
        if options.add_special {
            ids.extend_from_slice(&self.around.before);
        }
        match &self.encoder {
            Encoder::SentencePiece(pieces) => pieces.encode(text, options.parse_special, &mut ids),
            Encoder::Machine(machine) => match machine.encode(text, options.parse_special) {
                Ok(encoded) => ids.extend_from_slice(encoded.get_ids()),
                // What could fail was checked when the tokenizer was made. Spelling keeps the
                // meaning of the text if the library finds another way.
                Err(_) => ids.extend(self.vocabulary.spell(text)),
            },
        }
        if options.add_special {
            ids.extend_from_slice(&self.around.after);
        }
        ids
    }

    /// The text of a sequence of tokens, control tokens as their literal text. Bytes that are not
    /// UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut bytes = Vec::new();
        let mut detokenizer = Detokenizer::at_start();
        for &id in ids {
            detokenizer.push(self, id, &mut bytes);
        }
        detokenizer.finish(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How many tokens there are: one more than the largest number.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary.len()
    }

    /// The bytes that a token adds to the text; of a control token its literal text; of an unknown
    /// number nothing. SentencePiece tokens that begin a word begin with a space.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        self.vocabulary.bytes(id)
    }

    /// What a token is for.
    pub fn token_kind(&self, id: u32) -> TokenKind {
        self.vocabulary.kind(id)
    }

    /// Whether a token steers the model and is not part of the text.
    pub fn is_control(&self, id: u32) -> bool {
        matches!(self.vocabulary.kind(id), TokenKind::Control | TokenKind::Unknown)
    }

    /// The number of the token with this text in the vocabulary, written as the vocabulary writes
    /// it (`Ġthe`, `▁the`, `<|im_end|>`).
    pub fn token_id(&self, text: &str) -> Option<u32> {
        self.vocabulary.find(text)
    }

    /// The begin-of-sequence token.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The end-of-sequence token as the files name it: `eos_token` of chat templates.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Whether `add_special` puts the begin-of-sequence token before a text. Chat templates that
    /// write it themselves must then be encoded without `add_special`.
    pub fn adds_bos(&self) -> bool {
        self.bos.is_some() && self.around.before.first().copied() == self.bos
    }

    /// The tokens that end a generation, in ascending order.
    pub fn end_tokens(&self) -> &[u32] {
        &self.end
    }

    /// The Jinja source of the chat template.
    pub fn chat_template(&self) -> Option<&str> {
        self.chat_template.as_deref()
    }

    /// What it is, for people: `byte-level BPE`, `SentencePiece BPE`, `Unigram`, ...
    pub fn kind(&self) -> &str {
        self.kind
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("kind", &self.kind)
            .field("vocabulary", &self.vocabulary.len())
            .field("bos", &self.bos)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
