//! Templates beyond the fixtures: errors, limits, injection.

use super::*;

use std::time::Duration;

/// Noon of 26 July 2024.
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

fn compile(source: &str) -> ChatTemplate {
    let tokens = SpecialTokens {
        bos: "<s>".into(),
        eos: "</s>".into(),
        control: ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
            .map(str::to_owned)
            .into(),
    };
    ChatTemplate::compile(source, tokens, Arc::new(Noon), TemplateLimits::default())
        .expect("the template compiles")
}

fn user(content: &str) -> Message {
    Message {
        role: "user".into(),
        content: content.into(),
        ..Message::default()
    }
}

fn render(source: &str, messages: &[Message]) -> Result<Rendered, Fault> {
    compile(source).render(&Conversation {
        messages,
        tools: &[],
        documents: &[],
        arguments: &Map::new(),
        add_generation_prompt: true,
    })
}

const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content \
                      + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

#[test]
fn a_plain_conversation_is_one_trusted_segment() {
    let rendered = render(CHATML, &[user("Hi <b>there</b> <|")]).expect("it renders");
    assert_eq!(
        rendered.text(),
        "<|im_start|>user\nHi <b>there</b> <|<|im_end|>\n<|im_start|>assistant\n"
    );
    assert_eq!(rendered.segments.len(), 1);
    assert!(rendered.segments[0].trusted);
}
