//! Engines that fail, panic or break their contract.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_base::Fault;
use tidegate_engine::Event;
use tidegate_gateway::{Config, Timeouts};
use tidegate_testkit::http::{self, Answer};
use tidegate_testkit::{Scripted, Step};

use crate::house;

async fn ask(engine: Scripted, stream: bool) -> Answer {
    let house = house::plain(&engine).await;
    let body = json!({"model": "demo", "stream": stream, "messages": [{"role": "user", "content": "hi"}]});
    let answer = http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    // Whatever happened, the server goes on.
    assert_eq!(http::get(house.address, "/healthz").await.unwrap().status, 200);
    answer
}

fn text(choice: u32) -> Step {
    Step::Emit(Event::Text {
        choice,
        text: "half an ".to_owned(),
        logprobs: Vec::new(),
    })
}

fn full() -> Step {
    Step::Fail(Fault::overloaded("the queue is full", Duration::from_secs(7)).with_param("model"))
}

#[tokio::test]
async fn an_error_before_the_first_token_has_its_status_even_in_a_stream() {
    for stream in [false, true] {
        let opening = Scripted::with_opening("demo", |_| vec![full()], |_| Vec::new());
        let first = Scripted::new("demo", |_| vec![full()]);
        for engine in [opening, first] {
            let answer = ask(engine, stream).await;
            assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
            assert_eq!(
                answer.json()["error"],
                json!({"message": "the queue is full", "type": "rate_limit_error", "param": "model",
                    "code": "rate_limit_exceeded"})
            );
        }
    }
}

#[tokio::test]
async fn an_error_in_the_middle_ends_a_stream_with_an_event() {
    let engine = Scripted::new("demo", |_| {
        vec![text(0), Step::Wait(Duration::from_millis(20)), full()]
    });
    let answer = ask(engine, true).await;
    assert!(answer.status == 200 && answer.complete);
    let events = answer.events();
    let last = events.last().unwrap();
    assert_eq!(last.event, "error");
    let error: Value = serde_json::from_str(&last.data).unwrap();
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    assert!(events.iter().all(|event| event.data != "[DONE]"));
}

#[tokio::test]
async fn a_panic_is_an_error_answer() {
    let at_once = || Scripted::with_opening("demo", |_| vec![Step::Panic], |_| Vec::new());
    let later = || {
        Scripted::new("demo", |_| {
            vec![text(0), Step::Wait(Duration::from_millis(5)), Step::Panic]
        })
    };
    for engine in [at_once(), later()] {
        let answer = ask(engine, false).await;
        assert_eq!(answer.status, 500);
        assert_eq!(
            answer.json()["error"]["message"],
            "the server failed to answer this request"
        );
    }
    let last = ask(later(), true).await.events().pop().unwrap();
    assert!(
        last.event == "error" && last.data.contains("internal_error"),
        "{last:?}"
    );
    let handler = Scripted::new("demo", |_| panic!("before any stream"));
    let answer = ask(handler, true).await;
    assert_eq!(
        (answer.status, answer.json()["error"]["type"].clone()),
        (500, json!("server_error"))
    );
}

#[tokio::test]
async fn an_engine_that_answers_what_was_not_asked_is_an_internal_error() {
    let stray = || Scripted::new("demo", |_| vec![text(3)]);
    assert_eq!(ask(stray(), false).await.status, 500);
    let last = ask(stray(), true).await.events().pop().unwrap();
    assert_eq!(last.event, "error");
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_with_comments() {
    let engine = Scripted::new("demo", |ask| {
        let mut steps = vec![Step::Wait(Duration::from_millis(400))];
        steps.extend(tidegate_testkit::scripted::says(ask, "at last"));
        steps
    });
    let config = Config {
        timeouts: Timeouts {
            keep_alive: Duration::from_millis(25),
            ..Timeouts::default()
        },
        ..Config::default()
    };
    let house = house::open(config, &[&engine]).await;
    let body = json!({"model": "demo", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let answer = http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    let (events, comments) = tidegate_testkit::sse::parse(&answer.text());
    assert!(comments >= 2, "{}", answer.text());
    assert_eq!(events.last().unwrap().data, "[DONE]");
}
