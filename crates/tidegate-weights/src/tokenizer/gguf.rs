//! Tokenizers in GGUF metadata: `tokenizer.ggml.*`.

use tokenizers::AddedToken;

use super::charsmap::{Charsmap, Normalizer, SPACE};
use super::machine::{self, Bpe, Machine, Parts};
use super::matcher::Matcher;
use super::spm::{Merges, Pieces, SentencePiece};
use super::vocabulary::{self, Entry, Spelling, TokenKind, Vocabulary};
use super::{Around, Encoder, Tokenizer, TokenizerError, VOCABULARY_MAX, pre};
use crate::gguf::{Array, Gguf};

/// Texts that end a generation in well-known models, where the file does not list them
/// (llama.cpp keeps the same list).
pub(super) const END_TEXTS: [&str; 14] = [
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end_of_turn|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<|flush|>",
];

const MODEL: &str = "tokenizer.ggml.model";
const TOKENS: &str = "tokenizer.ggml.tokens";

/// The vocabulary's family.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    ByteLevel,
    Merges,
    Unigram,
}

/// The token table and the keys beside it.
struct Source<'g, 'a> {
    gguf: &'g Gguf<'a>,
    tokens: Array<'a>,
    kinds: Vec<TokenKind>,
}

pub(super) fn read(gguf: &Gguf<'_>) -> Result<Tokenizer, TokenizerError> {
    let model = gguf
        .text(MODEL)?
        .ok_or_else(|| TokenizerError::Missing { key: MODEL.into() })?;
    let family = match model {
        "gpt2" => Family::ByteLevel,
        "llama" => Family::Merges,
        "t5" => Family::Unigram,
        other => {
            return Err(TokenizerError::Unsupported {
                key: MODEL.into(),
                found: other.to_owned(),
                known: "gpt2, llama, t5".into(),
            });
        }
    };
    let source = Source::new(gguf)?;
    let spelling = if family == Family::ByteLevel {
        Spelling::ByteLevel
    } else {
        Spelling::Pieces
    };
    let entries = source.texts().map(|(_, text, kind)| {
        Some(Entry {
            text: text.to_owned(),
            kind,
        })
    });
    let vocabulary = Vocabulary::new(entries, spelling)?;
    let (encoder, kind) = match family {
        Family::ByteLevel => (source.byte_level()?, "byte-level BPE"),
        Family::Merges => (source.sentence_piece(family)?, "SentencePiece BPE"),
        Family::Unigram => (source.sentence_piece(family)?, "SentencePiece Unigram"),
    };
    let (bos, around) = source.around(family)?;
    Ok(Tokenizer {
        encoder,
        around,
        bos,
        eos: source.bos_eos(family)?.1,
        end: source.end_tokens(family, &vocabulary)?,
        chat_template: gguf.text("tokenizer.chat_template")?.map(ToOwned::to_owned),
        kind,
        strip_leading_space: family != Family::ByteLevel && source.space_prefix()?,
        vocabulary,
    })
}

impl<'g, 'a> Source<'g, 'a> {
    fn new(gguf: &'g Gguf<'a>) -> Result<Self, TokenizerError> {
        let tokens = gguf
            .array(TOKENS)?
            .ok_or_else(|| TokenizerError::Missing { key: TOKENS.into() })?;
        if tokens.strings().is_none() {
            return Err(TokenizerError::invalid(
                TOKENS,
                tokens.kind().name(),
                "an array of strings",
            ));
        }
        if tokens.len() > VOCABULARY_MAX {
            return Err(vocabulary::too_large());
        }
        let kinds = kinds(gguf, tokens.len())?;
        Ok(Self { gguf, tokens, kinds })
    }

    /// All tokens: number, text, kind. Well-known end tokens are control tokens whatever the file
    /// says; several converters forget it.
    fn texts(&self) -> impl Iterator<Item = (u32, &'a str, TokenKind)> {
        let texts = self.tokens.strings().into_iter().flatten();
        (0..).zip(texts).zip(&self.kinds).map(|((id, text), &kind)| {
            let forced = kind != TokenKind::Unused && END_TEXTS.contains(&text);
            (id, text, if forced { TokenKind::Control } else { kind })
        })
    }

    fn of_kind(&self, kinds: &[TokenKind]) -> impl Iterator<Item = (String, u32)> {
        self.texts()
            .filter(|(_, _, kind)| kinds.contains(kind))
            .map(|(id, text, _)| (text.to_owned(), id))
    }

