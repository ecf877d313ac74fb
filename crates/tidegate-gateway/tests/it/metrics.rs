//! The metrics page.

use std::time::Duration;

use serde_json::json;
use tidegate_engine::Load;
use tidegate_testkit::{demo, http};

use crate::house;

#[tokio::test]
async fn the_page_tells_requests_tokens_and_load() {
    let engine = demo::engine("demo");
    engine.set_load(Load {
        running: 3,
        waiting: 2,
        pages_used: 10,
        pages_cached: 5,
        pages_total: 64,
    });
    let house = house::plain(&engine).await;
    let mut body = json!({"model": "demo", "messages": [{"role": "user", "content": "hi"}]});
    http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    body["stream"] = json!(true);
    http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    body["model"] = json!("made-up-name");
    http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    http::get(house.address, "/made/up/path").await.unwrap();
    let in_flight = &house.telemetry.metrics().requests_in_flight;
    assert!(house.until(Duration::from_secs(5), || in_flight.get() == 0).await);
    let connections = &house.telemetry.metrics().connections;
    assert!(
        house
            .until(Duration::from_secs(5), || connections.get() == 0)
            .await
    );
    let answer = http::get(house.address, "/metrics").await.unwrap();
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let page = answer.text();
    assert!(!page.contains("made"), "{page}");
    assert!(page.ends_with("# EOF\n"));
    // Times, sizes and the order of labelled series differ from run to run.
    let mut lines: Vec<&str> = page
        .lines()
        .filter(|line| !line.contains("_bucket{") && !line.contains("_seconds_sum"))
        .filter(|line| line.starts_with('#') || !line.contains("bytes") && !line.starts_with("process"))
        .collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn every_metric_is_in_the_documents() {
    let house = house::plain(&demo::engine("demo")).await;
    let page = http::get(house.address, "/metrics").await.unwrap().text();
    let documents = include_str!("../../../../docs/operate.md");
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        assert!(
            documents.contains(&format!("`{name}{suffix}`")),
            "`{name}{suffix}` is not in docs/operate.md"
        );
    }
}
