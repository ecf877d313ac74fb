//! Chat templates: the Jinja text that comes with a model turns a conversation into its prompt.
//!
//! The output equals what `apply_chat_template` of Hugging Face transformers renders. What a caller
//! wrote can never become a control token: see [`Segment`].

mod environment;
mod json;
mod marks;
mod python;
mod strftime;
mod values;

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Environment, ErrorKind};
use serde_json::Map;
use tidegate_base::{Clock, Fault};

use crate::{ChatRequest, Message, Tool, ToolChoice};
use environment::Raised;
use marks::Marker;

/// Name of the one template in the environment.
const NAME: &str = "chat_template";

/// Roles that every template may be asked for; others must stand, quoted, in its source.
const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    marker: Marker,
    bos: String,
    eos: String,
    /// Roles beyond [`ROLES`] that the source names.
    roles: BTreeSet<String>,
    /// Whether tool call ids must be nine letters or digits (Mistral's rule).
    short_ids: bool,
    /// Whether the source reads `tools`.
    tools: bool,
    limits: TemplateLimits,
}

/// The model's special tokens, as a template sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Text of the token that begins a sequence; empty where the model has none.
    pub bos: String,
    /// Text of the token that ends a sequence.
    pub eos: String,
    /// Texts of all control tokens. None of them is ever read from a caller's text.
    pub control: Vec<String>,
}

/// How much one rendering may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateLimits {
    /// Longest source, in bytes.
    pub source_bytes: usize,
    /// Instructions of the template machine that one rendering may take.
    pub fuel: u64,
    /// Longest output, in bytes.
    pub output_bytes: usize,
    /// Deepest nesting of macros and loops.
    pub recursion: usize,
}

impl Default for TemplateLimits {
    fn default() -> Self {
        Self {
            source_bytes: 1 << 20,
            fuel: 20_000_000,
            output_bytes: 64 << 20,
            recursion: 100,
        }
    }
}

/// A template that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Longer than [`TemplateLimits::source_bytes`].
    #[error("the chat template has {bytes} bytes, expected at most {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Not Jinja.
    #[error("line {line} of the chat template: {message}")]
    Syntax {
        /// Where, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}

/// What is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Conversation<'a> {
    /// The turns, oldest first.
    pub messages: &'a [Message],
    /// Tools that the model may call.
    pub tools: &'a [Tool],
    /// Documents for retrieval templates (`title`, `text`).
    pub documents: &'a [serde_json::Value],
    /// Extra variables (`enable_thinking`, `date_string`).
    pub arguments: &'a Map<String, serde_json::Value>,
    /// Whether the prompt ends with the opening of the assistant's turn.
    pub add_generation_prompt: bool,
}

impl<'a> Conversation<'a> {
    /// The conversation of a request. Tools are left out when none may be called; the assistant's
    /// turn is opened.
    pub fn of(request: &'a ChatRequest) -> Self {
        Self {
            messages: &request.messages,
            tools: if request.tool_choice == ToolChoice::None {
                &[]
            } else {
                &request.tools
            },
            documents: &[],
            arguments: &request.template_arguments,
            add_generation_prompt: true,
        }
    }
}

/// A piece of a prompt. In trusted text the tokenizer reads control tokens; in the rest
/// it reads the same characters as plain text.
///
/// A prompt is one trusted segment, exactly as transformers would tokenise it, unless a caller's
/// text spells a control token: then the text around the template's own control tokens is
/// untrusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The characters; never empty.
    pub text: String,
    /// Whether control tokens count here.
    pub trusted: bool,
}

/// A rendered prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The prompt in order.
    pub segments: Vec<Segment>,
}

impl Rendered {
    fn trusted(text: String) -> Self {
        let segments = match text.is_empty() {
            true => Vec::new(),
            false => vec![Segment { text, trusted: true }],
        };
        Self { segments }
    }

    /// The whole prompt as one text.
    pub fn text(&self) -> String {
        self.segments
            .iter()
            .map(|segment| segment.text.as_str())
            .collect()
    }
}

impl ChatTemplate {
    /// Compiles a template once for all requests. `clock` answers `strftime_now`, in UTC.
    ///
    /// # Errors
    /// The source is too long or is not Jinja.
    pub fn compile(
        source: &str,
        tokens: SpecialTokens,
        clock: Arc<dyn Clock>,
        limits: TemplateLimits,
    ) -> Result<Self, TemplateError> {
        if source.len() > limits.source_bytes {
            return Err(TemplateError::TooLarge {
                bytes: source.len(),
                limit: limits.source_bytes,
            });
        }
        let mut environment = environment::build(clock, &limits);
        environment
            .add_template_owned(NAME, environment::without_generation_tags(source))
            .map_err(|error| TemplateError::Syntax {
                line: error.line().unwrap_or(1),
                message: describe(&error),
            })?;
        Ok(Self {
            environment,
            marker: Marker::new(&tokens.control),
            bos: tokens.bos,
            eos: tokens.eos,
            roles: quoted_words(source),
            short_ids: source.contains("[TOOL_CALLS]"),
            tools: source.contains("tools"),
            limits,
        })
    }

    /// Whether the template shows tools to the model.
    pub fn knows_tools(&self) -> bool {
        self.tools
    }

