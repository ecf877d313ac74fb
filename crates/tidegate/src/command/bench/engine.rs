//! `tidegate bench engine`: how fast this machine runs a model, and how near that is to what the
//! machine can do.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tidegate_base::{ByteSize, Clock, DType, SystemClock};
use tidegate_llm::{Forward, LoadError, LoadOptions, Model, ModelFiles, Step, StepError, StepSpan};
use tidegate_tensor::{KvDType, Pool, machine};

use crate::bars::LoadBar;
use crate::cli::Context;
use crate::command::serve::Compute;
use crate::exit::{Exit, Failure, Outcome};
use crate::load;
use crate::model::Spec;
use crate::{term, wiring};

/// Tokens in a page of keys and values.
const PAGE_SIZE: usize = 16;
/// Rows of a step while prompts are read.
const STEP_ROWS: usize = 512;

/// Measure a model in this process: reading prompts, then generating, without sampling or HTTP.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .gguf file, a folder with safetensors, or the name of a pulled model.
    #[arg(long, short, value_name = "PATH|NAME", default_value = crate::bundled::NAME)]
    model: String,
    /// Tokens of a prompt.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    prompt: u32,
    /// Tokens to generate after it.
    #[arg(long = "gen", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    generate: u32,
    /// Sequences at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    sequences: u32,
    /// How often to measure; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    #[command(flatten)]
    compute: Compute,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    architecture: String,
    quantisation: &'static str,
    cpu: &'static str,
    threads: usize,
    prompt: usize,
    generated: usize,
    sequences: usize,
    prefill_tokens_per_second: f64,
    decode_tokens_per_second: f64,
    load_seconds: f64,
    memory_bytes: u64,
    /// What the process holds after the runs, where the system tells.
    resident_memory_bytes: Option<u64>,
    /// Bytes a second that all threads can read from memory.
    machine_bandwidth: f64,
    /// The bytes that generating reads (weights, keys, values) over that.
    decode_share_of_bandwidth: f64,
    /// Multiply-additions a second that all threads can do: of 8-bit integers for quantised weights,
    /// of single precision for the others.
    machine_peak: f64,
    peak_kind: &'static str,
    /// The multiply-additions of reading prompts over that.
    prefill_share_of_peak: f64,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let settings = context.settings(args.compute.entries())?;
    let store = wiring::store(&settings, &context.environment);
    let spec = Spec::parse(&args.model, &store)?;
    let files = spec.place.open()?;
    let failed = |error: LoadError| load::failure(&spec, &error);
    let facts = Facts::of(&files).map_err(failed)?;
    let shape = Shape::of(args, facts.context_length)?;
    let clock = SystemClock::new();
    let pool = load::pool(&settings)?;
    let limits = Machine::measure(&pool, &clock, facts.quantisation);
    let mut bar = LoadBar::new(&spec.name);
    let start = clock.monotonic();
    let model = Model::load(files, &shape.options(), Arc::clone(&pool), &mut |progress| {
        bar.at(progress)
    });
    let mut model = model.map_err(failed)?;
    drop(bar);
    let load_time = clock.monotonic() - start;
    let mut runs = Vec::new();
    for _ in 0..args.repeat {
        runs.push(
            shape
                .measure(&mut model, &clock)
                .map_err(|error| Failure::caused(Exit::Internal, &error))?,
        );
    }
    let report = report(&spec, &shape, &facts, &limits, &model, &pool, &runs, load_time);
    if args.json {
        term::json(&report)?;
    } else {
        term::line(report.text())?;
    }
    Ok(Exit::Ok)
}

/// What the arithmetic of shares needs to know of the files.
struct Facts {
    context_length: usize,
    quantisation: DType,
    /// Weights that every prompt token is multiplied with (the output matrix is not).
    layer_weights: u64,
}

