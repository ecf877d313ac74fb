//! Answers that must have a shape: grammars over the tokens of a model, by llguidance.
//!
//! A [`GrammarFactory`] knows the vocabulary of one model; a [`Grammar`] follows one sequence and says
//! which tokens may come next.

mod schema;
mod wire;

use std::sync::Arc;

use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory, earley::SlicedBiasComputer};
use serde_json::{Value, json};
use tidegate_base::Fault;
use tidegate_engine::{Format, Tool, ToolChoice, ToolFormat};
use tidegate_weights::tokenizer::Tokenizer;

use crate::prompt;

/// One token of a vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenText<'a> {
    /// The bytes that it adds to the text; the literal text of a control token.
    pub bytes: &'a [u8],
    /// Whether it is a control token, which no text contains.
    pub control: bool,
}

/// A vocabulary that no grammar can be made for.
#[derive(Debug, thiserror::Error)]
pub enum VocabularyError {
    /// Nothing could ever end an answer.
    #[error("the vocabulary has no end-of-text token")]
    NoEnd,
    /// An end token is not in the vocabulary.
    #[error("end token {token} is not below the vocabulary's size {size}")]
    EndOutside {
        /// The token.
        token: u32,
        /// How many there are.
        size: usize,
    },
    /// llguidance refused it.
    #[error("the vocabulary does not make a token tree: {0}")]
    Tree(String),
}

/// Makes grammars for one model.
pub struct GrammarFactory {
    parsers: ParserFactory,
    tokens: TokEnv,
}

/// Which tokens a sequence may go on with.
///
/// A clone is independent: it follows another answer to the same request.
pub struct Grammar {
    matcher: Matcher,
    /// One bit for each token, lowest first.
    mask: Vec<u32>,
    vocabulary: usize,
}

impl GrammarFactory {
    /// Reads the vocabulary of a tokenizer.
    ///
    /// # Errors
    /// As [`Self::from_tokens`].
    pub fn new(tokenizer: &Tokenizer) -> Result<Self, VocabularyError> {
        let tokens = prompt::ids(tokenizer).map(|id| TokenText {
            bytes: tokenizer.token_bytes(id),
            control: tokenizer.is_control(id),
        });
        Self::from_tokens(tokens, tokenizer.end_tokens())
    }

    /// Reads a vocabulary; token numbers are places in the iterator. `end` are the tokens that may end
    /// an answer. Takes some hundred milliseconds for 150 000 tokens: once per model.
    ///
    /// # Errors
    /// There is no end token, or the tokens make no tree.
    pub fn from_tokens<'a>(
        tokens: impl IntoIterator<Item = TokenText<'a>>,
        end: &[u32],
    ) -> Result<Self, VocabularyError> {
        let words: Vec<Vec<u8>> = tokens.into_iter().map(word).collect();
        let first = *end.first().ok_or(VocabularyError::NoEnd)?;
        let size = words.len();
        if let Some(&token) = end
            .iter()
            .find(|&&token| usize::try_from(token).is_ok_and(|token| token >= size))
        {
            return Err(VocabularyError::EndOutside { token, size });
        }
        let count = u32::try_from(size)
            .map_err(|_| VocabularyError::Tree("expected at most 2^32 tokens".to_owned()))?;
        let trie = TokTrie::from(&TokRxInfo::new(count, first), &words).with_eos_tokens(end);
        let tokens: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut parsers = ParserFactory::new(
            &tokens,
            InferenceCapabilities::default(),
            &SlicedBiasComputer::general_slices(),
        )
        .map_err(|error| VocabularyError::Tree(error.to_string()))?;
        // Errors go to the caller, who must not see the state of the parser; nothing goes to stderr.
        parsers.quiet();
        *parsers.limits_mut() = ParserLimits {
            verbose_errors: false,
            max_grammar_size: 200_000,
            ..ParserLimits::default()
        };
        Ok(Self { parsers, tokens })
    }

    /// The grammar of a response format; `None` for free text.
    ///
    /// # Errors
    /// `Invalid`, with llguidance's words, for a schema, expression or grammar that it cannot follow.
    pub fn format(&self, format: &Format) -> Result<Option<Grammar>, Fault> {
        let grammar = match format {
            Format::Text => return Ok(None),
            Format::JsonObject => {
                TopLevelGrammar::from_json_schema(schema::prepare(json!({"type": "object"})))
            }
            Format::JsonSchema(schema) => TopLevelGrammar::from_json_schema(schema::prepare(schema.clone())),
            Format::Regex(expression) => TopLevelGrammar::from_regex(expression),
            Format::Lark(grammar) => TopLevelGrammar::from_lark(grammar.clone()),
        };
        self.compile(grammar, "response_format").map(Some)
    }

    /// The grammar of an answer that must call tools, in the wire format of the model's family;
    /// `None` where the model decides.
    ///
    /// # Errors
    /// `Invalid` for an unknown tool or a schema that llguidance cannot follow; `Unsupported` where the
    /// model's template knows no tools.
    pub fn tools(
        &self,
        format: ToolFormat,
        tools: &[Tool],
        choice: &ToolChoice,
        parallel: bool,
    ) -> Result<Option<Grammar>, Fault> {
        let chosen: Vec<&Tool> = match choice {
            ToolChoice::Auto | ToolChoice::None => return Ok(None),
            ToolChoice::Required => tools.iter().collect(),
            ToolChoice::Named(name) => tools.iter().filter(|tool| tool.name == *name).collect(),
        };
        if chosen.is_empty() {
            let wanted = match choice {
                ToolChoice::Named(name) => format!("`{name}` is not one of the tools"),
                ToolChoice::Auto | ToolChoice::None | ToolChoice::Required => "there are no tools".to_owned(),
            };
            return Err(
                Fault::invalid(format!("a tool must be called, but {wanted}")).with_param("tool_choice")
            );
        }
        let control = |text: &str| self.tokens.tok_trie().get_special_token(text);
        let grammar = wire::lark(format, &chosen, parallel, control).ok_or_else(|| {
            Fault::unsupported("this model's chat template knows no tools, so none can be required")
                .with_param("tool_choice")
        })?;
        self.compile(TopLevelGrammar::from_lark(grammar), "tools")
            .map(Some)
    }

    fn compile(&self, grammar: TopLevelGrammar, param: &'static str) -> Result<Grammar, Fault> {
        let matcher = Matcher::new(self.parsers.create_parser(grammar));
        if let Some(message) = matcher.get_error() {
            return Err(Fault::invalid(format!(
                "the grammar of the answer is not usable: {}",
                tidy(&message)
            ))
            .with_param(param)
            .with_code("invalid_grammar"));
        }
        let vocabulary = self.tokens.tok_trie().vocab_size();
        Ok(Grammar {
            matcher,
            mask: vec![0; vocabulary.div_ceil(32)],
            vocabulary,
        })
    }
}