    fn byte_level(&self) -> Result<Encoder, TokenizerError> {
        const MERGES: &str = "tokenizer.ggml.merges";
        let pre = pre::find(self.gguf.text("tokenizer.ggml.pre")?)?;
        let merges = self
            .gguf
            .array(MERGES)?
            .ok_or_else(|| TokenizerError::Missing { key: MERGES.into() })?
            .strings()
            .ok_or_else(|| TokenizerError::invalid(MERGES, "not of strings", "an array of strings"))?;
        let merges = merges.enumerate().map(|(number, merge)| {
            // The first character may itself be a space.
            let first = merge.chars().next().map_or(0, char::len_utf8);
            let cut = merge[first..].find(' ').map(|cut| cut + first);
            cut.map(|cut| (merge[..cut].to_owned(), merge[cut + 1..].to_owned()))
                .ok_or_else(|| TokenizerError::Merge {
                    number,
                    merge: merge.to_owned(),
                })
        });
        let bpe = Bpe {
            vocabulary: self.texts().map(|(id, text, _)| (text.to_owned(), id)).collect(),
            merges: merges.collect::<Result<_, _>>()?,
            ignore_merges: pre.ignore_merges,
            ..Bpe::default()
        };
        let added = self.texts().filter_map(|(_, text, kind)| {
            let special = match kind {
                TokenKind::Control | TokenKind::Unknown => true,
                TokenKind::UserDefined => false,
                TokenKind::Normal | TokenKind::Unused | TokenKind::Byte => return None,
            };
            Some(AddedToken::from(text, special).normalized(false))
        });
        let machine = Machine::new(Parts {
            model: bpe.build()?,
            normalizer: pre.normalizer(),
            pre_tokenizer: Some(pre.pre_tokenizer()?),
            added: added.collect(),
        })?;
        Ok(Encoder::Machine(Box::new(machine)))
    }

    fn sentence_piece(&self, family: Family) -> Result<Encoder, TokenizerError> {
        let flag = |key: &str| self.gguf.flag(&format!("tokenizer.ggml.{key}"));
        let user_defined = || {
            let texts = self.of_kind(&[TokenKind::UserDefined]);
            texts.map(|(text, id)| (text.replace(' ', SPACE), id))
        };
        let unescaped = user_defined().map(|(text, id)| (text.replace(SPACE, " "), id));
        let normalizer = Normalizer {
            map: self.charsmap()?,
            user_defined: Matcher::new(unescaped),
            add_space_prefix: self.space_prefix()?,
            remove_extra_spaces: flag("remove_extra_whitespaces")?.unwrap_or(false),
            space_as_suffix: flag("treat_whitespace_as_suffix")?.unwrap_or(false),
        };
        let scores = self.scores()?;
        let model = if family == Family::Unigram {
            Pieces::Unigram(self.unigram(&scores)?)
        } else {
            Pieces::Merges(self.merges(&scores, Matcher::new(user_defined()))?)
        };
        let controls = Matcher::new(self.of_kind(&[TokenKind::Control, TokenKind::Unknown]));
        Ok(Encoder::SentencePiece(Box::new(SentencePiece {
            controls,
            normalizer,
            model,
        })))
    }

    fn merges(&self, scores: &[f32], user_defined: Matcher) -> Result<Merges, TokenizerError> {
        use TokenKind::{Normal, Unused, UserDefined};
        let mut merges = Merges {
            user_defined,
            unknown: self.unknown(0)?,
            ..Merges::default()
        };
        let mut bytes = [None; 256];
        for ((id, text, kind), &score) in self.texts().zip(scores) {
            match (kind, vocabulary::byte_piece(text)) {
                (TokenKind::Byte, Some(byte)) => bytes[usize::from(byte)] = Some(id),
                (Normal | UserDefined | Unused, _) => {
                    merges.pieces.insert(text.replace(' ', SPACE), (id, score));
                    if kind == Unused {
                        merges.unused.insert(id);
                    }
                }
                _ => {}
            }
        }
        merges.bytes = bytes.into_iter().collect();
        Ok(merges)
    }

    fn unigram(&self, scores: &[f32]) -> Result<tokenizers::models::ModelWrapper, TokenizerError> {
        use TokenKind::{Byte, Control, Normal, Unknown, Unused, UserDefined};
        let normal = || {
            self.texts()
                .zip(scores)
                .filter(|((.., kind), _)| *kind == Normal)
                .map(|(_, score)| *score)
        };
        let best = f64::from(normal().fold(f32::NEG_INFINITY, f32::max));
        let pieces = self
            .texts()
            .zip(scores)
            .map(|((id, text, kind), &score)| match kind {
                Normal => (text.to_owned(), f64::from(score)),
                // As in `unigram_model.cc`: always better than its parts.
                UserDefined => (text.replace(' ', SPACE), text.len() as f64 * best - 0.1),
                // The place must be kept, but no text may find it.
                Unknown | Control | Unused | Byte => (format!("\0\u{10ffff}{id}"), best),
            });
        let pieces: Vec<(String, f64)> = pieces.collect();
        if pieces
            .iter()
            .any(|(text, score)| text.is_empty() || !score.is_finite())
        {
            return Err(TokenizerError::invalid(
                TOKENS,
                "with an empty piece or score",
                "pieces with scores",
            ));
        }
        let bytes = self.texts().any(|(.., kind)| kind == Byte);
        machine::unigram(pieces, self.unknown(2)? as usize, bytes)
    }

