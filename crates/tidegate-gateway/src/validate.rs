//! The range of every parameter that says how to generate. The first wrong one is named.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Number;
use tidegate_api::openai::{ChatRequest, CompletionRequest, Stop};
use tidegate_base::Fault;
use tidegate_engine::{ModelCard, Params, Sampling};

use crate::config::Limits;

/// OpenAI's default for `/v1/completions`; chats have none.
const COMPLETION_TOKENS: i64 = 16;

/// The longest stop string, in bytes.
const STOP_BYTES_MAX: usize = 1024;

/// What chats and completions have in common.
#[derive(Debug, Default)]
struct Fields<'a> {
    frequency_penalty: Option<f64>,
    ignore_eos: Option<bool>,
    logit_bias: Option<&'a BTreeMap<String, f64>>,
    max_tokens: Option<(&'static str, i64)>,
    min_p: Option<f64>,
    n: Option<i64>,
    presence_penalty: Option<f64>,
    priority: Option<i64>,
    repetition_penalty: Option<f64>,
    seed: Option<&'a Number>,
    stop: Option<&'a Stop>,
    temperature: Option<f64>,
    top_k: Option<i64>,
    top_p: Option<f64>,
}

/// The parameters of a chat, all but the format.
pub(crate) fn chat(request: &ChatRequest, limits: &Limits, card: &ModelCard) -> Result<Params, Fault> {
    refused(request)?;
    let newer = request
        .max_completion_tokens
        .map(|count| ("max_completion_tokens", count));
    let older = request.max_tokens.map(|count| ("max_tokens", count));
    let mut params = params(
        &Fields {
            frequency_penalty: request.frequency_penalty,
            ignore_eos: request.ignore_eos,
            logit_bias: request.logit_bias.as_ref(),
            max_tokens: newer.or(older),
            min_p: request.min_p,
            n: request.n,
            presence_penalty: request.presence_penalty,
            priority: request.priority,
            repetition_penalty: request.repetition_penalty,
            seed: request.seed.as_ref(),
            stop: request.stop.as_ref(),
            temperature: request.temperature,
            top_k: request.top_k,
            top_p: request.top_p,
        },
        limits,
        card,
    )?;
    params.logprobs = match (request.logprobs.unwrap_or(false), request.top_logprobs) {
        (true, top) => Some(integer("top_logprobs", top, 0..=20, 0)?),
        (false, None | Some(0)) => None,
        (false, Some(_)) => {
            return Err(invalid("top_logprobs", "needs `logprobs` to be true"));
        }
    };
    stream_options(request.stream, request.stream_options.is_some())?;
    Ok(params)
}

/// The parameters of a completion, all but the format.
pub(crate) fn completion(
    request: &CompletionRequest,
    limits: &Limits,
    card: &ModelCard,
) -> Result<Params, Fault> {
    let mut params = params(
        &Fields {
            frequency_penalty: request.frequency_penalty,
            ignore_eos: request.ignore_eos,
            logit_bias: request.logit_bias.as_ref(),
            max_tokens: Some(("max_tokens", request.max_tokens.unwrap_or(COMPLETION_TOKENS))),
            min_p: request.min_p,
            n: request.n,
            presence_penalty: request.presence_penalty,
            priority: request.priority,
            repetition_penalty: request.repetition_penalty,
            seed: request.seed.as_ref(),
            stop: request.stop.as_ref(),
            temperature: request.temperature,
            top_k: request.top_k,
            top_p: request.top_p,
        },
        limits,
        card,
    )?;
    if request.logprobs.is_some() {
        params.logprobs = Some(integer("logprobs", request.logprobs, 0..=20, 0)?);
    }
    if request.best_of.is_some_and(|best| best != i64::from(params.n)) {
        return Err(unsupported("best_of", "is not supported unless it equals `n`"));
    }
    if request.suffix.as_ref().is_some_and(|suffix| !suffix.is_empty()) {
        return Err(unsupported("suffix", "is not supported"));
    }
    stream_options(request.stream, request.stream_options.is_some())?;
    Ok(params)
}

/// Parameters that would change the answer but cannot be obeyed here.
fn refused(request: &ChatRequest) -> Result<(), Fault> {
    let spoken = request.modalities.iter().flatten().any(|kind| kind != "text");
    for (param, present, hint) in [
        ("modalities", spoken, "is not supported except for `[\"text\"]`"),
        ("audio", request.audio.is_some(), "is not supported"),
        (
            "functions",
            request.functions.is_some(),
            "is not supported: use `tools`",
        ),
        (
            "function_call",
            request.function_call.is_some(),
            "is not supported: use `tool_choice`",
        ),
        (
            "web_search_options",
            request.web_search_options.is_some(),
            "is not supported",
        ),
    ] {
        if present {
            return Err(unsupported(param, hint));
        }
    }
    Ok(())
}