impl Grammar {
    /// The tokens that may come next: bit `t % 32` of word `t / 32`. Only end tokens once the
    /// grammar is finished. Takes some 50 microseconds for 128 000 tokens, some milliseconds at worst.
    ///
    /// # Errors
    /// `Invalid` where the grammar's limits are passed.
    pub fn mask(&mut self) -> Result<&[u32], Fault> {
        let mask = self
            .matcher
            .compute_mask_or_eos()
            .map_err(|error| broken(&error))?;
        let count = self.mask.len();
        self.mask.copy_from_slice(&mask.as_slice()[..count]);
        Ok(&self.mask)
    }

    /// Sets the scores of all tokens that may not come next to minus infinity. `logits` may be longer
    /// than the vocabulary: what is beyond is no token.
    ///
    /// # Errors
    /// As [`Self::mask`].
    pub fn apply(&mut self, logits: &mut [f32]) -> Result<(), Fault> {
        self.mask()?;
        for (word, scores) in logits.chunks_mut(32).enumerate() {
            let bits = self.mask.get(word).copied().unwrap_or(0);
            if bits == u32::MAX {
                continue;
            }
            for (bit, score) in scores.iter_mut().enumerate() {
                if bits >> bit & 1 == 0 {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
        Ok(())
    }

    /// Takes the token that was chosen. End tokens finish the grammar.
    ///
    /// # Errors
    /// `Internal` for a token that the mask forbids; `Invalid` where the grammar's limits are passed.
    pub fn commit(&mut self, token: u32) -> Result<(), Fault> {
        if self.matcher.is_stopped() && !self.matcher.is_error() {
            return Ok(());
        }
        self.matcher.consume_token(token).map_err(|error| broken(&error))
    }

    /// Whether nothing more may come, so that no further token need be generated.
    pub fn is_finished(&self) -> bool {
        self.matcher.is_stopped()
    }

    /// Whether the text so far is complete (an end token is allowed).
    pub fn is_accepting(&mut self) -> bool {
        self.matcher.is_stopped() || self.matcher.is_accepting().unwrap_or(false)
    }

    /// How many tokens the mask covers.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }
}

impl Clone for Grammar {
    fn clone(&self) -> Self {
        Self {
            // A shallow clone would share the lexer behind a lock.
            matcher: self.matcher.deep_clone(),
            mask: self.mask.clone(),
            vocabulary: self.vocabulary,
        }
    }
}

impl std::fmt::Debug for GrammarFactory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrammarFactory")
            .field("vocabulary", &self.tokens.tok_trie().vocab_size())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Grammar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grammar")
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// A token as llguidance wants it: control tokens begin with the byte that no text has.
fn word(token: TokenText<'_>) -> Vec<u8> {
    match token.control {
        true => [&[TokTrie::SPECIAL_TOKEN_MARKER], token.bytes].concat(),
        false => token.bytes.to_vec(),
    }
}

/// A failure while following a grammar. llguidance names its limits in words only.
fn broken(error: &dyn std::fmt::Display) -> Fault {
    let message = error.to_string();
    if ["too", "limit", "fuel", "max is"]
        .iter()
        .any(|word| message.contains(word))
    {
        Fault::invalid(format!(
            "the grammar of the answer is too complex: {}",
            tidy(&message)
        ))
        .with_param("response_format")
        .with_code("invalid_grammar")
    } else {
        Fault::internal(format!("grammar: {message}"))
    }
}

/// The first paragraph of llguidance's message, without the state that it adds.
fn tidy(message: &str) -> String {
    let end = message.find("\n<").unwrap_or(message.len());
    message[..end]
        .trim()
        .replace('\n', "; ")
        .chars()
        .take(400)
        .collect()
}

/// JSON as text with an object that is never missing.
fn parameters(tool: &Tool) -> Value {
    match &tool.parameters {
        Some(Value::Object(map)) if !map.is_empty() => Value::Object(map.clone()),
        _ => json!({"type": "object"}),
    }
}

#[cfg(test)]
mod tests;
