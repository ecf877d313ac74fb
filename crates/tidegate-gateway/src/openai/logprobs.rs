//! Likelihoods of tokens, in both of the API's shapes.

use serde_json::{Map, Value};
use tidegate_api::openai::{ChatTokenLogprob, ChatTopLogprob, CompletionLogprobs};
use tidegate_engine::TokenLogprob;

/// What OpenAI writes for "practically never": JSON has no infinity.
const NEVER: f32 = -9999.0;

/// The shape of chats.
pub(crate) fn chat(token: &TokenLogprob) -> ChatTokenLogprob {
    ChatTokenLogprob {
        token: String::from_utf8_lossy(&token.bytes).into_owned(),
        logprob: finite(token.logprob),
        bytes: token.bytes.clone(),
        top_logprobs: token
            .top
            .iter()
            .map(|(_, bytes, logprob)| ChatTopLogprob {
                token: String::from_utf8_lossy(bytes).into_owned(),
                logprob: finite(*logprob),
                bytes: bytes.clone(),
            })
            .collect(),
    }
}

/// The shape of completions: appends `tokens`, whose text begins at the character `offset`.
pub(crate) fn append(columns: &mut CompletionLogprobs, tokens: &[TokenLogprob], mut offset: usize) {
    for token in tokens {
        columns.text_offset.push(offset);
        // The first token of an echoed prompt has no likelihood.
        columns
            .token_logprobs
            .push((!token.logprob.is_nan()).then(|| finite(token.logprob)));
        columns.tokens.push(text(&token.bytes));
        let top: Map<String, Value> = token
            .top
            .iter()
            .map(|(_, bytes, logprob)| (text(bytes), Value::from(finite(*logprob))))
            .collect();
        columns.top_logprobs.push(top);
        // A character begins at each byte that does not continue one.
        offset += token.bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
    }
}

/// The token's text, or OpenAI's notation for bytes that are none.
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| {
        let escaped: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("bytes:{escaped}")
    })
}

fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { NEVER }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8], logprob: f32) -> TokenLogprob {
        TokenLogprob {
            token: 1,
            bytes: bytes.to_vec(),
            logprob,
            top: vec![(1, bytes.to_vec(), logprob)],
        }
    }

    #[test]
    fn offsets_count_characters_even_where_tokens_split_them() {
        let mut columns = CompletionLogprobs::default();
        let tokens = [
            token("né".as_bytes(), -1.0),
            token(b"\xe2\x82", -2.0),
            token(b"\xac!", f32::NAN),
        ];
        append(&mut columns, &tokens, 3);
        assert_eq!(columns.text_offset, [3, 5, 6]);
        assert_eq!(columns.tokens, ["né", "bytes:\\xe2\\x82", "bytes:\\xac\\x21"]);
        assert_eq!(columns.token_logprobs, [Some(-1.0), Some(-2.0), None]);
    }

    #[test]
    fn infinity_becomes_a_number() {
        assert!((chat(&token(b"a", f32::NEG_INFINITY)).logprob - NEVER).abs() < f32::EPSILON);
    }
}