impl Facts {
    fn of(files: &ModelFiles) -> Result<Self, LoadError> {
        let checkpoint = files.checkpoint()?;
        let in_layers = |name: &str| name.starts_with("blk.");
        let matrices = || {
            checkpoint
                .tensors()
                .filter(|tensor| tensor.shape.len() > 1 && in_layers(&tensor.name))
        };
        let mut bytes: Vec<(DType, usize)> = Vec::new();
        for tensor in matrices() {
            match bytes.iter_mut().find(|(dtype, _)| *dtype == tensor.dtype) {
                Some((_, sum)) => *sum += tensor.data.len(),
                None => bytes.push((tensor.dtype, tensor.data.len())),
            }
        }
        Ok(Self {
            context_length: checkpoint.config.context_length,
            quantisation: bytes
                .iter()
                .max_by_key(|(_, sum)| *sum)
                .map_or(DType::F32, |(dtype, _)| *dtype),
            layer_weights: matrices().map(|tensor| tensor.elements() as u64).sum(),
        })
    }
}

/// The limits of the machine.
struct Machine {
    bandwidth: f64,
    peak: f64,
    kind: &'static str,
}

impl Machine {
    fn measure(pool: &Pool, clock: &dyn Clock, dtype: DType) -> Self {
        let (peak, kind) = if matches!(dtype, DType::F32 | DType::F16 | DType::BF16) {
            (machine::f32_peak(pool, clock), "f32")
        } else {
            (machine::int8_peak(pool, clock), "int8")
        };
        Self {
            bandwidth: machine::bandwidth(pool, clock),
            peak,
            kind,
        }
    }
}

/// How much to run.
struct Shape {
    prompt: usize,
    generate: usize,
    sequences: usize,
    pages_each: usize,
}

impl Shape {
    fn of(args: &Args, context_length: usize) -> Result<Self, Failure> {
        let (prompt, generate) = (args.prompt as usize, args.generate as usize);
        if prompt + generate > context_length {
            return Err(Failure::usage(format!(
                "--prompt {prompt} and --gen {generate} are more than the model's context of {context_length} tokens"
            )));
        }
        Ok(Self {
            prompt,
            generate,
            sequences: args.sequences as usize,
            pages_each: (prompt + generate).div_ceil(PAGE_SIZE),
        })
    }

    fn options(&self) -> LoadOptions {
        LoadOptions {
            kv_dtype: KvDType::F16,
            page_size: PAGE_SIZE,
            pages: self.pages_each * self.sequences,
            max_rows: STEP_ROWS.max(self.sequences),
            max_outputs: self.sequences,
            context_length: Some(self.prompt + self.generate),
            memory: None,
        }
    }

    /// Reads all prompts, then generates for all sequences at a time. Answers both times.
    fn measure(&self, model: &mut Model, clock: &dyn Clock) -> Result<(Duration, Duration), StepError> {
        let vocabulary = model.vocabulary();
        let mut next: Vec<u32> = vec![0; self.sequences];
        let start = clock.monotonic();
        for (sequence, next) in next.iter_mut().enumerate() {
            // Any tokens do: the work does not depend on which.
            let tokens: Vec<u32> = (0..self.prompt)
                .map(|place| number((sequence + 31 * place) % vocabulary))
                .collect();
            for (chunk, first) in tokens.chunks(STEP_ROWS).zip((0..).step_by(STEP_ROWS)) {
                let last = first + chunk.len() == self.prompt;
                let outputs = [number(chunk.len() - 1)];
                let step = Step {
                    tokens: chunk,
                    spans: &[self.span(0, chunk.len(), first, 0)],
                    page_table: &self.pages(sequence),
                    outputs: if last { &outputs } else { &[] },
                };
                let logits = model.forward(&step)?;
                if last {
                    *next = best(logits);
                }
            }
        }
        let middle = clock.monotonic();
        let table: Vec<u32> = (0..self.sequences)
            .flat_map(|sequence| self.pages(sequence))
            .collect();
        let outputs: Vec<u32> = (0..self.sequences).map(number).collect();
        for place in self.prompt..self.prompt + self.generate {
            let spans: Vec<StepSpan> = (0..self.sequences)
                .map(|sequence| self.span(sequence, 1, place, sequence * self.pages_each))
                .collect();
            let step = Step {
                tokens: &next.clone(),
                spans: &spans,
                page_table: &table,
                outputs: &outputs,
            };
            let logits = model.forward(&step)?;
            next = logits.chunks_exact(vocabulary).map(best).collect();
        }
        Ok((middle - start, clock.monotonic() - middle))
    }

