//! Reads one call object, `{"name": .., "arguments": {..}}`, character by character.

/// What a character did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The object goes on.
    More,
    /// The name is known. Arguments that came before it follow at once.
    Name(String, String),
    /// This character belongs to the arguments.
    Argument,
    /// The whole text of the arguments is known only now.
    Arguments(String),
    /// The object is complete; true where it had no arguments at all.
    Done {
        /// Whether arguments were missing, so that they are `{}`.
        bare: bool,
    },
    /// This is not a call.
    Failed,
}

/// A scanner for one object. Keys may come in any order; keys other than the name and the arguments
/// are skipped.
#[derive(Debug, Clone)]
pub(super) struct CallScanner {
    state: State,
    /// The value that is being read.
    field: Field,
    /// The key or string that is being read, as written; or arguments before the name is known.
    text: String,
    early: String,
    /// Bracket nesting inside a value.
    json: Nesting,
    /// The name is held until arguments begin, where nothing else marks the text as a call.
    unmarked: bool,
    name: Option<String>,
    told: bool,
    arguments: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Key,
    InKey,
    Colon,
    Value,
    InString,
    Nested,
    Scalar,
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    Arguments,
    Other,
}

/// Follows brackets and strings of JSON text.
#[derive(Debug, Clone, Default)]
pub(super) struct Nesting {
    depth: usize,
    string: bool,
    escaped: bool,
}

impl Nesting {
    /// Takes one character; true when the outermost bracket closed.
    pub(super) fn closes(&mut self, character: char) -> bool {
        if self.string {
            match character {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                '"' => self.string = false,
                _ => {}
            }
            return false;
        }
        match character {
            '"' => self.string = true,
            '{' | '[' => self.depth += 1,
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

impl CallScanner {
    /// A scanner at the beginning of an object. `unmarked`: no marker said that this is a call.
    pub(super) fn new(unmarked: bool) -> Self {
        Self {
            state: State::Start,
            field: Field::Other,
            text: String::new(),
            early: String::new(),
            json: Nesting::default(),
            unmarked,
            name: None,
            told: false,
            arguments: false,
        }
    }

    /// Takes one character.
    pub(super) fn step(&mut self, character: char) -> Step {
        let space = character.is_ascii_whitespace();
        match self.state {
            State::Start | State::Key | State::Colon | State::Value | State::After if space => Step::More,
            State::Start if character == '{' => self.go(State::Key),
            State::Key if character == '"' => self.go(State::InKey),
            State::Key | State::After if character == '}' => self.finish(),
            State::InKey => self.key(character),
            State::Colon if character == ':' => self.go(State::Value),
            State::Value => self.value(character),
            State::InString => self.string(character),
            State::Nested => self.nested(character),
            State::Scalar if character == ',' || character == '}' || space => {
                self.state = State::After;
                self.step(character)
            }
            State::Scalar if character.is_ascii_alphanumeric() || "+-.".contains(character) => Step::More,
            State::After if character == ',' => self.go(State::Key),
            State::Start | State::Key | State::Colon | State::Scalar | State::After => Step::Failed,
        }
    }

    fn go(&mut self, state: State) -> Step {
        self.state = state;
        self.text.clear();
        Step::More
    }

    fn key(&mut self, character: char) -> Step {
        if character != '"' || self.text.ends_with('\\') {
            self.text.push(character);
            return Step::More;
        }
        self.field = match self.text.as_str() {
            "name" if self.name.is_none() => Field::Name,
            "arguments" | "parameters" if !self.arguments => Field::Arguments,
            _ => Field::Other,
        };
        self.go(State::Colon)
    }

    /// The first character of a value.
    fn value(&mut self, character: char) -> Step {
        match (character, self.field) {
            ('"', _) => {
                self.json = Nesting::default();
                self.go(State::InString)
            }
            ('{', Field::Arguments) => {
                self.arguments = true;
                self.state = State::Nested;
                self.json = Nesting::default();
                if let Some(name) = self.untold() {
                    self.json.closes(character);
                    return Step::Name(name, character.to_string());
                }
                self.nested(character)
            }
            ('{' | '[', Field::Other) => {
                self.state = State::Nested;
                self.json = Nesting::default();
                self.nested(character)
            }
            // `"arguments": null`
            ('n', Field::Arguments) => self.go(State::Scalar),
            (_, Field::Other) if character.is_ascii_alphanumeric() || character == '-' => {
                self.go(State::Scalar)
            }
            _ => Step::Failed,
        }
    }

    fn string(&mut self, character: char) -> Step {
        if self.json.escaped {
            self.json.escaped = false;
        } else if character == '\\' {
            self.json.escaped = true;
        } else if character == '"' {
            return self.string_end();
        }
        self.text.push(character);
        Step::More
    }

    fn string_end(&mut self) -> Step {
        self.state = State::After;
        if self.field == Field::Other {
            return Step::More;
        }
        let Ok(text) = serde_json::from_str::<String>(&format!("\"{}\"", self.text)) else {
            return Step::Failed;
        };
        match self.field {
            Field::Name if text.is_empty() => Step::Failed,
            Field::Name => {
                self.name = Some(text);
                if self.unmarked && !self.arguments {
                    return Step::More;
                }
                let early = std::mem::take(&mut self.early);
                self.untold().map_or(Step::More, |name| Step::Name(name, early))
            }
            // Some models write the arguments as a string of JSON.
            Field::Arguments | Field::Other => {
                if serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(&text).is_err() {
                    return Step::Failed;
                }
                self.arguments = true;
                match self.untold() {
                    Some(name) => Step::Name(name, text),
                    None if self.told => Step::Arguments(text),
                    None => {
                        self.early = text;
                        Step::More
                    }
                }
            }
        }
    }

    fn nested(&mut self, character: char) -> Step {
        if self.json.closes(character) {
            self.state = State::After;
        }
        match (self.field, self.told) {
            (Field::Arguments, true) => Step::Argument,
            (Field::Arguments, false) => {
                self.early.push(character);
                Step::More
            }
            _ => Step::More,
        }
    }

    fn finish(&mut self) -> Step {
        match (&self.name, self.told) {
            (Some(_), true) => Step::Done {
                bare: !self.arguments,
            },
            // An unmarked object without arguments, or without a name, is just an object.
            _ => Step::Failed,
        }
    }

    /// The name, the first time that it may be told.
    fn untold(&mut self) -> Option<String> {
        if self.told {
            return None;
        }
        let name = self.name.clone()?;
        self.told = true;
        Some(name)
    }
}
