//! `tidegate serve`: what it prints, what it answers, how it ends.

use std::io::Read;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Home, Serving, skipped};

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .new_agent()
}

fn ask(serving: &Serving, body: &Value) -> (u16, Value) {
    let mut reply = agent()
        .post(format!("{}/v1/chat/completions", serving.url))
        .send_json(body)
        .unwrap();
    (reply.status().as_u16(), reply.body_mut().read_json().unwrap())
}

#[test]
fn a_served_file_answers_and_is_listed_under_its_name() {
    let home = Home::new();
    let serving = Serving::start(
        &home,
        &["--model", &format!("mine={}", home.model()), "--threads", "1"],
    );
    let mut models = agent().get(format!("{}/v1/models", serving.url)).call().unwrap();
    let models: Value = models.body_mut().read_json().unwrap();
    assert_eq!(models["data"][0]["id"], "mine");
    let (status, answer) = ask(
        &serving,
        &json!({"model": "mine", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8, "temperature": 0}),
    );
    assert_eq!(status, 200, "{answer}");
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(
        !text.is_empty() && text.chars().all(|letter| letter.is_ascii_lowercase()),
        "{text}"
    );
    assert_eq!(answer["usage"]["completion_tokens"], 8);
    let (status, answer) = ask(&serving, &json!({"model": "other", "messages": []}));
    assert_eq!(status, 404, "{answer}");
}

#[test]
fn the_curl_line_works_when_it_is_pasted() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skipped("curl");
    }
    let home = Home::new();
    let serving = Serving::start(
        &home,
        &[
            "--model",
            &format!("mine={}", home.model()),
            "--context-length",
            "64",
        ],
    );
    let line = serving
        .banner
        .lines()
        .find(|line| line.trim().starts_with("curl "))
        .unwrap();
    let answer = Command::new("sh").args(["-c", line]).output().unwrap();
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(answer["object"], "chat.completion", "{answer}");
}

#[test]
fn the_first_lines_say_where_what_and_how() {
    let home = Home::new();
    let serving = Serving::start(
        &home,
        &[
            "--model",
            &format!("mine={}", home.model()),
            "--kv-memory",
            "4MiB",
        ],
    );
    let port = serving.url.rsplit(':').next().unwrap().to_owned();
    // How large packed weights are depends on the instruction set.
    let (before, rest) = serving.banner.split_once("weights ").unwrap();
    let (_, after) = rest.split_once("  keys").unwrap();
    let banner = format!("{before}weights SIZE  keys{after}").replace(&port, "PORT");
    insta::assert_snapshot!(banner, @r#"
    Tidegate 0.1.0 listens on http://127.0.0.1:PORT
      mine  weights SIZE  keys and values 4.0 MiB  context 512 tokens
    try it:
      curl http://127.0.0.1:PORT/v1/chat/completions -H 'content-type: application/json' -d '{"model":"mine","messages":[{"role":"user","content":"Hello! Who are you?"}]}'
    "#);
}

#[test]
fn sigterm_lets_an_open_answer_finish() {
    let home = Home::new();
    let serving = Serving::start(
        &home,
        &["--model", &format!("mine={}", home.model()), "--threads", "1"],
    );
    let body = json!({
        "model": "mine", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 400, "temperature": 0,
        "stream": true,
    });
    let reply = agent()
        .post(format!("{}/v1/chat/completions", serving.url))
        .send_json(&body)
        .unwrap();
    let mut stream = reply.into_body().into_reader();
    let mut first = [0; 16];
    stream.read_exact(&mut first).unwrap();
    serving.signal("TERM");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.trim_end().ends_with("data: [DONE]"), "{rest}");
    let (code, err) = serving.wait();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("open requests may finish"), "{err}");
}

#[test]
fn a_second_signal_ends_at_once() {
    let home = Home::new();
    let serving = Serving::start(&home, &["--model", &format!("mine={}", home.model())]);
    // An open request whose body never comes keeps the first signal waiting.
    let address = serving.url.strip_prefix("http://").unwrap();
    let mut open = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(
        &mut open,
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    serving.signal("INT");
    std::thread::sleep(Duration::from_millis(200));
    serving.signal("INT");
    let (code, err) = serving.wait();
    assert_eq!(code, Some(130), "{err}");
}

#[test]
fn what_cannot_be_served_is_said_before_the_port_is_taken() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let model = home.model();
    home.file("broken.gguf", "GGUF and nothing more");
    for (arguments, code, message) in [
        (&["--model", "none.gguf"][..], 66, "there is no model `none.gguf`"),
        (
            &["--model", "broken.gguf"],
            65,
            "the model `broken` cannot be loaded",
        ),
        (
            &["--model", "a=fixture.gguf", "--model", "a=fixture.gguf"],
            64,
            "two models are called `a`",
        ),
        (
            &["--model", "fixture.gguf", "--listen", "0.0.0.0:0"],
            64,
            "can be reached from other machines",
        ),
        (
            &["--model", "fixture.gguf", "--listen", &address],
            69,
            "failed to listen",
        ),
        (
            &["--model", "fixture.gguf", "--threads", "0"],
            64,
            "compute.threads",
        ),
    ] {
        let ran = home.run(&[&["serve"], arguments].concat());
        assert_eq!(ran.code, Some(code), "{model} {ran:?}");
        assert!(
            ran.err.starts_with("error: ") && ran.err.contains(message),
            "{ran:?}"
        );
        assert!(ran.err.contains("\nhint: ") || code == 65, "{ran:?}");
    }
}

#[test]
fn the_file_of_settings_names_the_models() {
    let home = Home::new();
    home.model();
    home.file(
        ".config/tidegate/tidegate.toml",
        "[models]\na = \"fixture.gguf\"\nb = \"fixture.gguf\"\n",
    );
    let serving = Serving::start(&home, &[]);
    let mut models = agent().get(format!("{}/v1/models", serving.url)).call().unwrap();
    let models: Value = models.body_mut().read_json().unwrap();
    assert_eq!(
        (&models["data"][0]["id"], &models["data"][1]["id"]),
        (&json!("a"), &json!("b"))
    );
}
