//! Clients that send or read too slowly.

use std::time::Duration;

use tidegate_engine::Event;
use tidegate_gateway::{Config, Timeouts};
use tidegate_testkit::http::{self, Connection};
use tidegate_testkit::{Scripted, Step, demo};

use crate::house::{self, House};

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(10);

async fn hasty(engine: &Scripted) -> House {
    let timeouts = Timeouts {
        header: SHORT,
        idle: SHORT * 20,
        body: SHORT,
        write: SHORT,
        ..Timeouts::default()
    };
    let config = Config {
        timeouts,
        ..Config::default()
    };
    house::open(config, &[engine]).await
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let house = hasty(&demo::engine("demo")).await;
    let mut connection = Connection::open(house.address).await.unwrap();
    assert!(connection.closed_within(LONG).await);
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
    let house = hasty(&demo::engine("demo")).await;
    // The second would be taken for the beginning of HTTP/2 for ever.
    for text in [
        "GET /healthz HTTP/1.1\r\nx-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "PRI * HTTP/2.0\r\n",
    ] {
        let mut connection = Connection::open(house.address).await.unwrap();
        for byte in text.as_bytes() {
            if connection.send(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(SHORT / 20).await;
        }
        assert!(connection.closed_within(LONG).await, "{text}");
    }
}

#[tokio::test]
async fn an_idle_connection_outlives_the_head_timeout_but_not_the_idle_timeout() {
    let house = hasty(&demo::engine("demo")).await;
    let mut connection = Connection::open(house.address).await.unwrap();
    for _ in 0..2 {
        connection.request("GET", "/healthz", "", b"").await.unwrap();
        assert_eq!(connection.answer().await.unwrap().status, 200);
        tokio::time::sleep(SHORT * 2).await;
    }
    // A second head that stops in the middle has the head's time, not the idle time.
    connection.send(b"GET /hea").await.unwrap();
    assert!(connection.closed_within(SHORT * 10).await);
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_gets_408_and_the_connection_is_closed() {
    let engine = demo::engine("demo");
    let house = hasty(&engine).await;
    let mut connection = Connection::open(house.address).await.unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        content-length: 1000\r\n\r\n";
    connection.send(head.as_bytes()).await.unwrap();
    for _ in 0..40 {
        if connection.send(b" ").await.is_err() {
            break;
        }
        tokio::time::sleep(SHORT / 20).await;
    }
    let answer = connection.answer().await.unwrap();
    assert_eq!(answer.status, 408);
    assert!(answer.text().contains("came too slowly"), "{}", answer.text());
    assert!(connection.closed_within(LONG).await);
    assert_eq!(engine.asked().len(), 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_its_generation_cancelled() {
    let engine = Scripted::new("demo", |_| {
        vec![Step::Repeat(Event::Text {
            choice: 0,
            text: "x".repeat(4000),
            logprobs: Vec::new(),
        })]
    });
    let house = hasty(&engine).await;
    let mut connection = Connection::open_narrow(house.address, 4096).await.unwrap();
    let body = br#"{"model": "demo", "stream": true, "messages": [{"role": "user", "content": "hi"}]}"#;
    let headers = "content-type: application/json\r\n";
    connection
        .request("POST", "/v1/chat/completions", headers, body)
        .await
        .unwrap();
    assert!(engine.dropped_within(1, LONG).await);
    let connections = &house.telemetry.metrics().connections;
    assert!(house.until(LONG, || connections.get() == 0).await);
    assert_eq!(http::get(house.address, "/healthz").await.unwrap().status, 200);
}