    fn scores(&self) -> Result<Vec<f32>, TokenizerError> {
        const SCORES: &str = "tokenizer.ggml.scores";
        let array = self
            .gguf
            .array(SCORES)?
            .ok_or_else(|| TokenizerError::Missing { key: SCORES.into() })?;
        let scores: Vec<f32> = array
            .floats()
            .ok_or_else(|| TokenizerError::invalid(SCORES, array.kind().name(), "an array of f32"))?
            .map(crate::config::narrow)
            .collect();
        if scores.len() != self.tokens.len() || scores.iter().any(|score| score.is_nan()) {
            let expected = format!("{} numbers, one per token", self.tokens.len());
            return Err(TokenizerError::invalid(
                SCORES,
                format!("{} values", scores.len()),
                expected,
            ));
        }
        Ok(scores)
    }

    fn charsmap(&self) -> Result<Charsmap, TokenizerError> {
        const CHARSMAP: &str = "tokenizer.ggml.precompiled_charsmap";
        let Some(array) = self.gguf.array(CHARSMAP)? else {
            return Ok(Charsmap::default());
        };
        let invalid = || TokenizerError::invalid(CHARSMAP, array.kind().name(), "an array of bytes");
        // Some converters write i8.
        let bytes = array
            .integers()
            .ok_or_else(invalid)?
            .map(|byte| u8::try_from(byte & 0xff).unwrap_or(0));
        let blob: Vec<u8> = bytes.collect();
        Charsmap::parse(CHARSMAP, &blob)
    }

    fn space_prefix(&self) -> Result<bool, TokenizerError> {
        Ok(self.gguf.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true))
    }

    /// A token number, checked against the vocabulary.
    fn id(&self, key: &str) -> Result<Option<u32>, TokenizerError> {
        let key = format!("tokenizer.ggml.{key}");
        let Some(found) = self.gguf.unsigned(&key)? else {
            return Ok(None);
        };
        let id = u32::try_from(found)
            .ok()
            .filter(|&id| (id as usize) < self.tokens.len());
        let expected = || format!("a token below {}", self.tokens.len());
        id.map(Some)
            .ok_or_else(|| TokenizerError::invalid(key, found, expected()))
    }

    /// llama.cpp's default where the file does not say and the vocabulary is large enough.
    fn id_or(&self, key: &str, default: u32) -> Result<Option<u32>, TokenizerError> {
        let default = Some(default).filter(|&id| (id as usize) < self.tokens.len());
        Ok(self.id(key)?.or(default))
    }

    fn unknown(&self, default: u32) -> Result<u32, TokenizerError> {
        let kind = self
            .texts()
            .find(|(.., kind)| *kind == TokenKind::Unknown)
            .map(|(id, ..)| id);
        Ok(self.id("unknown_token_id")?.or(kind).unwrap_or(default))
    }

    fn bos_eos(&self, family: Family) -> Result<(Option<u32>, Option<u32>), TokenizerError> {
        Ok(match family {
            Family::ByteLevel => (self.id("bos_token_id")?, self.id("eos_token_id")?),
            Family::Merges => (self.id_or("bos_token_id", 1)?, self.id_or("eos_token_id", 2)?),
            Family::Unigram => (self.id("bos_token_id")?, self.id_or("eos_token_id", 1)?),
        })
    }

    fn around(&self, family: Family) -> Result<(Option<u32>, Around), TokenizerError> {
        let (bos, eos) = self.bos_eos(family)?;
        let (add_bos, add_eos) = match family {
            Family::ByteLevel => (pre::find(self.gguf.text("tokenizer.ggml.pre")?)?.add_bos, false),
            Family::Merges => (true, false),
            Family::Unigram => (false, true),
        };
        let add_bos = self.gguf.flag("tokenizer.ggml.add_bos_token")?.unwrap_or(add_bos);
        let add_eos = self.gguf.flag("tokenizer.ggml.add_eos_token")?.unwrap_or(add_eos);
        let around = Around {
            before: bos.filter(|_| add_bos).into_iter().collect(),
            after: eos.filter(|_| add_eos).into_iter().collect(),
        };
        Ok((bos, around))
    }

    fn end_tokens(&self, family: Family, vocabulary: &Vocabulary) -> Result<Vec<u32>, TokenizerError> {
        let mut end: Vec<u32> = self.bos_eos(family)?.1.into_iter().collect();
        for key in ["eot_token_id", "eom_token_id"] {
            end.extend(self.id(key)?);
        }
        end.extend(END_TEXTS.iter().filter_map(|text| vocabulary.find(text)));
        end.sort_unstable();
        end.dedup();
        Ok(end)
    }
}

fn kinds(gguf: &Gguf<'_>, tokens: usize) -> Result<Vec<TokenKind>, TokenizerError> {
    const KINDS: &str = "tokenizer.ggml.token_type";
    let Some(array) = gguf.array(KINDS)? else {
        return Ok(vec![TokenKind::Normal; tokens]);
    };
    let numbers = array
        .integers()
        .ok_or_else(|| TokenizerError::invalid(KINDS, array.kind().name(), "an array of numbers"))?;
    if array.len() != tokens {
        let found = format!("{} values", array.len());
        return Err(TokenizerError::invalid(
            KINDS,
            found,
            format!("{tokens}, one per token"),
        ));
    }
    numbers
        .map(|number| {
            TokenKind::from_number(number).ok_or_else(|| TokenizerError::invalid(KINDS, number, "1 to 6"))
        })
        .collect()
}
