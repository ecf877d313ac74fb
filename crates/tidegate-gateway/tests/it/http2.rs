//! HTTP/2 without TLS.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate_engine::Event;
use tidegate_gateway::{Config, Timeouts};
use tidegate_testkit::{Scripted, Step, demo};
use tokio::net::TcpStream;

use crate::house::{self, House};

const LONG: Duration = Duration::from_secs(10);

async fn connect(house: &House) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(house.address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    drop(tidegate_base::Tasks::new().spawn(connection));
    sender
}

fn chat() -> Request<Full<Bytes>> {
    let body = r#"{"model": "demo", "stream": true, "messages": [{"role": "user", "content": "hi"}]}"#;
    Request::post("http://test/v1/chat/completions")
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap()
}

#[tokio::test]
async fn streams_share_a_connection() {
    let house = house::plain(&demo::engine("demo")).await;
    let mut sender = connect(&house).await;
    let (first, second) = (sender.send_request(chat()), sender.send_request(chat()));
    let (first, second) = tokio::join!(first, second);
    for response in [first.unwrap(), second.unwrap()] {
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.ends_with(b"data: [DONE]\n\n"));
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_is_cancelled_and_the_connection_goes_on() {
    let engine = Scripted::new("demo", |_| {
        vec![
            Step::Emit(Event::Started {
                prompt_tokens: 1,
                cached_tokens: 0,
            }),
            Step::Hang,
        ]
    });
    let house = house::plain(&engine).await;
    let mut sender = connect(&house).await;
    let mut response = sender.send_request(chat()).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    assert!(engine.dropped_within(1, LONG).await);
    let health = Request::get("http://test/healthz").body(Full::default()).unwrap();
    assert_eq!(sender.send_request(health).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_client_that_grants_no_window_is_cancelled() {
    let engine = Scripted::new("demo", |_| {
        vec![Step::Repeat(Event::Text {
            choice: 0,
            text: "x".repeat(4000),
            logprobs: Vec::new(),
        })]
    });
    let timeouts = Timeouts {
        write: Duration::from_millis(100),
        ..Timeouts::default()
    };
    let config = Config {
        timeouts,
        ..Config::default()
    };
    let house = house::open(config, &[&engine]).await;
    let mut sender = connect(&house).await;
    let response = sender.send_request(chat()).await.unwrap();
    // The body is held but not read, so the window of the stream is never opened again.
    assert!(engine.dropped_within(1, LONG).await);
    drop(response);
}
