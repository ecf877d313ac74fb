//! Whether a request can be answered at all: numbers in their ranges, room in the context.

use tidegate_base::Fault;
use tidegate_engine::{ChatRequest, ModelCard, Params, ToolChoice, ToolFormat};

use super::voice::Voice;
use crate::config::EngineConfig;
use crate::sample::score::TOP_MOST;

/// Checks the numbers of a request.
pub(super) fn params(params: &Params, config: &EngineConfig, card: &ModelCard) -> Result<(), Fault> {
    let sampling = &params.sampling;
    let wrong = |name: &str, found: &dyn std::fmt::Display, expected: &str| {
        Err(Fault::invalid(format!("`{name}` is {found}, expected {expected}")).with_param(name))
    };
    if params.n == 0 || params.n > config.max_choices {
        return wrong("n", &params.n, &format!("1 to {}", config.max_choices));
    }
    if let Some(count) = params.logprobs.filter(|count| usize::from(*count) > TOP_MOST) {
        return wrong("top_logprobs", &count, &format!("at most {TOP_MOST}"));
    }
    for (name, value, least, most) in [
        ("temperature", sampling.temperature, 0.0, f32::MAX),
        ("top_p", sampling.top_p, 0.0, 1.0),
        ("min_p", sampling.min_p, 0.0, 1.0),
        (
            "frequency_penalty",
            sampling.frequency_penalty,
            f32::MIN,
            f32::MAX,
        ),
        ("presence_penalty", sampling.presence_penalty, f32::MIN, f32::MAX),
        (
            "repetition_penalty",
            sampling.repetition_penalty,
            f32::MIN_POSITIVE,
            f32::MAX,
        ),
    ] {
        // Never true for what is not a number.
        if !(least..=most).contains(&value) {
            let expected = match (least, most) {
                (f32::MIN, _) => "a finite number".to_owned(),
                (f32::MIN_POSITIVE, _) => "a number above 0".to_owned(),
                (_, f32::MAX) => format!("a number of at least {least}"),
                _ => format!("a number from {least} to {most}"),
            };
            return wrong(name, &value, &expected);
        }
    }
    for (token, bias) in &sampling.logit_bias {
        if *token as usize >= card.vocabulary || !bias.is_finite() {
            let expected = format!("tokens below {} with finite numbers", card.vocabulary);
            return wrong("logit_bias", &format!("{bias} for token {token}"), &expected);
        }
    }
    Ok(())
}

/// Whether the model may call tools in its answer.
pub(super) fn may_call_tools(request: &ChatRequest) -> bool {
    !request.tools.is_empty() && request.tool_choice != ToolChoice::None
}

/// Checks that the model can be shown tools if there are any.
pub(super) fn tools(request: &ChatRequest, voice: &Voice) -> Result<(), Fault> {
    if may_call_tools(request) && voice.tool_format() == ToolFormat::None {
        return Err(Fault::unsupported("this model's chat template knows no tools").with_param("tools"));
    }
    Ok(())
}

/// How many tokens an answer may have after a prompt of `prompt` tokens.
pub(super) fn room(prompt: usize, params: &Params, card: &ModelCard, param: &str) -> Result<usize, Fault> {
    let context = card.context_length;
    if prompt == 0 {
        return Err(
            Fault::invalid(format!("`{param}` has no tokens, expected at least one")).with_param(param),
        );
    }
    let wanted = params.max_tokens;
    let is_scored_only = wanted == Some(0) && prompt <= context;
    if prompt >= context && !is_scored_only {
        return Err(Fault::invalid(format!(
            "this model's context holds {context} tokens, prompt and answer together; `{param}` has {prompt}"
        ))
        .with_param(param)
        .with_code("context_length_exceeded"));
    }
    let rest = context - prompt;
    Ok(wanted.map_or(rest, |wanted| wanted.min(rest)))
}
