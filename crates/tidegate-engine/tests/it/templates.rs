//! Chat templates render as transformers' `apply_chat_template` does.
//!
//! `tests/fixtures/make_templates.py` wrote the expectations.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tidegate_base::{Clock, Fault, FaultKind};
use tidegate_engine::{ChatTemplate, Conversation, Message, Rendered, SpecialTokens, TemplateLimits, Tool};

const FIXTURE: &str = include_str!("../fixtures/templates.json");

/// Noon of 26 July 2024, as in the script.
#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    fn unix(&self) -> Duration {
        Duration::from_secs(1_721_995_200)
    }
}

fn source(name: &str) -> &'static str {
    match name {
        "chatml" => include_str!("../fixtures/templates/chatml.jinja"),
        "gemma" => include_str!("../fixtures/templates/gemma.jinja"),
        "llama2" => include_str!("../fixtures/templates/llama2.jinja"),
        "llama3_tools" => include_str!("../fixtures/templates/llama3_tools.jinja"),
        "operators" => include_str!("../fixtures/templates/operators.jinja"),
        "macros" => include_str!("../fixtures/templates/macros.jinja"),
        "mistral_v3_tools" => include_str!("../fixtures/templates/mistral_v3_tools.jinja"),
        "qwen2_tools" => include_str!("../fixtures/templates/qwen2_tools.jinja"),
        "qwen3_thinking" => include_str!("../fixtures/templates/qwen3_thinking.jinja"),
        "zephyr" => include_str!("../fixtures/templates/zephyr.jinja"),
        other => panic!("the fixture names an unknown template `{other}`"),
    }
}

fn compile(name: &str, template: &Value) -> ChatTemplate {
    let text = |key: &str| template[key].as_str().expect("a string").to_owned();
    let tokens = SpecialTokens {
        bos: text("bos"),
        eos: text("eos"),
        control: [
            "<s>",
            "</s>",
            "<|im_start|>",
            "<|im_end|>",
            "<|eot_id|>",
            "<|start_header_id|>",
            "[INST]",
            "[/INST]",
            "<start_of_turn>",
            "<|user|>",
        ]
        .map(str::to_owned)
        .into(),
    };
    ChatTemplate::compile(source(name), tokens, Arc::new(Noon), TemplateLimits::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn render(template: &ChatTemplate, messages: &Value, way: &Value) -> Result<Rendered, Fault> {
    let messages: Vec<Message> = serde_json::from_value(messages.clone()).expect("messages");
    let tools: Vec<Tool> = match way.get("tools") {
        Some(tools) => serde_json::from_value(tools.clone()).expect("tools"),
        None => Vec::new(),
    };
    let documents = way
        .get("documents")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let arguments: Map<String, Value> = way
        .get("arguments")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    template.render(&Conversation {
        messages: &messages,
        tools: &tools,
        documents: &documents,
        arguments: &arguments,
        add_generation_prompt: way["add_generation_prompt"] == true,
    })
}

#[test]
fn every_template_renders_as_transformers_does() {
    let fixture: Value = serde_json::from_str(FIXTURE).expect("the fixture is JSON");
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, template) in fixture["templates"].as_object().expect("templates") {
        let compiled = compile(name, template);
        for case in template["cases"].as_array().expect("cases") {
            count += 1;
            let conversation = case["conversation"].as_str().expect("a name");
            let way =
                &fixture["ways"][usize::try_from(case["way"].as_u64().expect("an index")).expect("small")];
            let result = render(&compiled, &fixture["conversations"][conversation], way);
            let found = match result {
                Ok(rendered) => Ok(rendered.text()),
                Err(fault) if fault.kind == FaultKind::Invalid => Err(fault.public),
                Err(fault) => panic!("{name} {conversation} {way}: {fault}"),
            };
            let expected = match (case["text"].as_str(), case["raises"].as_str()) {
                (Some(text), _) => Ok(text.to_owned()),
                (None, Some(message)) => Err(message.to_owned()),
                (None, None) => panic!("the case has neither text nor message"),
            };
            if found != expected {
                wrong.push(format!(
                    "{name} / {conversation} / {way}\nexpected {expected:?}\nfound    {found:?}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} differ:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    assert!(count > 500, "only {count} cases");
}
