//! `tidegate run`: answer once, for pipes and scripts.

use std::io::{self, IsTerminal, Read, Write};

use serde_json::json;

use crate::cli::Context;
use crate::conversation::{self, Generation, Question, message};
use crate::exit::{Exit, Failure, Outcome};
use crate::wiring::{self, Answerer};
use crate::{command, term};

/// Standard input may be this long.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// Answer once. What comes through a pipe is put below the prompt.
///
/// A model without a chat template goes on with the text instead.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The prompt; without it, standard input is the prompt.
    prompt: Vec<String>,
    #[command(flatten)]
    answerer: Answerer,
    #[command(flatten)]
    generation: Generation,
    /// Print JSON at the end instead of text as it comes.
    #[arg(long)]
    json: bool,
    /// Print a line about length and speed to standard error.
    #[arg(long)]
    stats: bool,
}

pub(crate) fn run(mut args: Args, context: &Context) -> Outcome {
    args.generation.temperature = args.generation.temperature.or(args.answerer.temperature());
    let prompt = prompt(&args.prompt)?;
    let settings = context.settings(args.answerer.compute.entries())?;
    let engine = wiring::answerer(&args.answerer, &settings, &context.environment)?;
    let question = if engine.card().chat {
        let system = args
            .generation
            .system
            .iter()
            .map(|system| message("system", system));
        let messages = system.chain([message("user", prompt)]).collect();
        Question::Chat(args.generation.request(messages))
    } else {
        Question::Completion(args.generation.completion(prompt))
    };
    let mut nowhere = io::sink();
    let mut stdout = io::stdout();
    let out: &mut dyn Write = if args.json { &mut nowhere } else { &mut stdout };
    let answer = conversation::runtime()?.block_on(conversation::ask(&*engine, question, out))?;
    if args.json {
        term::json(&json!({
            "model": engine.card().name,
            "text": answer.text,
            "finish_reason": command::finish_name(answer.finish),
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
        }))?;
    } else if !answer.text.ends_with('\n') {
        term::line("")?;
    }
    if args.stats {
        term::note(answer.summary());
    }
    Ok(if answer.finish.is_none() {
        Exit::Interrupted
    } else {
        Exit::Ok
    })
}

/// The words of the command line, and below them what comes through a pipe.
fn prompt(words: &[String]) -> Result<String, Failure> {
    let mut prompt = words.join(" ");
    if !io::stdin().is_terminal() {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .take(INPUT_BYTES_MAX + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > INPUT_BYTES_MAX {
            return Err(Failure::usage(format!(
                "standard input is longer than {INPUT_BYTES_MAX} bytes"
            )));
        }
        let piped = String::from_utf8(bytes)
            .map_err(|_| Failure::new(Exit::Data, "standard input is not text: expected UTF-8"))?;
        if !prompt.is_empty() && !piped.trim().is_empty() {
            prompt.push_str("\n\n");
        }
        prompt.push_str(piped.trim_end());
    }
    if prompt.trim().is_empty() {
        return Err(Failure::usage("there is no prompt").hint(
            "write one (tidegate run \"why is the sky blue?\") or pipe a text in; `tidegate chat` talks",
        ));
    }
    Ok(prompt)
}
