//! A script that answers as a small model would: tools are called, schemas are obeyed, limits hold.
//! Stock clients are tried against it.

use std::time::Duration;

use tidegate_base::Fault;
use tidegate_engine::{Event, FinishReason, Format, TokenLogprob, ToolChoice};

use crate::scripted::{Ask, Scripted, Step, says};

/// An engine that plays this script under `name`.
pub fn engine(name: &str) -> Scripted {
    Scripted::with_opening(name, opening, script)
}

/// The words `please overload` in the last message make the request fail before it starts.
fn opening(ask: &Ask) -> Vec<Step> {
    let text = last_text(ask);
    if text.contains("please overload") {
        return vec![Step::Fail(Fault::overloaded(
            "the queue is full",
            Duration::from_secs(1),
        ))];
    }
    Vec::new()
}

fn last_text(ask: &Ask) -> String {
    match ask {
        Ask::Chat(request) => request
            .messages
            .last()
            .map(|message| message.content.clone())
            .unwrap_or_default(),
        Ask::Complete(request) => format!("{:?}", request.prompt),
    }
}

fn script(ask: &Ask) -> Vec<Step> {
    if let Ask::Chat(request) = ask {
        let answered = request.messages.last().is_some_and(|last| last.role == "tool");
        let wanted = match &request.tool_choice {
            ToolChoice::None => None,
            ToolChoice::Named(name) => Some(name.clone()),
            ToolChoice::Required => request.tools.first().map(|tool| tool.name.clone()),
            ToolChoice::Auto if answered => None,
            ToolChoice::Auto => request.tools.first().map(|tool| tool.name.clone()),
        };
        if let Some(name) = wanted {
            return calls(ask, &name);
        }
    }
    let text = last_text(ask);
    if text.contains("please talk for ever") {
        return vec![
            started(),
            Step::Repeat(Event::Text {
                choice: 0,
                text: "and so on ".to_owned(),
                logprobs: Vec::new(),
            }),
        ];
    }
    if text.contains("please break in the middle") {
        let mut steps = says(ask, "It goes well");
        steps.truncate(3);
        steps.push(Step::Wait(Duration::from_millis(20)));
        steps.push(Step::Fail(Fault::unavailable("the engine broke in the middle")));
        return steps;
    }
    match &ask.params().format {
        Format::JsonObject | Format::JsonSchema(_) => says(ask, r#"{"name": "Ada", "age": 36}"#),
        Format::Text | Format::Regex(_) | Format::Lark(_) => {
            let mut steps = says(ask, "The answer is 42, as everybody knows by now.");
            add_logprobs(ask, &mut steps);
            steps
        }
    }
}

fn started() -> Step {
    Step::Emit(Event::Started {
        prompt_tokens: 5,
        cached_tokens: 2,
    })
}

fn calls(ask: &Ask, name: &str) -> Vec<Step> {
    let mut steps = vec![started()];
    for choice in 0..ask.params().n {
        steps.push(Step::Emit(Event::ToolCall {
            choice,
            index: 0,
            id: format!("call_{choice}"),
            name: name.to_owned(),
        }));
        for fragment in ["{\"city\"", ": \"Paris\"}"] {
            steps.push(Step::Emit(Event::ToolArguments {
                choice,
                index: 0,
                fragment: fragment.to_owned(),
            }));
        }
        steps.push(Step::Emit(Event::Finished {
            choice,
            reason: FinishReason::ToolCalls,
            completion_tokens: 9,
        }));
    }
    steps
}

/// Gives every text step the logarithms that were asked for.
fn add_logprobs(ask: &Ask, steps: &mut [Step]) {
    let Some(top) = ask.params().logprobs else {
        return;
    };
    for step in steps {
        let Step::Emit(Event::Text { text, logprobs, .. }) = step else {
            continue;
        };
        let bytes = text.clone().into_bytes();
        logprobs.push(TokenLogprob {
            token: 7,
            bytes: bytes.clone(),
            logprob: -0.25,
            top: (0..top)
                .map(|place| (u32::from(place), bytes.clone(), -0.25 - f32::from(place)))
                .collect(),
        });
    }
}
