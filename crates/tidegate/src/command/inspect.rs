//! `tidegate inspect`: what is in a model's files, and what it would take to run it.

use serde::Serialize;
use tidegate_base::ByteSize;
use tidegate_engine::tools::ToolFormat;
use tidegate_llm::OpenError;
use tidegate_weights::{Summary, Tokenizer};

use crate::cli::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::load::{self, Plan};
use crate::model::Spec;
use crate::{term, wiring};

/// Show a model: architecture, tensors, quantisation, context, memory, tokenizer, chat template.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .gguf file, a folder with safetensors, the name of a pulled model, or `tide`.
    #[arg(value_name = "FILE|NAME")]
    model: String,
    /// List every tensor.
    #[arg(long)]
    tensors: bool,
    /// Print the chat template.
    #[arg(long)]
    template: bool,
    /// Print JSON, with everything.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, context: &Context) -> Outcome {
    let settings = context.settings(Vec::new())?;
    let store = wiring::store(&settings, &context.environment);
    let spec = Spec::parse(&args.model, &store)?;
    let facts = Facts::of(&load::plan(spec, &settings, 1)?)?;
    if args.json {
        term::json(&facts)?;
    } else if args.template {
        term::line(
            facts
                .chat_template
                .as_deref()
                .unwrap_or("the model has no chat template"),
        )?;
    } else if args.tensors {
        term::line(facts.tensor_table().trim_end())?;
    } else {
        term::line(facts.text().trim_end())?;
    }
    Ok(Exit::Ok)
}

/// What there is to know about a model without running it.
#[derive(Debug, Serialize)]
struct Facts {
    served_as: String,
    location: String,
    file_bytes: u64,
    #[serde(flatten)]
    summary: Summary,
    memory: Memory,
    /// Why the tokenizer cannot be read; then the model cannot be served.
    tokenizer_problem: Option<String>,
    tool_calls: String,
    chat_template: Option<String>,
    tensor_list: Vec<TensorFacts>,
}

/// What it takes to serve it with the settings in force.
#[derive(Debug, Serialize)]
struct Memory {
    total: u64,
    weights: u64,
    keys_and_values: u64,
    keys_and_values_per_token: u64,
    activations: u64,
    /// The most tokens of a sequence with this memory.
    context_length: usize,
}

impl Memory {
    fn text(&self) -> String {
        format!(
            "{}: weights {}, activations {}, keys and values {} ({} a token)",
            ByteSize(self.total),
            ByteSize(self.weights),
            ByteSize(self.activations),
            ByteSize(self.keys_and_values),
            ByteSize(self.keys_and_values_per_token),
        )
    }
}

#[derive(Debug, Serialize)]
struct TensorFacts {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
    bytes: u64,
}

impl Facts {
    fn of(plan: &Plan) -> Result<Self, Failure> {
        let broken = |error: OpenError| Failure::caused(Exit::Data, &error);
        let checkpoint = plan.files.checkpoint().map_err(broken)?;
        // Weights without a tokenizer can be looked at, though not served.
        let (tokenizer, problem) = match load::tokenizer(&plan.files) {
            Ok(tokenizer) => (Some(tokenizer), None),
            Err(error) => (None, Some(Failure::caused(Exit::Data, &error).message)),
        };
        let summary = Summary::new(&checkpoint, tokenizer.as_ref());
        let template = tokenizer
            .as_ref()
            .and_then(Tokenizer::chat_template)
            .map(str::to_owned);
        let format = ToolFormat::detect(template.as_deref().unwrap_or(""), &summary.architecture);
        let estimate = &plan.estimate;
        Ok(Self {
            served_as: plan.spec.name.clone(),
            location: plan.files.path().display().to_string(),
            file_bytes: plan.files.bytes(),
            summary,
            memory: Memory {
                total: estimate.total().0,
                weights: estimate.weights.0,
                keys_and_values: estimate.kv.0,
                keys_and_values_per_token: estimate.kv_per_token.0,
                activations: estimate.activations.0,
                context_length: plan.context_length,
            },
            tokenizer_problem: problem,
            tool_calls: format!("{format:?}").to_lowercase(),
            chat_template: template,
            tensor_list: checkpoint
                .tensors()
                .map(|tensor| TensorFacts {
                    name: tensor.name.to_string(),
                    dtype: tensor.dtype.name(),
                    shape: tensor.shape.clone(),
                    bytes: tensor.data.len() as u64,
                })
                .collect(),
        })
    }

    fn text(&self) -> String {
        let summary = &self.summary;
        let mut rows = vec![
            ("served as", self.served_as.clone()),
            (
                "location",
                format!("{} ({})", self.location, ByteSize(self.file_bytes)),
            ),
            (
                "architecture",
                format!("{} {}", summary.architecture, summary.name),
            ),
            (
                "parameters",
                format!("{} in {} tensors", count(summary.parameters), summary.tensors),
            ),
            ("quantisation", self.quantisation()),
            ("context", format!("{} tokens", summary.context_length)),
            (
                "shape",
                format!(
                    "{} layers, hidden {}, {} heads, {} of them with keys and values of their own",
                    summary.layers, summary.hidden, summary.heads, summary.kv_heads
                ),
            ),
        ];
        if let Some(window) = summary.sliding_window {
            rows.push(("window", format!("a token sees the {window} before it")));
        }
        if let Some(tokenizer) = &summary.tokenizer {
            let bos = tokenizer
                .bos
                .as_ref()
                .map_or("nothing".to_owned(), |text| format!("`{text}`"));
            let end = tokenizer.end.join("`, `");
            rows.push((
                "tokenizer",
                format!(
                    "{}, {} tokens, begins with {bos}, ends with `{end}`",
                    tokenizer.kind, tokenizer.size
                ),
            ));
        }
        if let Some(problem) = &self.tokenizer_problem {
            rows.push(("tokenizer", format!("none that can be read: {problem}")));
        }
        rows.push((
            "chat",
            match &self.chat_template {
                Some(template) => {
                    format!(
                        "template of {} characters, tool calls: {}",
                        template.chars().count(),
                        self.tool_calls
                    )
                }
                None => "no template; only completions".to_owned(),
            },
        ));
        rows.push(("memory", self.memory.text()));
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(name, value)| vec![name.to_owned(), value])
            .collect();
        term::table(&rows)
    }

    fn quantisation(&self) -> String {
        let types = self.summary.types.iter();
        let types: Vec<String> = types
            .map(|share| {
                format!(
                    "{} tensors {} ({})",
                    share.tensors,
                    share.dtype,
                    ByteSize(share.bytes)
                )
            })
            .collect();
        format!(
            "{}, {:.2} bits a parameter: {}",
            self.summary.quantisation,
            self.summary.bits_per_parameter,
            types.join(", ")
        )
    }

    fn tensor_table(&self) -> String {
        let rows: Vec<_> = self
            .tensor_list
            .iter()
            .map(|tensor| {
                vec![
                    tensor.name.clone(),
                    tensor.dtype.to_owned(),
                    format!("{:?}", tensor.shape),
                    ByteSize(tensor.bytes).to_string(),
                ]
            })
            .collect();
        term::table(&rows)
    }
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn count(parameters: u64) -> String {
    match parameters {
        0..1_000_000_000 => format!("{:.1} million", parameters as f64 / 1e6),
        _ => format!("{:.2} billion", parameters as f64 / 1e9),
    }
}