    fn pages(&self, sequence: usize) -> Vec<u32> {
        (sequence * self.pages_each..(sequence + 1) * self.pages_each)
            .map(number)
            .collect()
    }

    fn span(&self, row: usize, rows: usize, position: usize, page: usize) -> StepSpan {
        StepSpan {
            first_row: number(row),
            rows: number(rows),
            first_position: number(position),
            pages: number(page)..number(page + self.pages_each),
        }
    }
}

/// Counts here are far below four billion.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn best(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    number(best.map_or(0, |(token, _)| token))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[expect(
    clippy::too_many_arguments,
    reason = "everything that was found out comes together here"
)]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn report(
    spec: &Spec,
    shape: &Shape,
    facts: &Facts,
    limits: &Machine,
    model: &Model,
    pool: &Pool,
    runs: &[(Duration, Duration)],
    load_time: Duration,
) -> Report {
    let rate =
        |tokens: usize, time: &Duration| (tokens * shape.sequences) as f64 / time.as_secs_f64().max(1e-9);
    let prefill = median(runs.iter().map(|(time, _)| rate(shape.prompt, time)).collect());
    let decode = median(runs.iter().map(|(_, time)| rate(shape.generate, time)).collect());
    let estimate = model.estimate();
    let tokens_held = (shape.prompt + shape.generate / 2) * shape.sequences;
    let step_bytes = estimate.weights.0 as f64 + estimate.kv_per_token.0 as f64 * tokens_held as f64;
    let steps_per_second = decode / shape.sequences as f64;
    Report {
        model: spec.name.clone(),
        architecture: model.config().architecture.clone(),
        quantisation: facts.quantisation.name(),
        cpu: pool.cpu().name(),
        threads: pool.threads(),
        prompt: shape.prompt,
        generated: shape.generate,
        sequences: shape.sequences,
        prefill_tokens_per_second: prefill,
        decode_tokens_per_second: decode,
        load_seconds: load_time.as_secs_f64(),
        memory_bytes: estimate.total().0,
        resident_memory_bytes: resident_memory(),
        machine_bandwidth: limits.bandwidth,
        decode_share_of_bandwidth: step_bytes * steps_per_second / limits.bandwidth.max(1.0),
        machine_peak: limits.peak,
        peak_kind: limits.kind,
        prefill_share_of_peak: facts.layer_weights as f64 * prefill / limits.peak.max(1.0),
    }
}

fn resident_memory() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

impl Report {
    fn text(&self) -> String {
        let resident = self
            .resident_memory_bytes
            .map_or_else(|| "unknown".to_owned(), |bytes| ByteSize(bytes).to_string());
        format!(
            "{} ({}, {}), {} threads, {}, {} sequences of {} + {} tokens\n\
             prefill  {:>9.1} tokens/s  {:>5.1} % of the machine's {:.0} G multiply-additions/s ({})\n\
             decode   {:>9.1} tokens/s  {:>5.1} % of the machine's {:.1} GB/s\n\
             memory   {} planned, {resident} resident; loaded in {:.2} s",
            self.model,
            self.architecture,
            self.quantisation,
            self.threads,
            self.cpu,
            self.sequences,
            self.prompt,
            self.generated,
            self.prefill_tokens_per_second,
            self.prefill_share_of_peak * 100.0,
            self.machine_peak / 1e9,
            self.peak_kind,
            self.decode_tokens_per_second,
            self.decode_share_of_bandwidth * 100.0,
            self.machine_bandwidth / 1e9,
            ByteSize(self.memory_bytes),
            self.load_seconds,
        )
    }
}
