//! Bad requests: the status, the parameter that is named, and the words.

use std::fmt::Write as _;

use serde_json::json;
use tidegate_testkit::{demo, http};

use crate::house;

#[tokio::test]
async fn bad_requests_are_named() {
    let house = house::plain(&demo::engine("demo")).await;
    let hi = r#""messages": [{"role": "user", "content": "hi"}]"#;
    let deep = format!(
        r#"{{"model": "demo", {hi}, "metadata": {}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let chat = |extra: &str| {
        (
            "/v1/chat/completions",
            format!(r#"{{"model": "demo", {hi}, {extra}}}"#),
        )
    };
    let raw = |body: &str| ("/v1/chat/completions", body.to_owned());
    let mut seen = String::new();
    for (path, body) in [
        raw(""),
        raw("{"),
        raw("[]"),
        raw("\"hi\""),
        raw(r#"{"model": "demo"}"#),
        raw(r#"{"model": "demo", "messages": []} trailing"#),
        raw(&format!(r#"{{"model": "dema", {hi}}}"#)),
        raw(&deep),
        raw(r#"{"model": "demo", "messages": [{"role": "user", "content": "\ud800"}]}"#),
        raw(r#"{"model": "demo", "model": "demo"}"#),
        chat(r#""temperature": "hot""#),
        chat(r#""temperature": -1"#),
        chat(r#""temperature": 1e999"#),
        chat(r#""max_tokens": 99999999999999999999"#),
        chat(r#""n": 1.5"#),
        chat(r#""stop": 5"#),
        chat(r#""stream": "yes""#),
        chat(r#""response_format": {"type": "xml"}"#),
        chat(r#""response_format": {"type": "json_schema", "json_schema": {"name": "x"}}"#),
        chat(r#""user": 5"#),
        ("/v1/completions", r#"{"model": "demo", "prompt": []}"#.to_owned()),
        (
            "/v1/completions",
            r#"{"model": "demo", "prompt": [1, "a"]}"#.to_owned(),
        ),
        (
            "/v1/completions",
            r#"{"model": "demo", "prompt": [32000]}"#.to_owned(),
        ),
        (
            "/v1/completions",
            r#"{"model": "demo", "prompt": "a", "suffix": "b"}"#.to_owned(),
        ),
        (
            "/v1/embeddings",
            r#"{"model": "demo", "input": ["a", ""]}"#.to_owned(),
        ),
        (
            "/v1/embeddings",
            r#"{"model": "demo", "input": "a", "encoding_format": "hex"}"#.to_owned(),
        ),
        (
            "/v1/embeddings",
            r#"{"model": "demo", "input": "a", "dimensions": 9}"#.to_owned(),
        ),
    ] {
        let answer = http::post_text(house.address, path, &body).await.unwrap();
        let error = &answer.json()["error"];
        let param = error["param"].as_str().unwrap_or("-");
        let message = error["message"].as_str().unwrap().replace('\n', " | ");
        writeln!(seen, "{} {param}: {message}", answer.status).unwrap();
    }
    insta::assert_snapshot!(seen);
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_named_in_json() {
    let house = house::plain(&demo::engine("demo")).await;
    let missing = http::get(house.address, "/v2/models").await.unwrap();
    assert_eq!(
        (missing.status, &missing.json()["error"]["code"]),
        (404, &json!("unknown_url"))
    );
    let wrong = http::get(house.address, "/v1/chat/completions").await.unwrap();
    assert_eq!(
        (wrong.status, &wrong.json()["error"]["code"]),
        (405, &json!("method_not_allowed"))
    );
    assert_eq!(wrong.header("allow"), Some("POST"));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let house = house::plain(&demo::engine("demo")).await;
    let headers = "content-type: application/json\r\n";
    let path = "/v1/chat/completions";
    let answer = http::send(house.address, "POST", path, headers, b"{\"model\": \"\xff\"}")
        .await
        .unwrap();
    assert_eq!(answer.status, 400);
    assert!(
        answer.text().contains("not valid UTF-8: byte 11"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn bodies_must_say_that_they_are_json_and_come_uncompressed() {
    let house = house::plain(&demo::engine("demo")).await;
    for (headers, words) in [
        ("", "Content-Type: application/json"),
        ("content-type: text/plain\r\n", "Content-Type: application/json"),
        (
            "content-type: application/json; charset=utf-8\r\ncontent-encoding: gzip\r\n",
            "compressed bodies are not supported",
        ),
    ] {
        let answer = http::send(house.address, "POST", "/v1/embeddings", headers, b"{}")
            .await
            .unwrap();
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(words), "{headers}: {}", answer.text());
    }
}

#[tokio::test]
async fn fields_that_nobody_knows_are_ignored() {
    let house = house::plain(&demo::engine("demo")).await;
    let body = json!({
        "model": "demo", "messages": [{"role": "user", "content": "hi", "mood": 1}], "invented": {"a": [1]},
        "user": "u", "metadata": {"k": "v"}, "store": true, "service_tier": "auto", "reasoning_effort": "low",
        "prompt_cache_key": "p", "safety_identifier": "s", "verbosity": "low", "prediction": {"type": "content"},
    });
    let answer = http::post(house.address, "/v1/chat/completions", &body)
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}
