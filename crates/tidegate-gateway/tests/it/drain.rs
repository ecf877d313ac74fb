//! The end of a server: readiness, open requests, deadlines.

use std::time::Duration;

use serde_json::json;
use tidegate_engine::{Event, FinishReason};
use tidegate_gateway::{Config, Drained, Timeouts};
use tidegate_testkit::http::{self, Connection};
use tidegate_testkit::{Scripted, Step, demo};

use crate::house::{self, House};

const LONG: Duration = Duration::from_secs(10);

async fn draining(engine: &Scripted, drain: Duration, notice: Duration) -> House {
    let timeouts = Timeouts {
        drain,
        drain_notice: notice,
        keep_alive: Duration::from_millis(10),
        ..Timeouts::default()
    };
    let config = Config {
        timeouts,
        ..Config::default()
    };
    house::open(config, &[engine]).await
}

async fn stream(house: &House) -> Connection {
    let body = br#"{"model": "demo", "stream": true, "messages": [{"role": "user", "content": "hi"}]}"#;
    let mut connection = Connection::open(house.address).await.unwrap();
    let headers = "content-type: application/json\r\n";
    connection
        .request("POST", "/v1/chat/completions", headers, body)
        .await
        .unwrap();
    connection
}

#[tokio::test]
async fn readiness_says_why_not() {
    let house = house::plain(&demo::engine("demo")).await;
    let ready = http::get(house.address, "/readyz").await.unwrap();
    assert_eq!((ready.status, ready.json()["ready"].clone()), (200, json!(true)));
    house.readiness.set_loading("reading the model `llama`");
    let loading = http::get(house.address, "/readyz").await.unwrap();
    assert_eq!(loading.status, 503);
    assert_eq!(
        loading.json(),
        json!({"ready": false, "state": "loading",
            "reason": "the server is still loading: reading the model `llama`"})
    );
    assert_eq!(http::get(house.address, "/healthz").await.unwrap().status, 200);
    // A model that is not there yet is no reason to give up.
    let body = json!({"model": "llama", "messages": [{"role": "user", "content": "hi"}]});
    let early = http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    assert_eq!((early.status, early.header("retry-after")), (503, Some("1")));
}

#[tokio::test]
async fn open_streams_finish_and_new_connections_are_refused() {
    let engine = Scripted::new("demo", |_| {
        vec![
            Step::Emit(Event::Started {
                prompt_tokens: 1,
                cached_tokens: 0,
            }),
            Step::Wait(Duration::from_millis(300)),
            Step::Emit(Event::Finished {
                choice: 0,
                reason: FinishReason::Stop,
                completion_tokens: 1,
            }),
        ]
    });
    let house = draining(&engine, LONG, Duration::ZERO).await;
    let mut idle = Connection::open(house.address).await.unwrap();
    idle.request("GET", "/healthz", "", b"").await.unwrap();
    idle.answer().await.unwrap();
    let mut open = stream(&house).await;
    assert!(house.until(LONG, || engine.asked().len() == 1).await);
    house.shutdown.trigger();
    assert!(idle.closed_within(LONG).await);
    assert!(Connection::open(house.address).await.is_err());
    let answer = open.answer().await.unwrap();
    assert!(answer.complete);
    assert_eq!(answer.events().last().unwrap().data, "[DONE]");
    assert_eq!(house.served.await.unwrap(), Drained::Complete);
}

#[tokio::test]
async fn streams_that_do_not_finish_are_cut_off_with_an_error() {
    let engine = Scripted::new("demo", |_| vec![Step::Hang]);
    let house = draining(&engine, Duration::from_millis(100), Duration::ZERO).await;
    let mut open = stream(&house).await;
    assert!(house.until(LONG, || engine.asked().len() == 1).await);
    let body = br#"{"model": "demo", "messages": [{"role": "user", "content": "hi"}]}"#;
    let mut whole = Connection::open(house.address).await.unwrap();
    let headers = "content-type: application/json\r\n";
    whole
        .request("POST", "/v1/chat/completions", headers, body)
        .await
        .unwrap();
    assert!(house.until(LONG, || engine.asked().len() == 2).await);
    house.shutdown.trigger();
    let last = open.answer().await.unwrap().events().pop().unwrap();
    assert!(
        last.event == "error" && last.data.contains("the server stopped"),
        "{last:?}"
    );
    assert_eq!(whole.answer().await.unwrap().status, 503);
    assert_eq!(house.served.await.unwrap(), Drained::CutOff { requests: 2 });
    assert_eq!(engine.dropped(), 2);
}

#[tokio::test]
async fn a_client_that_does_not_read_cannot_hold_up_the_end() {
    let engine = Scripted::new("demo", |_| {
        vec![Step::Repeat(Event::Text {
            choice: 0,
            text: "x".repeat(4000),
            logprobs: Vec::new(),
        })]
    });
    let house = draining(&engine, Duration::from_millis(50), Duration::ZERO).await;
    let body = br#"{"model": "demo", "stream": true, "messages": [{"role": "user", "content": "hi"}]}"#;
    let mut connection = Connection::open_narrow(house.address, 4096).await.unwrap();
    let headers = "content-type: application/json\r\n";
    connection
        .request("POST", "/v1/chat/completions", headers, body)
        .await
        .unwrap();
    assert!(house.until(LONG, || engine.asked().len() == 1).await);
    house.shutdown.trigger();
    let ended = tokio::time::timeout(LONG, house.served).await.unwrap().unwrap();
    assert_eq!(ended, Drained::CutOff { requests: 1 });
    assert_eq!(engine.dropped(), 1);
}

#[tokio::test]
async fn load_balancers_are_given_notice() {
    let house = draining(&demo::engine("demo"), LONG, Duration::from_millis(1500)).await;
    house.shutdown.trigger();
    let state = || house.readiness.state().word() == "draining";
    assert!(house.until(LONG, state).await);
    let ready = http::get(house.address, "/readyz").await.unwrap();
    assert_eq!(
        (ready.status, ready.json()["state"].clone()),
        (503, json!("draining"))
    );
    assert_eq!(http::get(house.address, "/v1/models").await.unwrap().status, 200);
    assert_eq!(house.served.await.unwrap(), Drained::Complete);
}
