//! The parts of a `tokenizer.json` around the model: normalizer, pre-tokenizer, post-processor and
//! decoder. Only known kinds are handed to the library.

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;

use super::charsmap::{Charsmap, REPLACEMENT_BYTES_MAX};
use super::json::{FILE, short};
use super::vocabulary::Spelling;
use super::{Around, TokenizerError};

/// How tokens become text.
pub(super) struct Decoding {
    pub(super) spelling: Spelling,
    pub(super) strip_leading_space: bool,
}

const NORMALIZERS: [&str; 11] = [
    "Sequence",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Nmt",
    "Lowercase",
    "Prepend",
    "Replace",
    "Strip",
    "Precompiled",
];
const PRE_TOKENIZERS: [&str; 8] = [
    "Sequence",
    "ByteLevel",
    "Split",
    "Metaspace",
    "Digits",
    "Punctuation",
    "Whitespace",
    "WhitespaceSplit",
];
const DECODERS: [&str; 8] = [
    "Sequence",
    "ByteLevel",
    "Metaspace",
    "Replace",
    "ByteFallback",
    "Fuse",
    "Strip",
    "BPEDecoder",
];

/// How many times longer a normalizer may make a text. Replacements can feed on each other: ten
/// of them in a row, each doubling, are a thousandfold.
const GROWTH_MAX: usize = 256;

/// Reads the normalizer.
pub(super) fn normalizer(value: &Value) -> Result<NormalizerWrapper, TokenizerError> {
    let mut growth = 1_usize;
    each(value, "normalizer", &NORMALIZERS, &mut |part| {
        growth = growth.saturating_mul(growth_of(part));
        if growth > GROWTH_MAX {
            let expected = format!("replacements that make a text at most {GROWTH_MAX} times longer");
            return Err(TokenizerError::invalid(
                "normalizer",
                format!("growing {growth} times"),
                expected,
            ));
        }
        if let Some(text) = part["precompiled_charsmap"].as_str() {
            // The library does not look where it indexes.
            let blob = base64(text).ok_or_else(|| {
                TokenizerError::invalid("normalizer.precompiled_charsmap", "not base64", "base64")
            })?;
            if blob.is_empty() {
                return Err(TokenizerError::invalid(
                    "normalizer.precompiled_charsmap",
                    "empty",
                    "a table",
                ));
            }
            Charsmap::parse("normalizer.precompiled_charsmap", &blob)?;
        }
        Ok(())
    })?;
    library("normalizer", value)
}

/// How many times longer a part of the normalizer can make a text, from above.
fn growth_of(part: &Value) -> usize {
    let content = part["content"].as_str().unwrap_or_default();
    match (part["type"].as_str(), part["pattern"]["String"].as_str()) {
        (Some("Precompiled"), _) => REPLACEMENT_BYTES_MAX,
        (Some("Replace"), Some(pattern)) if !pattern.is_empty() => {
            content.chars().count().div_ceil(pattern.chars().count()).max(1)
        }
        // A pattern may match nothing, before every character.
        (Some("Replace"), _) => 1 + content.chars().count(),
        _ => 1,
    }
}

/// Reads the pre-tokenizer.
pub(super) fn pre_tokenizer(value: &Value) -> Result<PreTokenizerWrapper, TokenizerError> {
    each(value, "pre_tokenizer", &PRE_TOKENIZERS, &mut |_| Ok(()))?;
    library("pre_tokenizer", value)
}

/// Reads from the decoder how the vocabulary writes bytes.
pub(super) fn decoding(value: Option<&Value>) -> Result<Decoding, TokenizerError> {
    let mut decoding = Decoding {
        spelling: Spelling::Plain,
        strip_leading_space: false,
    };
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(decoding);
    };
    each(value, "decoder", &DECODERS, &mut |part| {
        match part["type"].as_str() {
            Some("ByteLevel") => decoding.spelling = Spelling::ByteLevel,
            Some("Metaspace") => {
                decoding.spelling = Spelling::Pieces;
                let never = part["prepend_scheme"] == "never" || part["add_prefix_space"] == false;
                decoding.strip_leading_space = !never;
            }
            Some("Replace" | "ByteFallback") if decoding.spelling == Spelling::Plain => {
                decoding.spelling = Spelling::Pieces;
            }
            Some("Strip") => decoding.strip_leading_space = part["start"].as_u64() == Some(1),
            _ => {}
        }
        Ok(())
    })?;
    Ok(decoding)
}

