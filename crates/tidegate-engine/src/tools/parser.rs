//! Reads text and tool calls from an answer that comes in pieces.

use std::collections::VecDeque;

use super::ToolFormat;
use super::call::{CallScanner, Nesting, Step};

/// What turned out not to be a call is searched for another one only up to this many bytes, so that no
/// text takes more than its length times this.
const REREAD_MAX: usize = 1024;

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text for the reader; never empty.
    Text(String),
    /// A call begins.
    Call {
        /// Which call of this answer, from 0.
        index: u32,
        /// A fresh id.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// More of a call's arguments, as JSON text; never empty.
    Arguments {
        /// Which call.
        index: u32,
        /// The text.
        fragment: String,
    },
}

/// A streaming parser for one answer.
///
/// Text goes out at once, but for a possible beginning of a marker and for white space before the
/// first call and after each. A call that turns out not to be one before its name is known is text.
/// Once the name went out, what follows is that call's, however it ends. How the text was cut into
/// pieces never matters.
#[derive(Debug, Clone)]
pub struct ToolParser {
    format: ToolFormat,
    /// Names of the tools; unmarked objects are calls only with one of these.
    tools: Vec<String>,
    seed: u64,
    /// Calls so far.
    calls: u32,
    mode: Mode,
    /// What was read and is not decided yet.
    held: String,
    /// White space that is dropped if a call follows.
    space: String,
    /// Whether only white space came since the beginning or since the last call.
    quiet: bool,
    /// Whether text came, so that a bare object is no call any more.
    spoken: bool,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Mode {
    /// Text, perhaps the beginning of a marker.
    Text,
    /// Behind `[TOOL_CALLS]`.
    Opened,
    /// In a call object.
    Object(CallScanner, Place),
    /// Behind a call object.
    After(Place),
    /// In `name[ARGS]`.
    Named(String),
    /// In the arguments of a named call.
    Arguments(Nesting),
}

/// Where a call object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between `<tool_call>` and `</tool_call>`.
    Tagged,
    /// In a list.
    List,
    /// By itself; more may follow behind `;`.
    Alone,
}

impl ToolParser {
    /// A parser for one answer. `tools` are the names that may be called; `seed` makes the ids of
    /// calls and must differ between answers.
    pub fn new<S: Into<String>>(format: ToolFormat, tools: impl IntoIterator<Item = S>, seed: u64) -> Self {
        Self {
            format,
            tools: tools.into_iter().map(Into::into).collect(),
            seed,
            calls: 0,
            mode: Mode::Text,
            held: String::new(),
            space: String::new(),
            quiet: true,
            spoken: false,
            pieces: Vec::new(),
        }
    }

    /// How many calls began so far.
    pub fn calls(&self) -> u32 {
        self.calls
    }