fn params(fields: &Fields<'_>, limits: &Limits, card: &ModelCard) -> Result<Params, Fault> {
    let sampling = Sampling {
        temperature: number("temperature", fields.temperature, 0.0..=2.0, 1.0)?,
        top_p: number("top_p", fields.top_p, 0.0..=1.0, 1.0)?,
        // Other servers write "all" as -1.
        top_k: integer(
            "top_k",
            fields.top_k.map(|k| if k == -1 { 0 } else { k }),
            0..=1_000_000,
            0,
        )?,
        min_p: number("min_p", fields.min_p, 0.0..=1.0, 0.0)?,
        frequency_penalty: number("frequency_penalty", fields.frequency_penalty, -2.0..=2.0, 0.0)?,
        presence_penalty: number("presence_penalty", fields.presence_penalty, -2.0..=2.0, 0.0)?,
        repetition_penalty: number("repetition_penalty", fields.repetition_penalty, 0.01..=10.0, 1.0)?,
        logit_bias: logit_bias(fields.logit_bias, card)?,
        seed: fields.seed.map(seed).transpose()?,
    };
    let max_tokens = match fields.max_tokens {
        Some((name, count)) => Some(integer::<u32>(name, Some(count), 1..=i64::from(u32::MAX), 1)? as usize),
        None => None,
    };
    Ok(Params {
        n: integer("n", fields.n, 1..=i64::from(limits.choices), 1)?,
        max_tokens,
        sampling,
        stop: stop(fields.stop, limits)?,
        ignore_eos: fields.ignore_eos.unwrap_or(false),
        priority: integer("priority", fields.priority, -100..=100, 0)?,
        ..Params::default()
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is within a range that every f32 can tell"
)]
fn number(name: &str, value: Option<f64>, range: RangeInclusive<f64>, default: f32) -> Result<f32, Fault> {
    match value {
        None => Ok(default),
        Some(value) if range.contains(&value) => Ok(value as f32),
        Some(value) => Err(invalid(
            name,
            &format!(
                "is {value:?}, expected a number from {} to {}",
                range.start(),
                range.end()
            ),
        )),
    }
}

fn integer<T: TryFrom<i64>>(
    name: &str,
    value: Option<i64>,
    range: RangeInclusive<i64>,
    default: T,
) -> Result<T, Fault> {
    let Some(value) = value else {
        return Ok(default);
    };
    let wrong = || {
        invalid(
            name,
            &format!(
                "is {value}, expected a whole number from {} to {}",
                range.start(),
                range.end()
            ),
        )
    };
    if !range.contains(&value) {
        return Err(wrong());
    }
    T::try_from(value).map_err(|_| wrong())
}

/// Any whole number of 64 bits; negative ones keep their bits.
fn seed(value: &Number) -> Result<u64, Fault> {
    value
        .as_u64()
        .or_else(|| value.as_i64().map(i64::cast_unsigned))
        .ok_or_else(|| invalid("seed", &format!("is {value}, expected a whole number of 64 bits")))
}

fn stop(stop: Option<&Stop>, limits: &Limits) -> Result<Vec<String>, Fault> {
    let texts = stop.map(|stop| stop.0.as_slice()).unwrap_or_default();
    if texts.len() > limits.stops {
        return Err(invalid(
            "stop",
            &format!("has {} strings, expected at most {}", texts.len(), limits.stops),
        ));
    }
    for (place, text) in texts.iter().enumerate() {
        if text.is_empty() || text.len() > STOP_BYTES_MAX {
            return Err(invalid(
                &format!("stop[{place}]"),
                &format!("has {} bytes, expected 1 to {STOP_BYTES_MAX}", text.len()),
            ));
        }
    }
    Ok(texts.to_vec())
}

fn logit_bias(bias: Option<&BTreeMap<String, f64>>, card: &ModelCard) -> Result<Vec<(u32, f32)>, Fault> {
    bias.into_iter()
        .flatten()
        .map(|(token, value)| {
            let name = format!("logit_bias.{}", token.chars().take(32).collect::<String>());
            let number_of_token = token
                .parse::<u32>()
                .ok()
                .filter(|&token| (token as usize) < card.vocabulary)
                .ok_or_else(|| {
                    invalid(
                        &name,
                        &format!(
                            "is not a token: expected a number from 0 to {}",
                            card.vocabulary - 1
                        ),
                    )
                })?;
            Ok((number_of_token, number(&name, Some(*value), -100.0..=100.0, 0.0)?))
        })
        .collect()
}

fn stream_options(stream: Option<bool>, present: bool) -> Result<(), Fault> {
    if present && !stream.unwrap_or(false) {
        return Err(invalid("stream_options", "is only allowed when `stream` is true"));
    }
    Ok(())
}

fn invalid(param: &str, problem: &str) -> Fault {
    Fault::invalid(format!("`{param}` {problem}"))
        .with_param(param)
        .with_code("invalid_value")
}

fn unsupported(param: &str, problem: &str) -> Fault {
    Fault::unsupported(format!("`{param}` {problem}"))
        .with_param(param)
        .with_code("unsupported_parameter")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn card() -> ModelCard {
        ModelCard {
            name: "m".to_owned(),
            architecture: "test".to_owned(),
            context_length: 64,
            vocabulary: 100,
            embedding_length: 8,
            chat: true,
            created: 0,
        }
    }

    fn check(extra: &serde_json::Value) -> Result<Params, Fault> {
        let mut body = json!({"model": "m", "messages": []});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        let request: ChatRequest = serde_json::from_value(body).unwrap();
        chat(&request, &Limits::default(), &card())
    }

    #[test]
    fn values_out_of_range_are_named() {
        for (body, param) in [
            (json!({"temperature": -0.1}), "temperature"),
            (json!({"temperature": 2.1}), "temperature"),
            (json!({"temperature": 1e300}), "temperature"),
            (json!({"top_p": -1}), "top_p"),
            (json!({"top_p": 1.01}), "top_p"),
            (json!({"top_k": -2}), "top_k"),
            (json!({"min_p": 2}), "min_p"),
            (json!({"n": 0}), "n"),
            (json!({"n": 129}), "n"),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"max_tokens": -5}), "max_tokens"),
            (json!({"max_tokens": i64::MAX}), "max_tokens"),
            (json!({"max_completion_tokens": 0}), "max_completion_tokens"),
            (json!({"frequency_penalty": 2.5}), "frequency_penalty"),
            (json!({"presence_penalty": -2.5}), "presence_penalty"),
            (json!({"repetition_penalty": 0}), "repetition_penalty"),
            (json!({"logit_bias": {"a": 1}}), "logit_bias.a"),
            (json!({"logit_bias": {"100": 1}}), "logit_bias.100"),
            (json!({"logit_bias": {"1": 101}}), "logit_bias.1"),
            (json!({"seed": 1.5}), "seed"),
            (json!({"stop": ""}), "stop[0]"),
            (json!({"stop": vec!["a"; 17]}), "stop"),
            (json!({"logprobs": true, "top_logprobs": 21}), "top_logprobs"),
            (json!({"top_logprobs": 2}), "top_logprobs"),
            (json!({"priority": 1000}), "priority"),
            (json!({"stream_options": {}}), "stream_options"),
            (json!({"functions": []}), "functions"),
            (json!({"function_call": "auto"}), "function_call"),
            (json!({"modalities": ["text", "audio"]}), "modalities"),
            (json!({"audio": {}}), "audio"),
            (json!({"web_search_options": {}}), "web_search_options"),
        ] {
            let fault = check(&body).unwrap_err();
            assert_eq!(fault.param.as_deref(), Some(param), "{body}: {fault}");
        }
    }

    #[test]
    fn values_in_range_arrive() {
        let params = check(&json!({
            "temperature": 0, "top_p": 0.5, "top_k": -1, "min_p": 0.1, "n": 3, "max_tokens": 7,
            "max_completion_tokens": 9, "seed": -1, "stop": "END", "logit_bias": {"5": -100},
            "logprobs": true, "top_logprobs": 4, "ignore_eos": true, "priority": -3,
            "repetition_penalty": 1.1, "modalities": ["text"], "user": null, "store": true,
        }))
        .unwrap();
        assert_eq!(
            (params.n, params.max_tokens, params.logprobs),
            (3, Some(9), Some(4))
        );
        assert_eq!(
            (params.stop, params.ignore_eos, params.priority),
            (vec!["END".to_owned()], true, -3)
        );
        let sampling = params.sampling;
        assert_eq!((sampling.top_k, sampling.seed), (0, Some(u64::MAX)));
        assert_eq!(sampling.logit_bias, [(5, -100.0)]);
    }

    #[test]
    fn completions_have_openais_default_limit_and_refuse_what_is_not_done() {
        let check = |extra: serde_json::Value| {
            let mut body = json!({"model": "m", "prompt": "a"});
            for (key, value) in extra.as_object().unwrap() {
                body[key] = value.clone();
            }
            let request: CompletionRequest = serde_json::from_value(body).unwrap();
            completion(&request, &Limits::default(), &card())
        };
        assert_eq!(check(json!({})).unwrap().max_tokens, Some(16));
        assert_eq!(check(json!({"best_of": 2, "n": 2})).unwrap().n, 2);
        for (body, param) in [
            (json!({"best_of": 2}), "best_of"),
            (json!({"suffix": "x"}), "suffix"),
            (json!({"logprobs": -1}), "logprobs"),
        ] {
            assert_eq!(check(body).unwrap_err().param.as_deref(), Some(param));
        }
    }
}
