//! The crate `tokenizers`, wrapped: nothing else here knows it, save the parts that
//! `json_parts.rs` reads for it.
//!
//! Two pipelines share one model. They differ only in whether the text of a control token is that
//! token. Begin and end tokens are not left to the library: see `Around`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::models::unigram::Unigram;
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::normalizers::{NFC, NormalizerWrapper};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    AddedToken, DecoderWrapper, Encoding, Model, PostProcessorWrapper, SplitDelimiterBehavior, Token,
    TokenizerImpl,
};

use super::TokenizerError;
use super::pre::Pre;

/// Words whose merges each thread remembers. The library's own default is 10,000 and its caches
/// are never freed.
const CACHE_WORDS: usize = 4096;

/// A text encoder on top of the library.
pub(super) struct Machine {
    /// Control tokens are plain text.
    literal: Pipeline,
    /// Control tokens are themselves.
    parsing: Pipeline,
}

type Pipeline =
    TokenizerImpl<Shared, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// What a machine is made of.
pub(super) struct Parts {
    pub(super) model: ModelWrapper,
    pub(super) normalizer: Option<NormalizerWrapper>,
    pub(super) pre_tokenizer: Option<PreTokenizerWrapper>,
    pub(super) added: Vec<AddedToken>,
}

/// What a byte-pair model is made of.
#[derive(Default)]
pub(super) struct Bpe {
    pub(super) vocabulary: Vec<(String, u32)>,
    pub(super) merges: Vec<(String, String)>,
    pub(super) unknown: Option<String>,
    pub(super) fuse_unknown: bool,
    pub(super) byte_fallback: bool,
    pub(super) ignore_merges: bool,
}

impl Machine {
    /// Joins the parts to two pipelines.
    pub(super) fn new(parts: Parts) -> Result<Self, TokenizerError> {
        let model = Shared(Arc::new(parts.model));
        let mut parsing = Pipeline::new(model.clone());
        parsing.with_normalizer(parts.normalizer.clone()).map_err(build)?;
        parsing.with_pre_tokenizer(parts.pre_tokenizer.clone());
        parsing.add_tokens(parts.added.iter().cloned()).map_err(build)?;
        let mut literal = Pipeline::new(model);
        literal.with_normalizer(parts.normalizer).map_err(build)?;
        literal.with_pre_tokenizer(parts.pre_tokenizer);
        literal.add_tokens(parts.added).map_err(build)?;
        literal.set_encode_special_tokens(true);
        Ok(Self { literal, parsing })
    }

    /// The number of a token's text.
    pub(super) fn token_id(&self, text: &str) -> Option<u32> {
        self.parsing.token_to_id(text)
    }

    /// The text's tokens, without begin and end tokens.
    pub(super) fn encode(&self, text: &str, parse_special: bool) -> tokenizers::Result<Encoding> {
        let pipeline = if parse_special {
            &self.parsing
        } else {
            &self.literal
        };
        pipeline.encode_fast(text, false)
    }
}

impl Pre {
    /// The library's form of the cut, followed by GPT-2's spelling of bytes.
    pub(super) fn pre_tokenizer(&self) -> Result<PreTokenizerWrapper, TokenizerError> {
        let mut steps = Vec::new();
        for pattern in self.patterns {
            let pattern = SplitPattern::Regex((*pattern).to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(build)?;
            steps.push(PreTokenizerWrapper::Split(split));
        }
        steps.push(PreTokenizerWrapper::ByteLevel(ByteLevel::new(
            false, false, false,
        )));
        Ok(PreTokenizerWrapper::Sequence(Sequence::new(steps)))
    }

    /// The library's form of the normalisation.
    pub(super) fn normalizer(&self) -> Option<NormalizerWrapper> {
        self.compose.then_some(NormalizerWrapper::NFC(NFC))
    }
}

impl Bpe {
    /// Builds the model. The merges are checked first: the library would panic on some wrong ones.
    pub(super) fn build(self) -> Result<ModelWrapper, TokenizerError> {
        let vocabulary: Vocab = self.vocabulary.into_iter().collect();
        let mut joined = String::new();
        for (number, (left, right)) in self.merges.iter().enumerate() {
            joined.clear();
            joined.push_str(left);
            joined.push_str(right);
            if ![left, right, &joined]
                .into_iter()
                .all(|text| vocabulary.contains_key(text))
            {
                return Err(TokenizerError::Merge {
                    number,
                    merge: format!("{left} {right}"),
                });
            }
        }
        if let Some(unknown) = self
            .unknown
            .as_ref()
            .filter(|unknown| !vocabulary.contains_key(*unknown))
        {
            return Err(TokenizerError::invalid(
                "unk_token",
                unknown,
                "a token of the vocabulary",
            ));
        }
        let mut builder = BPE::builder()
            .vocab_and_merges(vocabulary, self.merges)
            .cache_capacity(CACHE_WORDS)
            .fuse_unk(self.fuse_unknown)
            .byte_fallback(self.byte_fallback)
            .ignore_merges(self.ignore_merges);
        if let Some(unknown) = self.unknown {
            builder = builder.unk_token(unknown);
        }
        builder.build().map(ModelWrapper::BPE).map_err(build)
    }
}

/// Builds a unigram model from pieces and their log probabilities.
pub(super) fn unigram(
    pieces: Vec<(String, f64)>,
    unknown: usize,
    byte_fallback: bool,
) -> Result<ModelWrapper, TokenizerError> {
    Unigram::from(pieces, Some(unknown), byte_fallback)
        .map(ModelWrapper::Unigram)
        .map_err(build)
}

/// The tokens of one piece of text, without any cutting.
pub(super) fn tokenize(model: &ModelWrapper, text: &str) -> Result<Vec<Token>, TokenizerError> {
    model.tokenize(text).map_err(build)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn build(error: tokenizers::Error) -> TokenizerError {
    TokenizerError::Build(error.to_string())
}

/// A model that two pipelines own together.
#[derive(Clone)]
struct Shared(Arc<ModelWrapper>);

impl Model for Shared {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, sequence: &str) -> tokenizers::Result<Vec<Token>> {
        self.0.tokenize(sequence)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.0.id_to_token(id)
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        self.0.get_vocab()
    }

    fn get_vocab_size(&self) -> usize {
        self.0.get_vocab_size()
    }

    fn save(&self, folder: &Path, prefix: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        self.0.save(folder, prefix)
    }

    fn get_trainer(&self) -> TrainerWrapper {
        self.0.get_trainer()
    }
}
