//! `tokenizer.json` and `tokenizer_config.json` of the Hugging Face libraries.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::AddedToken;

use super::gguf::END_TEXTS;
use super::json_parts;
use super::machine::{self, Bpe, Machine, Parts};
use super::vocabulary::{self, Entry, Spelling, TokenKind, Vocabulary};
use super::{Around, Encoder, TOKEN_BYTES_MAX, Tokenizer, TokenizerError, VOCABULARY_MAX};

pub(super) const FILE: &str = "tokenizer.json";
const CONFIG: &str = "tokenizer_config.json";

/// The parts of the file that matter here; cutting and padding to a length are a server's matter.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Option<Value>,
    #[serde(default)]
    pre_tokenizer: Option<Value>,
    #[serde(default)]
    post_processor: Option<Value>,
    #[serde(default)]
    decoder: Option<Value>,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: Vocab,
    #[serde(default)]
    merges: Vec<Merge>,
    unk_token: Option<String>,
    unk_id: Option<usize>,
    #[serde(default)]
    fuse_unk: Option<bool>,
    #[serde(default)]
    byte_fallback: Option<bool>,
    #[serde(default)]
    ignore_merges: Option<bool>,
    dropout: Option<f64>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected an object of numbers or a list of pieces with scores"
)]
enum Vocab {
    Numbers(BTreeMap<String, u32>),
    Scores(Vec<(String, f64)>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a merge as `left right` or [left, right]")]
enum Merge {
    Pair(String, String),
    Joined(String),
}

/// What `tokenizer_config.json` adds.
#[derive(Deserialize, Default)]
struct Config {
    add_bos_token: Option<bool>,
    add_eos_token: Option<bool>,
    bos_token: Option<Named>,
    eos_token: Option<Named>,
    chat_template: Option<Templates>,
    tokenizer_class: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a token's text or an object with `content`")]
enum Named {
    Text(String),
    Object { content: String },
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a template or a list of named templates")]
enum Templates {
    One(String),
    Several(Vec<NamedTemplate>),
}

#[derive(Deserialize)]
struct NamedTemplate {
    name: String,
    template: String,
}

pub(super) fn read(tokenizer: &[u8], config: Option<&[u8]>) -> Result<Tokenizer, TokenizerError> {
    let file: File = parse(FILE, tokenizer)?;
    let config: Config = config.map_or_else(|| Ok(Config::default()), |config| parse(CONFIG, config))?;
    let decoding = json_parts::decoding(file.decoder.as_ref())?;
    let vocabulary = table(&file, decoding.spelling)?;
    let mut around = json_parts::around(file.post_processor.as_ref(), vocabulary.len())?;
    let find = |named: &Option<Named>| named.as_ref().and_then(|named| vocabulary.find(named.text()));
    let (bos, eos) = (find(&config.bos_token), find(&config.eos_token));
    config.adjust(&mut around, bos, eos);
    let kind = match (&file.model.vocab, decoding.spelling) {
        (Vocab::Scores(_), _) => "Unigram",
        (Vocab::Numbers(_), Spelling::ByteLevel) => "byte-level BPE",
        (Vocab::Numbers(_), Spelling::Pieces) => "SentencePiece BPE",
        (Vocab::Numbers(_), Spelling::Plain) => "BPE",
    };
    let well_known = || END_TEXTS.iter().filter_map(|text| vocabulary.find(text));
    let mut end: Vec<u32> = eos.into_iter().chain(well_known()).collect();
    end.sort_unstable();
    end.dedup();
    Ok(Tokenizer {
        encoder: Encoder::Machine(Box::new(machine(file)?)),
        bos: bos.or_else(|| around.before.first().copied()),
        around,
        eos,
        end,
        chat_template: config.chat_template.and_then(Templates::chosen),
        kind,
        strip_leading_space: decoding.strip_leading_space,
        vocabulary,
    })
}

fn parse<'j, T: Deserialize<'j>>(file: &'static str, json: &'j [u8]) -> Result<T, TokenizerError> {
    serde_json::from_slice(json).map_err(|error| TokenizerError::Json {
        file,
        reason: error.to_string(),
    })
}

/// The token table: the model's vocabulary, and the added tokens over it.
fn table(file: &File, spelling: Spelling) -> Result<Vocabulary, TokenizerError> {
    let mut entries: BTreeMap<u32, (&str, TokenKind)> = BTreeMap::new();
    match &file.model.vocab {
        Vocab::Numbers(numbers) => {
            entries.extend(
                numbers
                    .iter()
                    .map(|(text, &id)| (id, (text.as_str(), TokenKind::Normal))),
            );
        }
        Vocab::Scores(scores) => {
            entries.extend((0..).zip(scores.iter().map(|(text, _)| (text.as_str(), TokenKind::Normal))));
        }
    }
    if file.model.byte_fallback == Some(true) {
        for (_, (text, kind)) in entries.iter_mut() {
            if vocabulary::byte_piece(text).is_some() {
                *kind = TokenKind::Byte;
            }
        }
    }
    let unknown = match &file.model.vocab {
        Vocab::Scores(scores) => file
            .model
            .unk_id
            .and_then(|id| scores.get(id))
            .map(|piece| piece.0.as_str()),
        Vocab::Numbers(_) => file.model.unk_token.as_deref(),
    };
    for added in &file.added_tokens {
        let kind = if added.token.special || END_TEXTS.contains(&added.token.content.as_str()) {
            TokenKind::Control
        } else {
            TokenKind::UserDefined
        };
        entries.insert(added.id, (&added.token.content, kind));
    }
    for (text, kind) in entries.values_mut() {
        if Some(*text) == unknown {
            *kind = TokenKind::Unknown;
        }
    }
    let len = entries.last_key_value().map_or(0, |(&id, _)| id as usize + 1);
    if len > VOCABULARY_MAX || len == 0 {
        return Err(TokenizerError::invalid(
            "vocab",
            format!("{len} tokens"),
            format!("1 to {VOCABULARY_MAX}"),
        ));
    }
    let entry = |id| {
        entries.get(&id).map(|&(text, kind)| Entry {
            text: text.to_owned(),
            kind,
        })
    };
    Vocabulary::new(
        (0..=u32::try_from(len - 1).unwrap_or(u32::MAX)).map(entry),
        spelling,
    )
}

/// The text encoder. The library gives added tokens outside the model's vocabulary the next free
/// numbers in their order, whatever the file says; a file where that differs is refused.
fn machine(file: File) -> Result<Machine, TokenizerError> {
    let normalizer = file.normalizer.as_ref().map(json_parts::normalizer).transpose()?;
    let pre_tokenizer = file
        .pre_tokenizer
        .as_ref()
        .map(json_parts::pre_tokenizer)
        .transpose()?;
    let expected: Vec<(String, u32)> = file
        .added_tokens
        .iter()
        .map(|added| (added.token.content.clone(), added.id))
        .collect();
    let added = file.added_tokens.into_iter().map(|added| added.token).collect();
    let machine = Machine::new(Parts {
        model: file.model.build()?,
        normalizer,
        pre_tokenizer,
        added,
    })?;
    for (text, id) in expected.iter().filter(|(text, _)| !text.is_empty()) {
        let found = machine.token_id(text);
        if found != Some(*id) {
            let found = format!("token {id} (`{text}`)");
            return Err(TokenizerError::invalid(
                "added_tokens",
                found,
                "numbers that follow the vocabulary",
            ));
        }
    }
    Ok(machine)
}

impl Model {
    fn build(self) -> Result<tokenizers::models::ModelWrapper, TokenizerError> {
        let unsupported = |key: &str, found: &str, known: &str| TokenizerError::Unsupported {
            key: format!("model.{key}"),
            found: found.to_owned(),
            known: known.to_owned(),
        };
        if self.dropout.is_some_and(|dropout| dropout != 0.0) {
            return Err(unsupported("dropout", "set", "null"));
        }
        let affixes = [&self.continuing_subword_prefix, &self.end_of_word_suffix];
        if let Some(affix) = affixes.into_iter().flatten().find(|affix| !affix.is_empty()) {
            return Err(unsupported(
                "continuing_subword_prefix or end_of_word_suffix",
                affix,
                "none",
            ));
        }
        match (self.kind.as_deref(), self.vocab) {
            (Some("BPE") | None, Vocab::Numbers(numbers)) => {
                let merges = self
                    .merges
                    .into_iter()
                    .enumerate()
                    .map(|(number, merge)| merge.parts(number));
                let bpe = Bpe {
                    vocabulary: numbers.into_iter().collect(),
                    merges: merges.collect::<Result<_, _>>()?,
                    unknown: self.unk_token,
                    fuse_unknown: self.fuse_unk.unwrap_or(false),
                    byte_fallback: self.byte_fallback.unwrap_or(false),
                    ignore_merges: self.ignore_merges.unwrap_or(false),
                };
                bpe.build()
            }
            (Some("Unigram"), Vocab::Scores(scores)) => {
                let unknown = self.unk_id.filter(|&id| id < scores.len());
                let unknown = unknown
                    .ok_or_else(|| TokenizerError::invalid("model.unk_id", "missing", "a piece's number"))?;
                if let Some(place) = scores.iter().position(|piece| piece.0.is_empty()) {
                    return Err(TokenizerError::invalid(
                        "model.vocab",
                        format!("empty at {place}"),
                        "pieces",
                    ));
                }
                machine::unigram(scores, unknown, self.byte_fallback.unwrap_or(false))
            }
            (kind, _) => Err(unsupported("type", kind.unwrap_or("missing"), "BPE, Unigram")),
        }
    }
}

impl Merge {
    fn parts(self, number: usize) -> Result<(String, String), TokenizerError> {
        match self {
            Self::Pair(left, right) => Ok((left, right)),
            Self::Joined(merge) => match merge.split_once(' ') {
                Some((left, right)) if !right.contains(' ') => Ok((left.to_owned(), right.to_owned())),
                _ => Err(TokenizerError::Merge { number, merge }),
            },
        }
    }
}

impl Config {
    /// `transformers` rebuilds what Llama's and Gemma's classes add from these flags and leaves
    /// the other classes alone.
    fn adjust(&self, around: &mut Around, bos: Option<u32>, eos: Option<u32>) {
        let class = self.tokenizer_class.as_deref().unwrap_or_default();
        if !class.starts_with("Llama") && !class.starts_with("Gemma") && !class.starts_with("CodeLlama") {
            return;
        }
        if let Some(add) = self.add_bos_token {
            around.before = bos.filter(|_| add).into_iter().collect();
        }
        if let Some(add) = self.add_eos_token {
            around.after = eos.filter(|_| add).into_iter().collect();
        }
    }
}

impl Named {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Object { content: text } => text,
        }
    }
}

impl Templates {
    /// The only one, or the one named `default`.
    fn chosen(self) -> Option<String> {
        match self {
            Self::One(template) => Some(template),
            Self::Several(several) => several
                .into_iter()
                .find(|named| named.name == "default")
                .map(|named| named.template),
        }
    }
}

/// Refuses a text that is longer than a token may be.
pub(super) fn short(key: &str, text: &str) -> Result<(), TokenizerError> {
    if text.len() <= TOKEN_BYTES_MAX {
        return Ok(());
    }
    let found = format!("{} bytes long", text.len());
    Err(TokenizerError::invalid(
        key,
        found,
        format!("at most {TOKEN_BYTES_MAX} bytes"),
    ))
}