    /// Renders a conversation.
    ///
    /// # Errors
    /// `Invalid` with the template's own words where it calls `raise_exception`; `Invalid` for a
    /// role that it does not know; `Invalid` with line and cause where it fails; `TooLarge` beyond
    /// the limits.
    pub fn render(&self, conversation: &Conversation<'_>) -> Result<Rendered, Fault> {
        for (index, message) in conversation.messages.iter().enumerate() {
            self.check_role(index, &message.role)?;
        }
        let mut writer = values::Writer::new(&self.marker, true, self.short_ids);
        let marked = self.run(self.context(&mut writer, conversation))?;
        if !writer.marked() {
            return Ok(Rendered::trusted(marked));
        }
        let (segments, forged) = self.marker.segments(&marked);
        if !forged {
            // Marks can mislead a template that searches the text or counts its characters. Without
            // them it may only differ in other places than control tokens.
            let mut writer = values::Writer::new(&self.marker, false, self.short_ids);
            let plain = self.run(self.context(&mut writer, conversation))?;
            let text: String = segments.iter().map(|segment| segment.text.as_str()).collect();
            if self.marker.tokens_in(&plain).eq(self.marker.tokens_in(&text)) {
                return Ok(Rendered::trusted(plain));
            }
        }
        Ok(Rendered { segments })
    }

    /// Runs the template once.
    fn run(&self, context: Value) -> Result<String, Fault> {
        let mut output = Bounded {
            bytes: Vec::new(),
            limit: self.limits.output_bytes,
            full: false,
        };
        let template = self
            .environment
            .get_template(NAME)
            .map_err(|error| fault(&error))?;
        // minijinja's arithmetic can overflow in odd slices; a template must not end the process.
        let render = || template.render_captured_to(context, &mut output).map(drop);
        let result = catch_unwind(AssertUnwindSafe(render))
            .map_err(|_| Fault::internal("the template machine panicked"))?;
        if output.full {
            return Err(too_large(format!(
                "the rendered prompt is longer than {} bytes",
                self.limits.output_bytes
            )));
        }
        result.map_err(|error| fault(&error))?;
        String::from_utf8(output.bytes)
            .map_err(|error| Fault::internal("the chat template wrote broken UTF-8").with_source(error))
    }

    /// The variables of the template, as transformers names them.
    fn context(&self, writer: &mut values::Writer<'_>, conversation: &Conversation<'_>) -> Value {
        let mut pairs: Vec<(String, Value)> = vec![
            ("bos_token".into(), Value::from(self.bos.as_str())),
            ("eos_token".into(), Value::from(self.eos.as_str())),
        ];
        for (name, value) in conversation.arguments {
            pairs.push((name.clone(), writer.json(value)));
        }
        let list_or_none = |values: Vec<Value>| match values.is_empty() {
            true => Value::from(()),
            false => Value::from(values),
        };
        let tools = conversation.tools.iter().map(|tool| writer.tool(tool)).collect();
        let documents = conversation
            .documents
            .iter()
            .map(|document| writer.json(document))
            .collect();
        let messages: Vec<Value> = conversation
            .messages
            .iter()
            .map(|message| writer.message(message))
            .collect();
        pairs.push(("messages".into(), Value::from(messages)));
        pairs.push(("tools".into(), list_or_none(tools)));
        pairs.push(("documents".into(), list_or_none(documents)));
        pairs.push((
            "add_generation_prompt".into(),
            Value::from(conversation.add_generation_prompt),
        ));
        Value::from_pairs(pairs)
    }

    /// A role goes into the prompt as the template's own text, so it must be one that it knows.
    fn check_role(&self, index: usize, role: &str) -> Result<(), Fault> {
        if ROLES.contains(&role) || self.roles.contains(role) {
            return Ok(());
        }
        Err(Fault::invalid(format!(
            "`{role}` is not a role that this model's chat template knows"
        ))
        .with_param(format!("messages[{index}].role"))
        .with_hint(format!("expected one of {}", ROLES.join(", "))))
    }
}

/// Collects output up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + buffer.len() > self.limit {
            self.full = true;
            return Err(io::Error::other("output limit"));
        }
        self.bytes.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Words in quotes: what a template may compare a role with.
fn quoted_words(source: &str) -> BTreeSet<String> {
    source
        .split(['\'', '"'])
        .filter(|word| {
            (1..=32).contains(&word.len())
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
        .map(str::to_owned)
        .collect()
}

/// The error in words, without the place.
fn describe(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

fn too_large(public: String) -> Fault {
    Fault::too_large(public).with_param("messages")
}

/// A failed rendering, in the caller's terms.
fn fault(error: &minijinja::Error) -> Fault {
    let mut cause = error.source();
    let mut innermost = error;
    while let Some(inner) = cause {
        if let Some(raised) = inner.downcast_ref::<Raised>() {
            return Fault::invalid(raised.0.clone())
                .with_param("messages")
                .with_code("chat_template_rejected");
        }
        if let Some(inner) = inner.downcast_ref::<minijinja::Error>() {
            innermost = inner;
        }
        cause = inner.source();
    }
    if error.kind() == ErrorKind::OutOfFuel || innermost.kind() == ErrorKind::OutOfFuel {
        return too_large("this conversation takes the chat template more steps than its limit".to_owned());
    }
    let line = innermost.line().or(error.line()).unwrap_or(0);
    Fault::invalid(format!(
        "the model's chat template cannot render this conversation: line {line}: {}",
        describe(innermost)
    ))
    .with_param("messages")
    .with_code("chat_template_failed")
}

#[cfg(test)]
mod tests;
