//! `/v1/completions`.

use serde_json::{Value, json};
use tidegate_engine::{Event, FinishReason, Prompt, TokenLogprob};
use tidegate_testkit::{Ask, Scripted, Step, demo, http};

use crate::house;

#[tokio::test]
async fn several_prompts_with_several_choices_are_numbered_through() {
    let engine = Scripted::new("demo", |ask| {
        let Ask::Complete(request) = ask else {
            return Vec::new();
        };
        tidegate_testkit::scripted::says(ask, &format!("{:?}", request.prompt))
    });
    let house = house::plain(&engine).await;
    let body = json!({"model": "demo", "prompt": [[1, 2], [3]], "n": 2, "max_tokens": 50});
    let answer = http::post(house.address, "/v1/completions", &body)
        .await
        .unwrap()
        .json();
    let seen: Vec<_> = answer["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| {
            (
                choice["index"].as_u64().unwrap(),
                choice["text"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let (first, second) = ("Tokens([1, 2])".to_owned(), "Tokens([3])".to_owned());
    assert_eq!(
        seen,
        [(0, first.clone()), (1, first), (2, second.clone()), (3, second)]
    );
    assert_eq!(answer["usage"]["prompt_tokens"], 10);
    assert_eq!(answer["object"], "text_completion");
    assert!(answer["id"].as_str().unwrap().starts_with("cmpl-"));
}

#[tokio::test]
async fn the_prompt_arrives_as_it_was_sent() {
    let engine = demo::engine("demo");
    let house = house::plain(&engine).await;
    let body = json!({"model": "demo", "prompt": "Once", "echo": true, "max_tokens": 3, "seed": 7, "stop": ["x", "y"]});
    let answer = http::post(house.address, "/v1/completions", &body).await.unwrap();
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "length");
    let asked = engine.asked();
    let Some(Ask::Complete(request)) = asked.first() else {
        panic!("{asked:?}")
    };
    assert_eq!(request.prompt, Prompt::Text("Once".to_owned()));
    assert!(request.echo);
    assert_eq!(request.params.max_tokens, Some(3));
    assert_eq!(request.params.sampling.seed, Some(7));
    assert_eq!(request.params.stop, ["x", "y"]);
}

#[tokio::test]
async fn likelihoods_come_in_columns_at_once_and_in_a_stream() {
    let engine = Scripted::new("demo", |_| {
        let token = |text: &str, logprob| {
            Step::Emit(Event::Text {
                choice: 0,
                text: text.to_owned(),
                logprobs: vec![TokenLogprob {
                    token: 1,
                    bytes: text.as_bytes().to_vec(),
                    logprob,
                    top: vec![(1, text.as_bytes().to_vec(), logprob)],
                }],
            })
        };
        vec![
            token("né", -0.5),
            token("e", -1.5),
            Step::Emit(Event::Finished {
                choice: 0,
                reason: FinishReason::Stop,
                completion_tokens: 2,
            }),
        ]
    });
    let house = house::plain(&engine).await;
    let mut body = json!({"model": "demo", "prompt": "a", "logprobs": 1});
    let whole = http::post(house.address, "/v1/completions", &body)
        .await
        .unwrap()
        .json();
    assert_eq!(
        whole["choices"][0]["logprobs"],
        json!({
            "text_offset": [0, 2], "token_logprobs": [-0.5, -1.5], "tokens": ["né", "e"],
            "top_logprobs": [{"né": -0.5}, {"e": -1.5}]
        })
    );
    body["stream"] = json!(true);
    let events = http::post(house.address, "/v1/completions", &body)
        .await
        .unwrap()
        .events();
    let second: Value = serde_json::from_str(&events[1].data).unwrap();
    assert_eq!(second["choices"][0]["logprobs"]["text_offset"], json!([2]));
    assert_eq!(events.last().unwrap().data, "[DONE]");
}