/// Reads from the post-processor what stands before and after one text.
pub(super) fn around(value: Option<&Value>, vocabulary: usize) -> Result<Around, TokenizerError> {
    let mut around = Around::default();
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(around);
    };
    let known = [
        "Sequence",
        "ByteLevel",
        "TemplateProcessing",
        "BertProcessing",
        "RobertaProcessing",
    ];
    each(value, "post_processor", &known, &mut |part| {
        match part["type"].as_str() {
            Some("TemplateProcessing") => around = template(part)?,
            Some("BertProcessing" | "RobertaProcessing") => {
                let id = |key: &str| token(&part[key][1]);
                around = Around {
                    before: vec![id("cls")?],
                    after: vec![id("sep")?],
                };
            }
            _ => {}
        }
        Ok(())
    })?;
    match around
        .before
        .iter()
        .chain(&around.after)
        .find(|&&id| id as usize >= vocabulary)
    {
        Some(id) => Err(TokenizerError::invalid(
            "post_processor",
            id,
            format!("a token below {vocabulary}"),
        )),
        None => Ok(around),
    }
}

fn template(part: &Value) -> Result<Around, TokenizerError> {
    let wrong = |found: &str| TokenizerError::invalid("post_processor.single", found, "tokens around a text");
    let mut around = Around::default();
    let mut after = false;
    for step in part["single"].as_array().ok_or_else(|| wrong("not a list"))? {
        if step.get("Sequence").is_some() {
            after = true;
            continue;
        }
        let name = step["SpecialToken"]["id"]
            .as_str()
            .ok_or_else(|| wrong("a list with another step"))?;
        let ids = part["special_tokens"][name]["ids"]
            .as_array()
            .ok_or_else(|| wrong("without ids"))?;
        let side = if after {
            &mut around.after
        } else {
            &mut around.before
        };
        for id in ids {
            side.push(token(id)?);
        }
    }
    Ok(around)
}

fn token(value: &Value) -> Result<u32, TokenizerError> {
    let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
    id.ok_or_else(|| TokenizerError::invalid("post_processor", value, "a token's number"))
}

/// Visits a part and, if it is a sequence, the parts in it. JSON's own depth limit bounds the
/// recursion.
fn each(
    value: &Value,
    key: &str,
    known: &[&str],
    visit: &mut dyn FnMut(&Value) -> Result<(), TokenizerError>,
) -> Result<(), TokenizerError> {
    let kind = value["type"].as_str().unwrap_or("missing");
    if !known.contains(&kind) {
        return Err(TokenizerError::Unsupported {
            key: format!("{key}.type"),
            found: kind.to_owned(),
            known: known.join(", "),
        });
    }
    for text in [&value["content"], &value["prepend"], &value["pattern"]["String"]] {
        short(key, text.as_str().unwrap_or_default())?;
    }
    for list in ["normalizers", "pretokenizers", "processors", "decoders"] {
        for part in value[list].as_array().into_iter().flatten() {
            each(part, key, known, visit)?;
        }
    }
    visit(value)
}

fn library<T: DeserializeOwned>(key: &str, value: &Value) -> Result<T, TokenizerError> {
    // Through text: some of the library's types borrow from it.
    serde_json::from_str(&value.to_string()).map_err(|error| TokenizerError::Json {
        file: FILE,
        reason: format!("{key}: {error}"),
    })
}

/// Decodes standard base64 with padding; the library's own decoder is not public.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for &character in group {
            let six = match character {
                b'A'..=b'Z' => character - b'A',
                b'a'..=b'z' => character - b'a' + 26,
                b'0'..=b'9' => character - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(six);
        }
        bits <<= 6 * (4 - group.len());
        out.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(out)
}
