//! Identity, request ids, web pages, access lines.

use std::io;
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_gateway::{Config, Secret, Server};
use tidegate_telemetry::{LogConfig, LogFormat, logs};
use tidegate_testkit::{demo, http};

use crate::house;

#[tokio::test]
async fn without_the_key_nothing_but_the_probes_answers() {
    let config = Config {
        api_key: Some(Secret::new("k-1")),
        ..Config::default()
    };
    let house = house::open(config, &[&demo::engine("demo")]).await;
    for (path, header, status) in [
        ("/v1/models", "", 401),
        ("/v1/models", "authorization: Bearer k-2\r\n", 401),
        ("/v1/models", "authorization: Bearer k-1\r\n", 200),
        ("/healthz", "", 200),
        ("/readyz", "", 200),
        ("/metrics", "", 200),
    ] {
        let answer = http::send(house.address, "GET", path, header, b"").await.unwrap();
        assert_eq!(answer.status, status, "{path} {header}");
        if status == 401 {
            assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[tokio::test]
async fn request_ids_come_back_and_are_made_where_there_are_none() {
    let house = house::plain(&demo::engine("demo")).await;
    let given = http::send(house.address, "GET", "/healthz", "x-request-id: abc-1\r\n", b"")
        .await
        .unwrap();
    assert_eq!(given.header("x-request-id"), Some("abc-1"));
    let fresh = http::get(house.address, "/nowhere").await.unwrap();
    assert!(
        fresh.header("x-request-id").unwrap().starts_with("req_"),
        "{fresh:?}"
    );
}

#[tokio::test]
async fn web_pages_may_call_only_where_that_was_set() {
    let preflight = "origin: https://chat.example\r\naccess-control-request-method: POST\r\n\
        access-control-request-headers: authorization,content-type\r\n";
    let ask = |origins: &[&str]| {
        let config = Config {
            cors_origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            ..Config::default()
        };
        async move {
            let house = house::open(config, &[&demo::engine("demo")]).await;
            let path = "/v1/chat/completions";
            let answer = http::send(house.address, "OPTIONS", path, preflight, b"")
                .await
                .unwrap();
            answer.header("access-control-allow-origin").map(str::to_owned)
        }
    };
    assert_eq!(ask(&[]).await, None);
    assert_eq!(ask(&["*"]).await.as_deref(), Some("*"));
    assert_eq!(
        ask(&["https://chat.example"]).await.as_deref(),
        Some("https://chat.example")
    );
    assert_eq!(ask(&["https://other.example"]).await, None);
}

#[tokio::test]
async fn wrong_settings_are_all_reported_before_a_port_is_taken() {
    let config = Config {
        listen: "0.0.0.0:0".to_owned(),
        cors_origins: vec!["x".to_owned()],
        ..Config::default()
    };
    let catalog = Arc::new(tidegate_engine::StaticCatalog::default());
    let telemetry = house::telemetry();
    let readiness = tidegate_gateway::Readiness::ready();
    let message = Server::bind(config, catalog, readiness, telemetry)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("`listen`") && message.contains("`cors_origins`"),
        "{message}"
    );
    assert!(message.contains("insecure = true"), "{message}");
}

/// Keeps what was logged.
#[derive(Clone, Default)]
struct Lines(Arc<parking_lot::Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// One thread, so that the whole server logs to the test's own lines.
#[tokio::test(flavor = "current_thread")]
async fn each_request_has_one_access_line_and_no_secret_is_in_it() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = LogConfig {
        format: LogFormat::Json,
        ..LogConfig::default()
    };
    let _logging = tracing::dispatcher::set_default(&logs::dispatch(&log, move || writer.clone()).unwrap());
    let config = Config {
        api_key: Some(Secret::new("hush-hush")),
        ..Config::default()
    };
    let house = house::open(config, &[&demo::engine("demo")]).await;
    let headers =
        "content-type: application/json\r\nauthorization: Bearer hush-hush\r\nx-request-id: r-1\r\n";
    let body =
        json!({"model": "demo", "max_tokens": 4, "messages": [{"role": "user", "content": "my secret"}]});
    let body = body.to_string();
    let path = "/v1/chat/completions";
    http::send(house.address, "POST", path, headers, body.as_bytes())
        .await
        .unwrap();
    http::send(
        house.address,
        "GET",
        "/v1/%0a%1b31m\u{9b}?key=hush-hush",
        headers,
        b"",
    )
    .await
    .unwrap();
    let in_flight = &house.telemetry.metrics().requests_in_flight;
    assert!(
        house
            .until(std::time::Duration::from_secs(5), || in_flight.get() == 0)
            .await
    );
    let text = String::from_utf8(lines.0.lock().clone()).unwrap();
    assert!(
        !text.contains("hush-hush") && !text.contains("my secret") && !text.contains('\u{1b}'),
        "{text}"
    );
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{text}");
    let line = &lines[0];
    for (key, value) in [
        ("message", json!("Request ended.")),
        ("request_id", json!("r-1")),
        ("method", json!("POST")),
        ("model", json!("demo")),
        ("status", json!(200)),
        ("outcome", json!("complete")),
        ("prompt_tokens", json!(5)),
        ("cached_tokens", json!(2)),
        ("completion_tokens", json!(4)),
    ] {
        assert_eq!(line[key], value, "{key}: {text}");
    }
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0 && line["first_token_ms"].as_f64().is_some());
    assert_eq!(lines[1]["status"], 404);
}