    /// Takes more text.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        if self.format == ToolFormat::None {
            text.chars().for_each(|character| self.text(character));
        } else {
            text.chars().for_each(|character| self.read(character));
        }
        std::mem::take(&mut self.pieces)
    }

    /// The answer is over: what was held back is text, unless it belongs to a call.
    pub fn finish(&mut self) -> Vec<Piece> {
        let mode = std::mem::replace(&mut self.mode, Mode::Text);
        let held = std::mem::take(&mut self.held);
        // The beginning of a closing tag belongs to its call.
        if !matches!(mode, Mode::After(_)) {
            held.chars().for_each(|character| self.text(character));
        }
        let space = std::mem::take(&mut self.space);
        // White space alone is an answer; behind a call it is nothing.
        if self.calls == 0 {
            self.append(&space);
        }
        std::mem::take(&mut self.pieces)
    }

    /// Takes one character and whatever must be read again because of it.
    fn read(&mut self, character: char) {
        let mut queue = VecDeque::from([character]);
        while let Some(character) = queue.pop_front() {
            if let Some(again) = self.step(character) {
                for character in again.chars().rev() {
                    queue.push_front(character);
                }
            }
        }
    }

    /// Takes one character; returns what must be read again.
    fn step(&mut self, character: char) -> Option<String> {
        match std::mem::replace(&mut self.mode, Mode::Text) {
            Mode::Text => self.search(character),
            Mode::Opened => self.opened(character),
            Mode::Object(scanner, place) => self.object(scanner, place, character),
            Mode::After(place) => self.after(place, character),
            Mode::Named(tag) => self.named(tag, character),
            Mode::Arguments(mut nesting) => {
                self.argument(character);
                if nesting.closes(character) {
                    self.end_call();
                } else {
                    self.mode = Mode::Arguments(nesting);
                }
                None
            }
        }
    }

    /// Text: looks for the marker that begins a call.
    fn search(&mut self, character: char) -> Option<String> {
        if self.format == ToolFormat::Llama && !self.spoken && self.held.is_empty() && character == '{' {
            return self.begin(CallScanner::new(true), Place::Alone, character);
        }
        let marker = self.format.opening().unwrap_or_default();
        self.held.push(character);
        while !marker.starts_with(self.held.as_str()) {
            let first = self.held.remove(0);
            self.text(first);
        }
        if self.held == marker && !marker.is_empty() {
            self.mode = match self.format {
                ToolFormat::Hermes => Mode::Object(CallScanner::new(false), Place::Tagged),
                ToolFormat::Llama => Mode::Object(CallScanner::new(true), Place::Alone),
                ToolFormat::Mistral { .. } | ToolFormat::None => Mode::Opened,
            };
        }
        None
    }

    /// Behind Mistral's marker: a list, an object or a name.
    fn opened(&mut self, character: char) -> Option<String> {
        self.held.push(character);
        self.mode = match character {
            space if space.is_ascii_whitespace() => Mode::Opened,
            '[' => Mode::Object(CallScanner::new(false), Place::List),
            '{' => {
                self.held.pop();
                return self.begin(CallScanner::new(false), Place::Alone, character);
            }
            letter if is_name(letter) => Mode::Named(String::new()),
            _ => return Some(self.reject()),
        };
        None
    }

    fn begin(&mut self, mut scanner: CallScanner, place: Place, character: char) -> Option<String> {
        self.held.push(character);
        scanner.step(character);
        self.mode = Mode::Object(scanner, place);
        None
    }

    fn object(&mut self, mut scanner: CallScanner, place: Place, character: char) -> Option<String> {
        let told = self.held.is_empty();
        if !told {
            self.held.push(character);
        }
        match scanner.step(character) {
            Step::More => {}
            Step::Name(name, early) => {
                let unknown = !self.tools.contains(&name);
                if self.format == ToolFormat::Llama && unknown {
                    return Some(self.reject());
                }
                self.call(name);
                early.chars().for_each(|character| self.argument(character));
            }
            Step::Argument => self.argument(character),
            Step::Arguments(text) => text.chars().for_each(|character| self.argument(character)),
            Step::Done { bare } => {
                if bare {
                    "{}".chars().for_each(|character| self.argument(character));
                }
                self.end_call();
                self.mode = Mode::After(place);
                return None;
            }
            Step::Failed if told => {
                self.end_call();
                self.mode = Mode::After(place);
                return Some(character.to_string());
            }
            Step::Failed => return Some(self.reject()),
        }
        self.mode = Mode::Object(scanner, place);
        None
    }

    /// Behind a call object. `held` is the beginning of a closing tag.
    fn after(&mut self, place: Place, character: char) -> Option<String> {
        if character.is_ascii_whitespace() && self.held.is_empty() {
            self.space.push(character);
            self.mode = Mode::After(place);
            return None;
        }
        match (place, character) {
            // Small models close one bracket too many.
            (Place::Tagged, '}') if self.held.is_empty() => self.mode = Mode::After(place),
            (Place::Tagged, _) => {
                const CLOSING: &str = "</tool_call>";
                self.held.push(character);
                if !CLOSING.starts_with(self.held.as_str()) {
                    return Some(std::mem::take(&mut self.held));
                }
                if self.held == CLOSING {
                    self.held.clear();
                    self.space.clear();
                } else {
                    self.mode = Mode::After(place);
                }
            }
            (Place::List, ',') => {
                self.held.push(character);
                self.mode = Mode::Object(CallScanner::new(false), place);
            }
            (Place::List, ']') => self.space.clear(),
            (Place::Alone, ';') if self.format == ToolFormat::Llama => self.mode = Mode::After(place),
            (Place::Alone, '{') if self.format == ToolFormat::Llama => {
                return self.begin(CallScanner::new(true), place, character);
            }
            _ => return Some(character.to_string()),
        }
        None
    }

    /// In `name[ARGS]{` or `name[CALL_ID]id[ARGS]{`; `tag` is what stands behind the name.
    fn named(&mut self, mut tag: String, character: char) -> Option<String> {
        self.held.push(character);
        let tagged = !tag.is_empty();
        if character == '{' && (!tagged || tag.trim_end().ends_with("[ARGS]")) {
            let opening = self.format.opening().unwrap_or_default();
            let name = self.held.strip_prefix(opening).unwrap_or(&self.held);
            let name = name[..name.len() - tag.len() - 1].trim().to_owned();
            self.call(name);
            self.argument(character);
            let mut nesting = Nesting::default();
            nesting.closes(character);
            self.mode = Mode::Arguments(nesting);
            return None;
        }
        let fits = match (tagged, character) {
            (false, '[') => true,
            (false, letter) => is_name(letter),
            (true, space) if space.is_ascii_whitespace() => tag.trim_end().ends_with("[ARGS]"),
            (true, _) => {
                let longer = format!("{tag}{character}");
                "[ARGS]".starts_with(&longer) || "[CALL_ID]".starts_with(&longer) || in_call_id(&longer)
            }
        };
        if !fits {
            return Some(self.reject());
        }
        if tagged || character == '[' {
            tag.push(character);
        }
        self.mode = Mode::Named(tag);
        None
    }

    /// What is held is not a call: its first character is text, the rest is read again.
    fn reject(&mut self) -> String {
        self.mode = Mode::Text;
        let mut rest = std::mem::take(&mut self.held);
        if rest.len() > REREAD_MAX {
            rest.chars().for_each(|character| self.text(character));
            return String::new();
        }
        if !rest.is_empty() {
            let first = rest.remove(0);
            self.text(first);
        }
        rest
    }

    /// A call begins.
    fn call(&mut self, name: String) {
        let index = self.calls;
        self.calls += 1;
        self.held.clear();
        self.space.clear();
        self.pieces.push(Piece::Call {
            index,
            id: self.format.id(self.seed, index),
            name,
        });
    }

    fn end_call(&mut self) {
        self.quiet = true;
        self.held.clear();
    }

    fn argument(&mut self, character: char) {
        let current = self.calls.saturating_sub(1);
        match self.pieces.last_mut() {
            Some(Piece::Arguments { index, fragment }) if *index == current => fragment.push(character),
            _ => self.pieces.push(Piece::Arguments {
                index: current,
                fragment: character.to_string(),
            }),
        }
    }

    /// One character of text.
    fn text(&mut self, character: char) {
        if self.quiet && character.is_whitespace() && self.format != ToolFormat::None {
            self.space.push(character);
            return;
        }
        let space = std::mem::take(&mut self.space);
        self.append(&space);
        self.append(character.encode_utf8(&mut [0; 4]));
        self.quiet = false;
        self.spoken = true;
    }

    fn append(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }
}

/// Whether a tool's name may hold this character.
fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-.".contains(character)
}

/// Whether this is `[CALL_ID]`, an id and perhaps the beginning of `[ARGS]`.
fn in_call_id(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("[CALL_ID]") else {
        return false;
    };
    let end = rest.find('[').unwrap_or(rest.len());
    let (id, behind) = rest.split_at(end);
    id.bytes().all(|byte| byte.is_ascii_alphanumeric()) && "[ARGS]".starts_with(behind)
}
