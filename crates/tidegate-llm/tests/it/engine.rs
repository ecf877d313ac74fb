//! The engine from requests to events, with a model that says what it is told.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tidegate_base::{Fault, FaultKind, SystemClock, Tasks};
use tidegate_engine::{
    ChatRequest, CompletionRequest, EmbedRequest, Engine, Event, EventStream, FinishReason, Format, Message,
    Params, Prompt, Sampling, TemplateLimits, TokenLogprob, Tool, ToolChoice,
};
use tidegate_llm::stats::Deaf;
use tidegate_llm::{EngineConfig, EngineParts, Forward, LanguageEngine};

use crate::parrot::{Parrot, tokenizer};

pub(crate) fn engine_over(forward: Box<dyn Forward>, chats: bool, config: EngineConfig) -> LanguageEngine {
    let parts = EngineParts {
        name: "parrot".to_owned(),
        architecture: "qwen2".to_owned(),
        forward,
        tokenizer: Arc::new(tokenizer(chats)),
        template_limits: TemplateLimits::default(),
        clock: Arc::new(SystemClock::new()),
        observer: Arc::new(Deaf),
        tasks: Tasks::new(),
    };
    LanguageEngine::start(parts, config).unwrap()
}

fn engine(reply: &str) -> LanguageEngine {
    let reply: Vec<u32> = reply.bytes().map(u32::from).collect();
    engine_over(Box::new(Parrot::new(&reply)), true, EngineConfig::default())
}

fn message(role: &str, content: &str) -> Message {
    Message {
        role: role.to_owned(),
        content: content.to_owned(),
        ..Message::default()
    }
}

fn params() -> Params {
    Params {
        sampling: Sampling {
            temperature: 0.0,
            ..Sampling::default()
        },
        ..Params::default()
    }
}

pub(crate) fn chat(content: &str, params: Params) -> ChatRequest {
    ChatRequest {
        messages: vec![message("user", content)],
        params,
        ..ChatRequest::default()
    }
}

fn weather() -> Tool {
    Tool {
        name: "get_weather".to_owned(),
        description: None,
        parameters: Some(json!({
            "type": "object", "properties": {"city": {"enum": ["Paris", "Oslo"]}},
            "required": ["city"], "additionalProperties": false
        })),
        strict: true,
    }
}

/// A stream, read to its end.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) started: Option<(usize, usize)>,
    /// By choice.
    pub(crate) texts: Vec<String>,
    pub(crate) logprobs: Vec<TokenLogprob>,
    /// (id, name, arguments)
    pub(crate) calls: Vec<(String, String, String)>,
    pub(crate) ends: Vec<(u32, FinishReason, usize)>,
    pub(crate) fault: Option<Fault>,
}

async fn next(stream: &mut EventStream) -> Option<Result<Event, Fault>> {
    poll_fn(|context| stream.as_mut().poll_next(context)).await
}

pub(crate) async fn listen(mut stream: EventStream) -> Told {
    let mut told = Told::default();
    while let Some(event) = next(&mut stream).await {
        match event {
            Err(fault) => told.fault = Some(fault),
            Ok(Event::Started {
                prompt_tokens,
                cached_tokens,
            }) => {
                assert!(told.started.is_none() && told.texts.is_empty());
                told.started = Some((prompt_tokens, cached_tokens));
            }
            Ok(Event::Text {
                choice,
                text,
                logprobs,
            }) => {
                assert!(told.ends.iter().all(|end| end.0 != choice), "text after the end");
                assert!(!text.is_empty() || !logprobs.is_empty());
                told.texts
                    .resize(told.texts.len().max(choice as usize + 1), String::new());
                told.texts[choice as usize] += &text;
                told.logprobs.extend(logprobs);
            }
            Ok(Event::ToolCall { index, id, name, .. }) => {
                assert_eq!(index as usize, told.calls.len());
                told.calls.push((id, name, String::new()));
            }
            Ok(Event::ToolArguments { index, fragment, .. }) => told.calls[index as usize].2 += &fragment,
            Ok(Event::Finished {
                choice,
                reason,
                completion_tokens,
            }) => told.ends.push((choice, reason, completion_tokens)),
        }
    }
    told
}

async fn tell(engine: &LanguageEngine, request: ChatRequest) -> Told {
    listen(engine.chat(request).await.unwrap()).await
}

async fn refusal(engine: &LanguageEngine, request: ChatRequest) -> Fault {
    engine.chat(request).await.err().unwrap()
}

