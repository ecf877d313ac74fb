//! Everything of a model that has to do with text: tokenizer, chat template, tool format, grammars.

use std::sync::{Arc, OnceLock};

use tidegate_base::{Clock, Fault};
use tidegate_engine::{
    ChatRequest, ChatTemplate, Conversation, Format, Prompt, SpecialTokens, TemplateError, TemplateLimits,
    ToolChoice, ToolFormat,
};
use tidegate_weights::tokenizer::{EncodeOptions, Tokenizer};

use crate::grammar::{Grammar, GrammarFactory, TokenText};

/// The text side of one model.
pub(super) struct Voice {
    tokenizer: Arc<Tokenizer>,
    template: Option<ChatTemplate>,
    tools: ToolFormat,
    /// Control tokens that begin or end tool calls: seen as text where tools may be called.
    call_marks: Vec<u32>,
    /// Tokens below this number are known to both tokenizer and weights.
    known: usize,
    /// Made at the first request that needs it: it takes some hundred milliseconds.
    grammars: OnceLock<Result<GrammarFactory, String>>,
}

/// A request that was read.
pub(super) struct Prepared {
    pub(super) tokens: Vec<u32>,
    pub(super) grammar: Option<Grammar>,
}

impl Voice {
    pub(super) fn new(
        tokenizer: Arc<Tokenizer>,
        architecture: &str,
        known: usize,
        clock: Arc<dyn Clock>,
        limits: TemplateLimits,
    ) -> Result<Self, TemplateError> {
        let text = |token: u32| String::from_utf8_lossy(tokenizer.token_bytes(token)).into_owned();
        let numbers = || (0_u32..).take(tokenizer.vocabulary());
        let (template, tools) = match tokenizer.chat_template() {
            None => (None, ToolFormat::None),
            Some(source) => {
                let special = SpecialTokens {
                    bos: tokenizer.bos().map(text).unwrap_or_default(),
                    eos: tokenizer.eos().map(text).unwrap_or_default(),
                    control: numbers()
                        .filter(|token| tokenizer.is_control(*token))
                        .map(text)
                        .collect(),
                };
                let template = ChatTemplate::compile(source, special, clock, limits)?;
                let tools = if template.knows_tools() {
                    ToolFormat::detect(source, architecture)
                } else {
                    ToolFormat::None
                };
                (Some(template), tools)
            }
        };
        let marks = tools.markers().iter();
        let call_marks = marks.filter_map(|mark| tokenizer.token_id(mark)).collect();
        Ok(Self {
            tokenizer,
            template,
            tools,
            call_marks,
            known,
            grammars: OnceLock::new(),
        })
    }

    pub(super) fn chats(&self) -> bool {
        self.template.is_some()
    }

    pub(super) fn tool_format(&self) -> ToolFormat {
        self.tools
    }

    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Whether a token shows in the text of an answer. Control tokens do not, but for the marks of
    /// tool calls where these are looked for.
    pub(super) fn shows(&self, token: u32, with_calls: bool) -> bool {
        !self.tokenizer.is_control(token) || (with_calls && self.call_marks.contains(&token))
    }

    /// Renders and encodes a conversation. Control tokens are read in the template's own text only: a
    /// caller who writes `<|im_end|>` in a message gets its letters.
    pub(super) fn prepare_chat(&self, request: &ChatRequest) -> Result<Prepared, Fault> {
        let Some(template) = &self.template else {
            return Err(
                Fault::unsupported("this model has no chat template; use completions")
                    .with_param("model")
                    .with_code("no_chat_template"),
            );
        };
        let grammar = match &request.tool_choice {
            ToolChoice::Required | ToolChoice::Named(_) => self.grammars()?.tools(
                self.tools,
                &request.tools,
                &request.tool_choice,
                request.parallel_tool_calls,
            )?,
            ToolChoice::Auto | ToolChoice::None => self.grammar(&request.params.format)?,
        };
        let rendered = template.render(&Conversation::of(request))?;
        let mut tokens = Vec::new();
        for segment in &rendered.segments {
            let options = EncodeOptions {
                parse_special: segment.trusted,
                add_special: false,
            };
            tokens.extend(self.tokenizer.encode(&segment.text, options));
        }
        self.check_known(&tokens, "messages")?;
        Ok(Prepared { tokens, grammar })
    }

    /// The tokens of a text as the model expects it (with a begin-of-sequence token where it wants
    /// one); control tokens are read, as everywhere in the field: a raw prompt is the caller's own.
    pub(super) fn encode_prompt(&self, prompt: &Prompt, param: &str) -> Result<Vec<u32>, Fault> {
        let tokens = match prompt {
            Prompt::Tokens(tokens) => tokens.clone(),
            Prompt::Text(text) => self.tokenizer.encode(
                text,
                EncodeOptions {
                    parse_special: true,
                    add_special: true,
                },
            ),
        };
        self.check_known(&tokens, param)?;
        Ok(tokens)
    }

    /// The grammar of a response format.
    pub(super) fn grammar(&self, format: &Format) -> Result<Option<Grammar>, Fault> {
        match format {
            Format::Text => Ok(None),
            Format::JsonObject | Format::JsonSchema(_) | Format::Regex(_) | Format::Lark(_) => {
                self.grammars()?.format(format)
            }
        }
    }

    fn grammars(&self) -> Result<&GrammarFactory, Fault> {
        let made = self.grammars.get_or_init(|| {
            let token = |number| TokenText {
                bytes: self.tokenizer.token_bytes(number),
                control: self.tokenizer.is_control(number),
            };
            let tokens = (0_u32..).take(self.known).map(token);
            GrammarFactory::from_tokens(tokens, self.tokenizer.end_tokens())
                .map_err(|error| error.to_string())
        });
        made.as_ref().map_err(|error| {
            Fault::unsupported("this model's vocabulary cannot be constrained")
                .with_param("response_format")
                .with_detail(error.clone())
        })
    }

    fn check_known(&self, tokens: &[u32], param: &str) -> Result<(), Fault> {
        match tokens.iter().find(|token| **token as usize >= self.known) {
            None => Ok(()),
            Some(token) => Err(Fault::invalid(format!(
                "`{param}` has the token {token}, expected numbers below {}",
                self.known
            ))
            .with_param(param)),
        }
    }
}

/// How much text a conversation is, roughly; anything that needs a grammar counts as very long.
pub(super) fn chat_bytes(request: &ChatRequest) -> usize {
    let constrained = request.params.format != Format::Text
        || matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
    if constrained || !request.tools.is_empty() {
        return usize::MAX;
    }
    let calls = |count: usize| if count > 0 { 1024 * count } else { 0 };
    request
        .messages
        .iter()
        .map(|message| message.content.len() + calls(message.tool_calls.len()))
        .sum()
}

/// How much text a prompt is.
pub(super) fn prompt_bytes(prompt: &Prompt) -> usize {
    match prompt {
        Prompt::Text(text) => text.len(),
        Prompt::Tokens(_) => 0,
    }
}
