//! How models write tool calls, and a parser that reads them from a stream.

mod call;
mod parser;

pub use parser::{Piece, ToolParser};

/// The way in which a family of models writes tool calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToolFormat {
    /// `<tool_call>{"name": .., "arguments": ..}</tool_call>` (Hermes, Qwen 2.5 and 3).
    Hermes,
    /// `{"name": .., "parameters": ..}` as the whole answer, after `<|python_tag|>` or bare (Llama 3).
    Llama,
    /// `[TOOL_CALLS][{"name": .., "arguments": ..}]`, since version 11 `[TOOL_CALLS]name[ARGS]{..}`.
    Mistral {
        /// Whether the template writes the newer form.
        named: bool,
    },
    /// The template shows no tools; answers are text.
    None,
}

impl ToolFormat {
    /// Reads the format off the chat template; the family of the weights decides where the template
    /// leaves it open.
    pub fn detect(template: &str, architecture: &str) -> Self {
        let has = |text| template.contains(text);
        if !has("tools") && !has("tool_calls") {
            return Self::None;
        }
        if has("[TOOL_CALLS]") {
            return Self::Mistral { named: has("[ARGS]") };
        }
        // `<function=` is the XML form of later coder models, which is not read.
        if has("<tool_call>") && !has("<function=") {
            return Self::Hermes;
        }
        let headers = has("<|start_header_id|>") || architecture == "llama" && has("<|eot_id|>");
        if has("<|python_tag|>") || headers && has("parameters") {
            return Self::Llama;
        }
        Self::None
    }

    /// Tokens that the parser must see as text although some models have them as control tokens.
    pub fn markers(self) -> &'static [&'static str] {
        match self {
            Self::Hermes => &["<tool_call>", "</tool_call>"],
            Self::Llama => &["<|python_tag|>"],
            Self::Mistral { .. } => &["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"],
            Self::None => &[],
        }
    }

    /// Text that begins a call, where the format has one.
    fn opening(self) -> Option<&'static str> {
        match self {
            Self::Hermes => Some("<tool_call>"),
            Self::Llama => Some("<|python_tag|>"),
            Self::Mistral { .. } => Some("[TOOL_CALLS]"),
            Self::None => None,
        }
    }

    /// A fresh id for a call, in the form that the family's template takes back.
    fn id(self, seed: u64, index: u32) -> String {
        let mut state = seed ^ u64::from(index).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        match self {
            Self::Mistral { .. } => letters(mix(&mut state), 9),
            Self::Hermes | Self::Llama | Self::None => format!(
                "call_{}{}",
                letters(mix(&mut state), 10),
                letters(mix(&mut state), 10)
            ),
        }
    }
}

/// Nine letters and digits that stand for any id: Mistral's templates refuse others.
pub(crate) fn short_id(id: &str) -> String {
    // FNV-1a, so that a call and its result get the same one.
    let mut state = id.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    letters(mix(&mut state), 9)
}

/// SplitMix64.
fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// A number in base 62, cut to `count` digits (at most 10 carry information).
fn letters(mut value: u64, count: usize) -> String {
    let mut out = String::with_capacity(count);
    for _ in 0..count {
        let digit = u8::try_from(value % 62).unwrap_or(0);
        value /= 62;
        out.push(char::from(match digit {
            0..10 => b'0' + digit,
            10..36 => b'A' + digit - 10,
            _ => b'a' + digit - 36,
        }));
    }
    out
}

#[cfg(test)]
mod tests;
