//! Clients that go away.

use std::time::{Duration, Instant};

use tidegate_engine::Event;
use tidegate_testkit::http::Connection;
use tidegate_testkit::{Ask, Scripted, Step};

use crate::house;

/// How soon a cancel has to arrive even on a busy machine. It is far less than the keep-alive interval,
/// so it was the disconnect that was noticed, not a write that failed. On an idle machine it takes less
/// than a millisecond.
const PROMPT: Duration = Duration::from_secs(2);

#[expect(
    clippy::disallowed_methods,
    reason = "this test measures the real time until the cancel"
)]
async fn gone(engine: Scripted, stream: bool, first: Option<&str>) {
    let house = house::plain(&engine).await;
    let body = format!(
        r#"{{"model": "demo", "stream": {stream}, "messages": [{{"role": "user", "content": "hi"}}]}}"#
    );
    let mut connection = Connection::open(house.address).await.unwrap();
    let headers = "content-type: application/json\r\n";
    connection
        .request("POST", "/v1/chat/completions", headers, body.as_bytes())
        .await
        .unwrap();
    if let Some(first) = first {
        connection.read_until(first).await.unwrap();
    }
    assert!(
        house
            .until(Duration::from_secs(5), || engine.asked().len() == 1)
            .await
    );
    // Let everything come to rest, so that only the disconnect can wake the server.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(engine.dropped(), 0);
    let start = Instant::now();
    drop(connection);
    assert!(engine.dropped_within(1, Duration::from_secs(10)).await);
    let waited = start.elapsed();
    println!("the cancel took {waited:?}");
    assert!(waited < PROMPT, "the cancel took {waited:?}");
    let in_flight = &house.telemetry.metrics().requests_in_flight;
    assert!(house.until(Duration::from_secs(5), || in_flight.get() == 0).await);
}

fn hangs(_: &Ask) -> Vec<Step> {
    vec![Step::Hang]
}

fn talks(text: &str) -> Vec<Step> {
    vec![
        Step::Emit(Event::Text {
            choice: 0,
            text: text.to_owned(),
            logprobs: Vec::new(),
        }),
        Step::Hang,
    ]
}

#[tokio::test]
async fn a_stream_is_cancelled_between_two_tokens() {
    gone(Scripted::new("demo", |_| talks("once")), true, Some("once")).await;
}

#[tokio::test]
async fn a_stream_is_cancelled_in_a_long_silent_prefill() {
    gone(Scripted::new("demo", hangs), true, None).await;
}

#[tokio::test]
async fn a_whole_answer_is_cancelled_while_it_is_made() {
    gone(Scripted::new("demo", |_| talks("once")), false, None).await;
}

#[tokio::test]
async fn a_request_is_cancelled_while_it_waits_for_a_place_in_the_engine() {
    gone(Scripted::with_opening("demo", hangs, |_| Vec::new()), true, None).await;
    gone(Scripted::with_opening("demo", hangs, |_| Vec::new()), false, None).await;
}
