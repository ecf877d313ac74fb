//! Bodies, heads, connections and requests beyond their limits.

use std::time::Duration;

use serde_json::json;
use tidegate_base::ByteSize;
use tidegate_engine::Event;
use tidegate_gateway::{Config, Limits, Timeouts};
use tidegate_testkit::http::{self, Connection};
use tidegate_testkit::{Scripted, Step, demo};

use crate::house;

fn limited(limits: Limits) -> Config {
    Config {
        limits,
        ..Config::default()
    }
}

#[tokio::test]
async fn a_hundred_megabytes_are_refused_before_they_are_read() {
    let engine = demo::engine("demo");
    let house = house::plain(&engine).await;
    let piece = vec![b' '; 1 << 20];
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for framing in [
        "content-length: 104857600\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n",
    ] {
        let mut connection = Connection::open(house.address).await.unwrap();
        connection
            .send(format!("{head}{framing}").as_bytes())
            .await
            .unwrap();
        let mut sent = 0;
        // A plain client sends everything before it reads; the answer must survive that.
        for _ in 0..100 {
            if framing.starts_with("transfer") && connection.send(b"100000\r\n").await.is_err() {
                break;
            }
            if connection.send(&piece).await.is_err() {
                break;
            }
            if framing.starts_with("transfer") && connection.send(b"\r\n").await.is_err() {
                break;
            }
            sent += 1;
        }
        let answer = connection.answer().await.unwrap();
        assert_eq!(answer.status, 413, "{framing} after {sent} MiB");
        assert!(
            answer.text().contains("larger than the limit of 16.0 MiB"),
            "{}",
            answer.text()
        );
    }
    let resident = tidegate_telemetry::process::resident_memory().unwrap_or_default();
    assert!(resident < 150 << 20, "{resident} bytes");
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_no_before_it_sends() {
    let house = house::plain(&demo::engine("demo")).await;
    let mut connection = Connection::open(house.address).await.unwrap();
    let head = "POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        expect: 100-continue\r\ncontent-length: 104857600\r\n\r\n";
    connection.send(head.as_bytes()).await.unwrap();
    assert_eq!(connection.answer().await.unwrap().status, 413);
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused() {
    let house = house::open(
        limited(Limits {
            header_bytes: ByteSize(8 << 10),
            header_count: 10,
            ..Limits::default()
        }),
        &[&demo::engine("demo")],
    )
    .await;
    for headers in [
        format!("x-long: {}\r\n", "a".repeat(20_000)),
        "x-many: 1\r\n".repeat(20),
    ] {
        let answer = http::send(house.address, "GET", "/v1/models", &headers, b"")
            .await
            .unwrap();
        assert_eq!(answer.status, 431);
    }
    let path = format!("/{}", "a".repeat(20_000));
    let answer = http::get(house.address, &path).await.unwrap();
    assert!(matches!(answer.status, 414 | 431), "{}", answer.status);
    assert_eq!(http::get(house.address, "/v1/models").await.unwrap().status, 200);
}

#[tokio::test]
async fn requests_beyond_the_limit_are_told_when_to_come_back_and_places_are_given_back() {
    let engine = Scripted::new("demo", |_| vec![Step::Hang]);
    let house = house::open(
        limited(Limits {
            requests: 1,
            ..Limits::default()
        }),
        &[&engine],
    )
    .await;
    let body = json!({"model": "demo", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let mut first = Connection::open(house.address).await.unwrap();
    let headers = "content-type: application/json\r\n";
    first
        .request("POST", "/v1/chat/completions", headers, body.as_bytes())
        .await
        .unwrap();
    assert!(
        house
            .until(Duration::from_secs(5), || engine.asked().len() == 1)
            .await
    );
    let second = http::get(house.address, "/v1/models").await.unwrap();
    assert_eq!((second.status, second.header("retry-after")), (429, Some("1")));
    assert_eq!(second.json()["error"]["type"], "rate_limit_error");
    assert_eq!(http::get(house.address, "/healthz").await.unwrap().status, 200);
    drop(first);
    assert!(engine.dropped_within(1, Duration::from_secs(5)).await);
    let in_flight = &house.telemetry.metrics().requests_in_flight;
    assert!(house.until(Duration::from_secs(5), || in_flight.get() == 0).await);
    assert_eq!(http::get(house.address, "/v1/models").await.unwrap().status, 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_one_is_closed() {
    let house = house::open(
        limited(Limits {
            connections: 1,
            ..Limits::default()
        }),
        &[&demo::engine("demo")],
    )
    .await;
    let mut first = Connection::open(house.address).await.unwrap();
    first.request("GET", "/healthz", "", b"").await.unwrap();
    assert_eq!(first.answer().await.unwrap().status, 200);
    let mut second = Connection::open(house.address).await.unwrap();
    second.request("GET", "/healthz", "", b"").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), second.answer()).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    assert_eq!(second.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_ended_at_once_and_in_a_stream() {
    let engine = Scripted::new("demo", |_| vec![Step::Hang]);
    let config = Config {
        timeouts: Timeouts {
            request: Duration::from_millis(400),
            keep_alive: Duration::from_millis(10),
            ..Timeouts::default()
        },
        ..Config::default()
    };
    let house = house::open(config, &[&engine]).await;
    let mut body = json!({"model": "demo", "messages": [{"role": "user", "content": "hi"}]});
    let whole = http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    assert_eq!(whole.status, 504);
    body["stream"] = json!(true);
    let streamed = http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    assert_eq!(streamed.status, 200);
    let last = streamed.events().pop().unwrap();
    assert!(
        last.event == "error" && last.data.contains("took longer than 400ms"),
        "{last:?}"
    );
    assert!(streamed.complete);
}

#[tokio::test]
async fn an_engine_that_never_stops_talking_is_stopped() {
    let engine = Scripted::new("demo", |_| {
        vec![Step::Repeat(Event::Text {
            choice: 0,
            text: "x".to_owned(),
            logprobs: Vec::new(),
        })]
    });
    let config = Config {
        timeouts: Timeouts {
            request: Duration::from_millis(50),
            ..Timeouts::default()
        },
        ..Config::default()
    };
    let house = house::open(config, &[&engine]).await;
    let body = json!({"model": "demo", "messages": [{"role": "user", "content": "hi"}]});
    let answer = http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    assert_eq!(answer.status, 504);
    assert_eq!(engine.dropped(), 1);
}