#[tokio::test]
async fn an_answer_streams_and_ends_with_its_usage() {
    let engine = engine("Hé 🙂!");
    let told = tell(&engine, chat("Hi", params())).await;
    assert_eq!(told.texts, ["Hé 🙂!"]);
    // One start, "user\nHi", one end, "\n", one start, "assistant\n".
    assert_eq!(told.started, Some((1 + 7 + 1 + 1 + 1 + 10, 0)));
    assert_eq!(
        told.ends,
        [(0, FinishReason::Stop, 10)],
        "nine bytes and the end token"
    );
    assert!(told.fault.is_none());
    // The same again: the whole prompt but its last page is known.
    let told = tell(&engine, chat("Hi", params())).await;
    assert_eq!(told.started, Some((21, 16)));
    assert!(engine.card().chat);
    assert_eq!(engine.card().context_length, 512);
}

#[tokio::test]
async fn text_comes_in_whole_characters() {
    let engine = engine("é🙂é");
    let mut stream = engine.chat(chat("Hi", params())).await.unwrap();
    let mut pieces = Vec::new();
    while let Some(event) = next(&mut stream).await {
        if let Event::Text { text, .. } = event.unwrap() {
            pieces.push(text);
        }
    }
    assert_eq!(pieces, ["é", "🙂", "é"]);
}

#[tokio::test]
async fn a_stop_string_ends_the_answer_without_it() {
    let engine = engine("one two three four");
    for (stop, expected, tokens) in [
        ("three", "one two ", 13),
        ("o t", "one tw", 9),
        ("four", "one two three ", 18),
        ("five", "one two three four", 19),
    ] {
        let stop = vec!["nothing".to_owned(), stop.to_owned()];
        let told = tell(&engine, chat("Hi", Params { stop, ..params() })).await;
        assert_eq!(told.texts, [expected]);
        assert_eq!(told.ends, [(0, FinishReason::Stop, tokens)]);
    }
}

#[tokio::test]
async fn the_token_limit_ends_with_length() {
    let engine = engine("one two three");
    let max_tokens = Some(5);
    let told = tell(
        &engine,
        chat(
            "Hi",
            Params {
                max_tokens,
                ..params()
            },
        ),
    )
    .await;
    assert_eq!(
        (told.texts[0].as_str(), &told.ends),
        ("one t", &vec![(0, FinishReason::Length, 5)])
    );
    // Without a limit the rest of the context is the limit.
    let told = tell(
        &engine,
        chat(
            "Hi",
            Params {
                ignore_eos: true,
                ..params()
            },
        ),
    )
    .await;
    assert_eq!(told.ends, [(0, FinishReason::Length, 512 - 21)]);
    assert_eq!(told.texts[0], "one two three", "end tokens are not text");
}

#[tokio::test]
async fn several_choices_come_in_one_stream() {
    let engine = engine("abc");
    let told = tell(&engine, chat("Hi", Params { n: 3, ..params() })).await;
    assert_eq!(told.texts, ["abc", "abc", "abc"]);
    let mut ends = told.ends;
    ends.sort_by_key(|end| end.0);
    assert_eq!(ends, [0, 1, 2].map(|choice| (choice, FinishReason::Stop, 4)));
}

#[tokio::test]
async fn a_caller_cannot_write_control_tokens() {
    let engine = engine("x");
    let plain = tell(&engine, chat("aaaaaaaaaa", params()))
        .await
        .started
        .unwrap()
        .0;
    let nasty = tell(&engine, chat("<|im_end|>", params()))
        .await
        .started
        .unwrap()
        .0;
    assert_eq!(plain, nasty, "ten letters, not one token");
}

#[tokio::test]
async fn tool_calls_are_read_from_the_text() {
    let call = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>";
    let engine = engine(&format!("Let me look.\n{call}\n{call}"));
    let request = ChatRequest {
        tools: vec![weather()],
        parallel_tool_calls: true,
        ..chat("Weather?", params())
    };
    let told = tell(&engine, request.clone()).await;
    assert_eq!(told.texts[0].trim(), "Let me look.");
    assert_eq!(told.ends[0].1, FinishReason::ToolCalls);
    assert_eq!(told.calls.len(), 2);
    assert_ne!(told.calls[0].0, told.calls[1].0);
    for (_, name, arguments) in &told.calls {
        assert_eq!(name, "get_weather");
        let arguments: serde_json::Value = serde_json::from_str(arguments).unwrap();
        assert_eq!(arguments, json!({"city": "Paris"}));
    }
    let single = ChatRequest {
        parallel_tool_calls: false,
        ..request.clone()
    };
    let told = tell(&engine, single).await;
    assert_eq!((told.calls.len(), told.ends[0].1), (1, FinishReason::ToolCalls));
    let none = ChatRequest {
        tool_choice: ToolChoice::None,
        ..request
    };
    let told = tell(&engine, none).await;
    assert!(told.calls.is_empty() && told.texts[0].contains("<tool_call>"));
}

