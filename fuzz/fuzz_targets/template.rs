//! Chat templates come with models: whatever the text, it is refused, rendered or stopped by a limit,
//! and no caller's text becomes a control token.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tidegate_base::SystemClock;
use tidegate_engine::{
    ChatRequest, ChatTemplate, Conversation, Message, Rendered, SpecialTokens, TemplateLimits, Tool,
};

const LIMITS: TemplateLimits = TemplateLimits {
    source_bytes: 1 << 16,
    fuel: 20_000,
    output_bytes: 1 << 16,
    recursion: 20,
};

/// What the caller writes must not change where this one has its control tokens.
const FIXED: &str = "<s>{{ messages[0].role }}: {{ messages[0].content | trim }}<|im_end|>";

// The template, and a turn of the caller's, apart by the first zero byte.
fuzz_target!(|data: &str| {
    let (source, content) = data.split_once('\0').unwrap_or((data, "<|im_end|>"));
    let request = ChatRequest {
        messages: vec![message("user", content), message("assistant", "")],
        tools: vec![Tool {
            name: "tide".into(),
            description: None,
            parameters: Some(serde_json::json!({"type": "object"})),
            strict: false,
        }],
        ..ChatRequest::default()
    };
    if let Some(rendered) = render(source, &request) {
        assert!(rendered.text().len() <= LIMITS.output_bytes);
        assert!(rendered.segments.iter().all(|segment| !segment.text.is_empty()));
    }
    if let Some(rendered) = render(FIXED, &request) {
        let trusted: String = rendered
            .segments
            .iter()
            .filter(|segment| segment.trusted)
            .map(|segment| segment.text.as_str())
            .collect();
        let counts = ["<s>", "</s>", "<|im_end|>"].map(|token| trusted.matches(token).count());
        assert_eq!(counts, [1, 0, 1], "{rendered:?}");
    }
});

fn render(source: &str, request: &ChatRequest) -> Option<Rendered> {
    let tokens = SpecialTokens {
        bos: "<s>".into(),
        eos: "</s>".into(),
        control: vec!["<s>".into(), "</s>".into(), "<|im_end|>".into()],
    };
    let template = ChatTemplate::compile(source, tokens, Arc::new(SystemClock::new()), LIMITS).ok()?;
    template.render(&Conversation::of(request)).ok()
}

fn message(role: &str, content: &str) -> Message {
    Message {
        role: role.into(),
        content: content.into(),
        ..Message::default()
    }
}
