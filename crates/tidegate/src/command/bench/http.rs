//! `tidegate bench http`: load any OpenAI-compatible server with streaming requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tidegate_base::{Clock, Fault, SystemClock, units};

use super::report::{Found, Report, Sample};
use crate::cli::Context;
use crate::environment;
use crate::exit::{Exit, Failure, Outcome};
use crate::remote::Client;
use crate::term;

/// Load a server: streaming chat requests from several clients at once.
///
/// Prompts differ from each other from the first word on, so that a prefix cache does not flatter
/// the server; `--shared-prefix` turns that round. One request is made before the clock starts.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server (`http://127.0.0.1:8080`, with or without `/v1`).
    #[arg(long)]
    url: String,
    /// The model [default: the first of the server's list].
    #[arg(long)]
    model: Option<String>,
    /// Clients that ask at the same time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4096))]
    clients: u16,
    /// Requests in all [default: four for each client].
    #[arg(long)]
    requests: Option<usize>,
    /// Start no request after this time (`30s`).
    #[arg(long, value_parser = units::parse_duration)]
    duration: Option<Duration>,
    /// Tokens of a prompt, nearly: words are added until the server would count about as many.
    #[arg(long, default_value_t = 128)]
    prompt_tokens: usize,
    /// The most tokens of an answer.
    #[arg(long = "gen", default_value_t = 64)]
    generate: usize,
    /// Ask the server to go on after the end-of-text token (vLLM's and our `ignore_eos`), so that
    /// every answer has `--gen` tokens.
    #[arg(long)]
    ignore_eos: bool,
    /// Makes the prompts repeatable; another number in every run where absent, because a server that
    /// has seen a prompt keeps it in its prefix cache.
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// Let all prompts begin with the same words.
    #[arg(long)]
    shared_prefix: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let clock = SystemClock::new();
    let seed = args.seed.unwrap_or_else(|| clock.unix().subsec_nanos());
    let key = context.environment.get(environment::API_KEY);
    let client = Client::new(&args.url, key)?;
    let model = match &args.model {
        Some(model) => model.clone(),
        None => client.first_model()?,
    };
    // Not counted: it loads, compiles and connects what the first request of a server has to. It
    // also fails at once where the server or the model is not there.
    let warm = one(
        &client,
        &args.body(&model, seed, usize::MAX, args.prompt_tokens),
        &clock,
    )?;
    let words = words(args.prompt_tokens, warm.usage);

    let clients = usize::from(args.clients);
    let requests = args.requests.unwrap_or(clients * 4);
    let found = Mutex::new(Found::default());
    let next = AtomicUsize::new(0);
    let start = clock.monotonic();
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let late = args
                        .duration
                        .is_some_and(|limit| clock.monotonic() - start >= limit);
                    if number >= requests || late {
                        break;
                    }
                    let outcome = one(&client, &args.body(&model, seed, number, words), &clock);
                    let mut found = found.lock();
                    match outcome {
                        Ok(sample) => found.samples.push(sample),
                        Err(fault) => *found.errors.entry(fault.public).or_default() += 1,
                    }
                }
            });
        }
    });
    let wall = clock.monotonic() - start;
    let report = Report::new(&args.url, &model, seed, clients, wall, &found.into_inner());
    if args.json {
        term::json(&report)?;
    } else {
        term::line(report.text())?;
    }
    match (report.requests, report.errors) {
        (0, errors) if errors > 0 => Err(Failure::new(
            Exit::Unavailable,
            format!("all {errors} requests failed"),
        )),
        _ => Ok(Exit::Ok),
    }
}

impl Args {
    fn body(&self, model: &str, seed: u32, number: usize, words: usize) -> Value {
        let mut body = json!({
            "model": model,
            "messages": [{"role": "user", "content": self.prompt(seed, number, words)}],
            "max_tokens": self.generate,
            "temperature": 0,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        if self.ignore_eos {
            body["ignore_eos"] = true.into();
        }
        body
    }

    /// Words that depend on the two numbers only.
    fn prompt(&self, seed: u32, number: usize, count: usize) -> String {
        const WORDS: [&str; 16] = [
            "river", "stone", "light", "engine", "winter", "signal", "garden", "copper", "window", "market",
            "letter", "bridge", "salt", "mirror", "paper", "north",
        ];
        let own = if self.shared_prefix {
            0
        } else {
            (number as u64).wrapping_add(1)
        };
        let mut state = u64::from(seed) << 32 ^ own;
        let mut words = Vec::with_capacity(count + 1);
        for _ in 0..count {
            // SplitMix64, https://prng.di.unimi.it/splitmix64.c
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let pick = usize::try_from((mixed ^ (mixed >> 31)) % 16).unwrap_or(0);
            words.push(WORDS[pick].to_owned());
        }
        words.push(format!("({seed}.{number})"));
        if !self.shared_prefix {
            words.rotate_right(1);
        }
        words.join(" ")
    }
}

/// How many words make a prompt of about `tokens`, if as many words made what the server counted.
fn words(tokens: usize, counted: Option<(u64, u64)>) -> usize {
    let counted = counted.and_then(|(prompt, _)| usize::try_from(prompt).ok());
    match counted {
        Some(counted) if counted > 0 => (tokens * tokens / counted).max(1),
        _ => tokens,
    }
}

/// One streaming request, timed.
fn one(client: &Client, body: &Value, clock: &dyn Clock) -> Result<Sample, Fault> {
    let start = clock.monotonic();
    let mut events = client.post("/v1/chat/completions", body)?;
    let mut sample = Sample::default();
    let mut last = None;
    let mut ended = false;
    loop {
        let data = events.next().map_err(|error| broke(&error.to_string()))?;
        let Some(data) = data else { break };
        if data == "[DONE]" {
            ended = true;
            continue;
        }
        let now = clock.monotonic();
        let chunk: Value = serde_json::from_str(&data).map_err(|_| broke("an event is no JSON"))?;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            return Err(broke(
                error
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or("an error event"),
            ));
        }
        let usage = chunk.get("usage").and_then(|usage| {
            Some((
                usage.get("prompt_tokens")?.as_u64()?,
                usage.get("completion_tokens")?.as_u64()?,
            ))
        });
        sample.usage = usage.or(sample.usage);
        let delta = chunk.pointer("/choices/0/delta");
        let text = ["content", "reasoning_content"]
            .iter()
            .find_map(|field| delta?.get(field)?.as_str())
            .unwrap_or("");
        if text.is_empty() {
            continue;
        }
        sample.pieces += 1;
        match last {
            None => sample.first = now - start,
            Some(last) => sample.gaps.push(now - last),
        }
        last = Some(now);
    }
    sample.total = clock.monotonic() - start;
    match (ended, sample.pieces) {
        (false, _) => Err(broke("the stream ended without [DONE]")),
        (true, 0) => Err(broke("the answer had no text")),
        (true, _) => Ok(sample),
    }
}

fn broke(why: &str) -> Fault {
    Fault::unavailable(format!("the answer broke off: {why}"))
}