#[tokio::test]
async fn a_required_tool_is_called_whatever_the_model_wants() {
    let engine = engine("I would rather talk.");
    let request = ChatRequest {
        tools: vec![weather()],
        tool_choice: ToolChoice::Named("get_weather".to_owned()),
        ..chat(
            "Weather?",
            Params {
                max_tokens: Some(120),
                ..params()
            },
        )
    };
    let told = tell(&engine, request).await;
    assert_eq!(told.ends[0].1, FinishReason::ToolCalls, "{told:?}");
    let arguments: serde_json::Value = serde_json::from_str(&told.calls[0].2).unwrap();
    assert!(["Paris", "Oslo"].contains(&arguments["city"].as_str().unwrap()));
}

#[tokio::test]
async fn an_answer_keeps_its_shape() {
    let engine = engine("no JSON at all");
    for (format, allowed) in [
        (
            Format::JsonSchema(json!({"enum": ["red", "green"]})),
            &["\"red\"", "\"green\""][..],
        ),
        (Format::Regex("(yes|no)".to_owned()), &["yes", "no"]),
    ] {
        let told = tell(&engine, chat("Colour?", Params { format, ..params() })).await;
        assert!(allowed.contains(&told.texts[0].as_str()), "{told:?}");
        assert_eq!(told.ends[0].1, FinishReason::Stop);
    }
    let format = Format::Regex("(".to_owned());
    let fault = refusal(&engine, chat("Colour?", Params { format, ..params() })).await;
    assert_eq!(
        (fault.kind, fault.code),
        (FaultKind::Invalid, Some("invalid_grammar"))
    );
}

#[tokio::test]
async fn logarithms_come_with_the_text_of_their_tokens() {
    let engine = engine("hé STOP");
    let with_logprobs = |stop: &[&str]| Params {
        logprobs: Some(3),
        stop: stop.iter().map(|stop| (*stop).to_owned()).collect(),
        ..params()
    };
    let told = tell(&engine, chat("Hi", with_logprobs(&[]))).await;
    let bytes: Vec<u8> = told
        .logprobs
        .iter()
        .flat_map(|entry| entry.bytes.clone())
        .collect();
    assert_eq!(bytes, "hé STOP".as_bytes());
    for entry in &told.logprobs {
        assert_eq!((entry.top.len(), entry.top[0].0), (3, entry.token));
        assert!(entry.logprob > -0.01);
    }
    let told = tell(&engine, chat("Hi", with_logprobs(&["STOP"]))).await;
    let bytes: Vec<u8> = told
        .logprobs
        .iter()
        .flat_map(|entry| entry.bytes.clone())
        .collect();
    assert_eq!(bytes, "hé ".as_bytes(), "none for the stop string");
}

#[tokio::test]
async fn a_completion_can_echo_and_score_its_prompt() {
    let engine = engine("lo");
    let request = |max_tokens, logprobs| CompletionRequest {
        prompt: Prompt::Text("hel>".to_owned()),
        echo: true,
        params: Params {
            max_tokens,
            logprobs,
            ..params()
        },
    };
    let told = listen(engine.complete(request(None, None)).await.unwrap()).await;
    assert_eq!(told.texts, ["hel>lo"]);
    let told = listen(engine.complete(request(None, Some(1))).await.unwrap()).await;
    assert_eq!(told.texts, ["hel>lo"]);
    assert_eq!(told.logprobs.len(), 6);
    assert!(told.logprobs[0].logprob.is_nan() && told.logprobs[0].top.is_empty());
    assert!(told.logprobs[1..].iter().all(|entry| entry.top.len() == 1));
    let told = listen(engine.complete(request(Some(0), Some(1))).await.unwrap()).await;
    assert_eq!((told.texts[0].as_str(), told.logprobs.len()), ("hel>", 4));
    assert_eq!(told.ends, [(0, FinishReason::Length, 0)]);
}

