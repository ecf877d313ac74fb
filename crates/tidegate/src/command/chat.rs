//! `tidegate chat`: talk with a model in the terminal, or through a pipe, one line a turn.

use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{DefaultEditor, Editor};
use tidegate_engine::{Engine, FinishReason, Message};
use tokio::runtime::Runtime;

use crate::cli::Context;
use crate::conversation::{self, Generation, Question, message};
use crate::exit::{Exit, Failure, Outcome};
use crate::term;
use crate::wiring::{self, Answerer};

/// Talk with a model. Ctrl-C stops the answer, Ctrl-D or /exit ends; /help lists what else there is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    answerer: Answerer,
    #[command(flatten)]
    generation: Generation,
    /// Print a line about length and speed after each answer.
    #[arg(long)]
    stats: bool,
}

const HELP: &str = "\
/system TEXT  tell the model about its task; without TEXT, show what it was told
/clear        forget the conversation, keep the system text
/help         this list
/exit         end, as Ctrl-D does
A line that ends with \\ goes on in the next one. Ctrl-C stops an answer.";

pub(crate) fn run(mut args: Args, context: &Context) -> Outcome {
    args.generation.temperature = args.generation.temperature.or(args.answerer.temperature());
    let settings = context.settings(args.answerer.compute.entries())?;
    let engine = wiring::answerer(&args.answerer, &settings, &context.environment)?;
    if !engine.card().chat {
        return Err(
            Failure::usage(format!("the model `{}` has no chat template", engine.card().name))
                .hint("it only goes on with a text: tidegate run --model … \"Once upon a time\""),
        );
    }
    let mut talk = Talk {
        engine,
        runtime: conversation::runtime()?,
        system: args.generation.system.clone(),
        generation: args.generation,
        turns: Vec::new(),
        stats: args.stats,
    };
    if io::stdin().is_terminal() {
        talk.at_terminal(&context.environment.history())
    } else {
        talk.through_pipe()
    }
}

/// A conversation.
struct Talk {
    engine: Arc<dyn Engine>,
    runtime: Runtime,
    generation: Generation,
    system: Option<String>,
    turns: Vec<Message>,
    stats: bool,
}

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Nothing,
    Say(&'a str),
    System(Option<&'a str>),
    Clear,
    Help,
    Exit,
    Unknown(&'a str),
}

fn read_line(line: &str) -> Line<'_> {
    let line = line.trim();
    if line.is_empty() {
        return Line::Nothing;
    }
    // Two slashes say a text that starts with one.
    if let Some(text) = line.strip_prefix('/').filter(|rest| rest.starts_with('/')) {
        return Line::Say(text);
    }
    let Some(command) = line.strip_prefix('/') else {
        return Line::Say(line);
    };
    let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    match name {
        "system" => Line::System(Some(rest.trim()).filter(|text| !text.is_empty())),
        "clear" => Line::Clear,
        "help" | "?" => Line::Help,
        "exit" | "quit" | "bye" => Line::Exit,
        _ => Line::Unknown(name),
    }
}

impl Talk {
    fn at_terminal(&mut self, history: &std::path::Path) -> Outcome {
        let mut editor = DefaultEditor::new().map_err(broken_terminal)?;
        // A missing history is an empty one.
        drop(editor.load_history(history));
        term::note(format_args!(
            "{}: /help lists commands, Ctrl-D ends",
            self.engine.card().name
        ));
        loop {
            match read_lines(&mut editor) {
                Ok(line) => {
                    drop(editor.add_history_entry(line.as_str()));
                    if self.turn(&line, true)? {
                        break;
                    }
                }
                Err(ReadlineError::Interrupted) => term::note("Ctrl-D or /exit ends"),
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(broken_terminal(error)),
            }
        }
        if let Some(folder) = history.parent() {
            fs_err::create_dir_all(folder)?;
            drop(editor.save_history(history));
        }
        Ok(Exit::Ok)
    }

    fn through_pipe(&mut self) -> Outcome {
        let mut pending = String::new();
        for line in io::stdin().lock().lines() {
            pending.push_str(&line?);
            if pending.ends_with('\\') {
                pending.pop();
                pending.push('\n');
                continue;
            }
            if self.turn(&std::mem::take(&mut pending), false)? {
                return Ok(Exit::Ok);
            }
        }
        self.turn(&pending, false)?;
        Ok(Exit::Ok)
    }

    /// Does what a line asks for. Answers whether the conversation is over.
    fn turn(&mut self, line: &str, at_terminal: bool) -> Result<bool, Failure> {
        match read_line(line) {
            Line::Nothing => {}
            Line::Exit => return Ok(true),
            Line::Help => term::note(HELP),
            Line::Clear => {
                self.turns.clear();
                term::note("forgotten");
            }
            Line::System(Some(text)) => {
                self.system = Some(text.to_owned());
                term::note("noted; it holds from the next answer on");
            }
            Line::System(None) => term::note(
                self.system
                    .as_deref()
                    .unwrap_or("nothing was said about the task"),
            ),
            Line::Unknown(name) => term::note(format_args!("/{name} is not a command; /help lists them")),
            Line::Say(text) => match self.answer(text) {
                // At a terminal a failed answer is not the end: say it and go on.
                Err(failure) if at_terminal && !failure.is_quiet() => term::failure(&failure),
                other => other?,
            },
        }
        Ok(false)
    }

    fn answer(&mut self, text: &str) -> Result<(), Failure> {
        let system = self.system.iter().map(|text| message("system", text));
        let question = message("user", text);
        let messages = system
            .chain(self.turns.iter().cloned())
            .chain([question.clone()])
            .collect();
        let request = self.generation.request(messages);
        let mut stdout = io::stdout();
        let asked = conversation::ask(&*self.engine, Question::Chat(request), &mut stdout);
        let answer = self.runtime.block_on(asked)?;
        if !answer.text.ends_with('\n') {
            term::line("")?;
        }
        match answer.finish {
            None => term::note("(stopped)"),
            Some(FinishReason::Length) => {
                term::note("(cut off: the token limit or the end of the context was reached)")
            }
            Some(_) => {}
        }
        if self.stats && answer.finish.is_some() {
            term::note(answer.summary());
        }
        // What was said was said, also when it was stopped; an answer without a word was not.
        if !answer.text.is_empty() {
            self.turns.push(question);
            self.turns.push(message("assistant", answer.text));
        }
        Ok(())
    }
}

/// Reads a line, and the next ones while a backslash ends them.
fn read_lines(editor: &mut Editor<(), FileHistory>) -> rustyline::Result<String> {
    let mut text = editor.readline("> ")?;
    while text.ends_with('\\') {
        text.pop();
        text.push('\n');
        text.push_str(&editor.readline("… ")?);
    }
    Ok(text)
}

fn broken_terminal(error: ReadlineError) -> Failure {
    Failure::caused(Exit::Io, &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_from_commands() {
        for (line, expect) in [
            ("  ", Line::Nothing),
            (" hi ", Line::Say("hi")),
            ("/system  be brief ", Line::System(Some("be brief"))),
            ("/system", Line::System(None)),
            ("/clear", Line::Clear),
            ("/?", Line::Help),
            ("/exit", Line::Exit),
            ("/sytem x", Line::Unknown("sytem")),
            ("//etc is a folder", Line::Say("/etc is a folder")),
        ] {
            assert_eq!(read_line(line), expect, "{line}");
        }
    }
}
