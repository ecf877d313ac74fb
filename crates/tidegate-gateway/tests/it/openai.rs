//! Good requests and what comes back.

use serde_json::{Value, json};
use tidegate_testkit::{Scripted, demo, http, sse};

use crate::house;

/// Replaces what differs from run to run.
fn steady(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        for (key, steady) in [
            ("id", json!("ID")),
            ("created", json!(0)),
            ("system_fingerprint", json!("FP")),
        ] {
            if object.contains_key(key) {
                object.insert(key.to_owned(), steady);
            }
        }
    }
    value
}

fn chat(extra: &Value) -> Value {
    let mut body = json!({"model": "demo", "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_chat_is_answered() {
    let house = house::plain(&Scripted::saying("demo", "Hello there")).await;
    let answer = http::post(house.address, "/v1/chat/completions", &chat(&json!({})))
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json()["id"].as_str().unwrap().starts_with("chatcmpl-"));
    insta::assert_json_snapshot!(steady(answer.json()), @r#"
    {
      "id": "ID",
      "object": "chat.completion",
      "created": 0,
      "model": "demo",
      "choices": [
        {
          "index": 0,
          "message": {
            "role": "assistant",
            "content": "Hello there",
            "refusal": null
          },
          "logprobs": null,
          "finish_reason": "stop"
        }
      ],
      "usage": {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "total_tokens": 7,
        "prompt_tokens_details": {
          "cached_tokens": 2
        }
      },
      "system_fingerprint": "FP"
    }
    "#);
}

#[tokio::test]
async fn a_chat_is_streamed() {
    let house = house::plain(&Scripted::saying("demo", "Hello there")).await;
    let body = chat(&json!({"stream": true, "stream_options": {"include_usage": true}}));
    let answer = http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    assert_eq!(
        answer.header("content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    assert!(answer.complete);
    insta::assert_snapshot!(lines(&answer.text()), @r#"
    {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}
    {"choices":[{"index":0,"delta":{"content":"Hello "},"logprobs":null,"finish_reason":null}],"usage":null}
    {"choices":[{"index":0,"delta":{"content":"there"},"logprobs":null,"finish_reason":null}],"usage":null}
    {"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}
    {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":2}}}
    [DONE]
    "#);
}

/// The chunks without what is the same in each, which is checked here.
fn lines(text: &str) -> String {
    let (events, comments) = sse::parse(text);
    assert_eq!(comments, 0, "{text}");
    let mut ids = std::collections::BTreeSet::new();
    let chunks: Vec<String> = events
        .iter()
        .map(|event| {
            let Ok(mut chunk) = serde_json::from_str::<Value>(&event.data) else {
                return event.data.clone();
            };
            let object = chunk.as_object_mut().unwrap();
            for key in ["id", "object", "created", "model", "system_fingerprint"] {
                ids.insert(format!("{key}: {}", object.shift_remove(key).unwrap()));
            }
            chunk.to_string()
        })
        .collect();
    assert_eq!(ids.len(), 5, "{ids:?}");
    chunks.join("\n")
}

#[tokio::test]
async fn tools_are_called_at_once_and_in_a_stream() {
    let house = house::plain(&demo::engine("demo")).await;
    let tools = json!([{"type": "function", "function": {"name": "weather"}}]);
    let body = chat(&json!({"tools": tools}));
    let whole = http::post(house.address, "/v1/chat/completions", &body);
    insta::assert_json_snapshot!(whole.await.unwrap().json()["choices"][0], @r#"
    {
      "index": 0,
      "message": {
        "role": "assistant",
        "content": null,
        "refusal": null,
        "tool_calls": [
          {
            "id": "call_0",
            "type": "function",
            "function": {
              "name": "weather",
              "arguments": "{\"city\": \"Paris\"}"
            }
          }
        ]
      },
      "logprobs": null,
      "finish_reason": "tool_calls"
    }
    "#);
    let body = chat(&json!({"tools": tools, "stream": true}));
    let streamed = http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    insta::assert_snapshot!(lines(&streamed.text()), @r#"
    {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}
    {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_0","type":"function","function":{"name":"weather","arguments":""}}]},"logprobs":null,"finish_reason":null}]}
    {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\""}}]},"logprobs":null,"finish_reason":null}]}
    {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":": \"Paris\"}"}}]},"logprobs":null,"finish_reason":null}]}
    {"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}]}
    [DONE]
    "#);
}

#[tokio::test]
async fn models_are_listed_and_found_even_with_slashes() {
    let engines = [&Scripted::saying("demo", "a"), &Scripted::saying("org/tiny", "b")];
    let house = house::open(tidegate_gateway::Config::default(), &engines).await;
    let list = http::get(house.address, "/v1/models").await.unwrap().json();
    assert_eq!(list["data"][1]["id"], "org/tiny");
    for path in ["/v1/models/org/tiny", "/v1/models/org%2Ftiny"] {
        let one = http::get(house.address, path).await.unwrap();
        assert_eq!((one.status, one.json()), (200, list["data"][1].clone()), "{path}");
    }
    let missing = http::get(house.address, "/v1/models/org/tony").await.unwrap();
    assert_eq!(missing.status, 404);
    insta::assert_json_snapshot!(missing.json(), @r#"
    {
      "error": {
        "message": "the model `org/tony` does not exist\nNames that look alike: `org/tiny`.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found"
      }
    }
    "#);
}