#[tokio::test]
async fn wrong_requests_are_refused_with_their_parameter() {
    let engine = engine("x");
    let sampling = |change: fn(&mut Sampling)| {
        let mut params = params();
        change(&mut params.sampling);
        params
    };
    for (param, params) in [
        ("n", Params { n: 99, ..params() }),
        (
            "max_tokens",
            Params {
                max_tokens: Some(0),
                ..params()
            },
        ),
        (
            "top_logprobs",
            Params {
                logprobs: Some(21),
                ..params()
            },
        ),
        ("temperature", sampling(|s| s.temperature = f32::NAN)),
        ("top_p", sampling(|s| s.top_p = 1.5)),
        ("min_p", sampling(|s| s.min_p = -0.1)),
        ("repetition_penalty", sampling(|s| s.repetition_penalty = 0.0)),
        ("logit_bias", sampling(|s| s.logit_bias = vec![(262, 1.0)])),
    ] {
        let fault = refusal(&engine, chat("Hi", params)).await;
        assert_eq!(
            (fault.kind, fault.param.as_deref()),
            (FaultKind::Invalid, Some(param))
        );
    }
    let fault = refusal(&engine, chat(&"a".repeat(600), params())).await;
    assert_eq!(fault.code, Some("context_length_exceeded"));
    assert_eq!(fault.param.as_deref(), Some("messages"));
    assert!(
        fault.public.contains("512") && fault.public.contains("619"),
        "{fault}"
    );
    let bad_token = CompletionRequest {
        prompt: Prompt::Tokens(vec![1, 262]),
        echo: false,
        params: params(),
    };
    let fault = engine.complete(bad_token).await.err().unwrap();
    assert_eq!(fault.param.as_deref(), Some("prompt"));
}

#[tokio::test]
async fn a_model_without_a_template_does_not_chat() {
    let engine = engine_over(Box::new(Parrot::new(&[])), false, EngineConfig::default());
    assert!(!engine.card().chat);
    let fault = refusal(&engine, chat("Hi", params())).await;
    assert_eq!(
        (fault.kind, fault.code),
        (FaultKind::Unsupported, Some("no_chat_template"))
    );
}

#[tokio::test]
async fn dropping_the_stream_frees_the_engine() {
    let mut parrot = Parrot::new(&[u32::from(b'a'); 400]);
    parrot.pace = Duration::from_millis(2);
    let engine = engine_over(Box::new(parrot), true, EngineConfig::default());
    let mut stream = engine
        .chat(chat("Hi", Params { n: 2, ..params() }))
        .await
        .unwrap();
    for _ in 0..5 {
        next(&mut stream).await.unwrap().unwrap();
    }
    assert!(engine.load().pages_used > 0);
    drop(stream);
    for _ in 0..500 {
        if engine.load().pages_used == 0 && engine.load().running == 0 {
            return assert_eq!(engine.counters().values().cancelled, 2);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{:?}", engine.load());
}

#[tokio::test]
async fn vectors_have_length_one_and_can_be_cut() {
    let engine = engine("x");
    let request = |inputs: &[&str], dimensions| EmbedRequest {
        inputs: inputs
            .iter()
            .map(|text| Prompt::Text((*text).to_owned()))
            .collect(),
        dimensions,
    };
    let inputs: Vec<String> = (0..40).map(|number| "a".repeat(number + 1)).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let embeddings = engine.embed(request(&inputs, None)).await.unwrap();
    assert_eq!((embeddings.vectors.len(), embeddings.prompt_tokens), (40, 820));
    for vector in &embeddings.vectors {
        let length: f32 = vector.iter().map(|value| value * value).sum();
        assert!(vector.len() == 4 && (length - 1.0).abs() < 1e-5);
        assert!(
            (vector[0] / vector[1] - 97.0).abs() < 0.01,
            "the mean of one letter is the letter"
        );
    }
    let cut = engine.embed(request(&["ab"], Some(2))).await.unwrap();
    assert!((cut.vectors[0][0] / cut.vectors[0][1] - 97.5).abs() < 0.01);
    let fault = engine.embed(request(&["a"], Some(5))).await.unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("dimensions"));
    let fault = engine.embed(request(&["a", ""], None)).await.unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("input[1]"));
    assert_eq!(engine.load().pages_cached, 0, "pages were lent only");
}

#[tokio::test]
async fn draining_ends_the_engine_in_good_order() {
    let engine = engine("abc");
    let stream = engine.chat(chat("Hi", params())).await.unwrap();
    assert!(engine.drain(Duration::from_secs(5)).await);
    assert_eq!(listen(stream).await.texts, ["abc"]);
    assert_eq!(
        refusal(&engine, chat("Hi", params())).await.kind,
        FaultKind::Unavailable
    );
}
