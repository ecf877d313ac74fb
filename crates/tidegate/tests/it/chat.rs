//! `tidegate run` and `tidegate chat`, in this process and against a server, through pipes.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::{Home, Ran, Serving, finish};
use crate::server::{Reply, Server};

const SHORT: [&str; 4] = ["--max-tokens", "6", "--temperature", "0"];

fn run(home: &Home, arguments: &[&str], input: &str) -> Ran {
    home.run_with_input(&[&["run"], &SHORT[..], arguments].concat(), input)
}

#[test]
fn run_answers_once_and_reads_a_pipe() {
    let home = Home::new();
    let model = home.model();
    let alone = run(&home, &["--model", &model, "say", "it"], "");
    assert_eq!((alone.code, alone.err.as_str()), (Some(0), ""), "{alone:?}");
    assert_eq!(alone.out.trim_end().len(), 6, "{alone:?}");
    let same = run(&home, &["--model", &model], "say it\n");
    assert_eq!(same.out, alone.out);
    let json = run(&home, &["--model", &model, "--json", "say it"], "and this");
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        (&json["finish_reason"], &json["completion_tokens"]),
        (&"length".into(), &6.into())
    );
}

#[test]
fn run_without_a_prompt_says_how() {
    let ran = run(&Home::new(), &[], "");
    assert_eq!(ran.code, Some(64));
    assert!(
        ran.err.starts_with("error: there is no prompt\nhint: "),
        "{ran:?}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    let mut command = home.command(&["run", "--model", &home.model(), "--temperature", "0", "hi"]);
    command.stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).as_ref()
        ),
        (Some(0), "")
    );
}

#[test]
fn chat_talks_through_a_pipe_and_knows_its_commands() {
    let home = Home::new();
    let model = home.model();
    let arguments = [&["chat", "--model", &model], &SHORT[..]].concat();
    let ran = home.run_with_input(
        &arguments,
        "/system be brief\nhi\n/clear\nhi\n/nonsense\n/exit\nnever asked\n",
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines.len(), 2, "{ran:?}");
    assert_eq!(
        lines[0], lines[1],
        "the same question after /clear has the same answer"
    );
    assert!(ran.err.contains("/nonsense is not a command"), "{ran:?}");
}

#[test]
fn run_and_chat_ask_a_running_server() {
    let home = Home::new();
    let model = home.model();
    let here = run(&home, &["--model", &model, "hello"], "");
    let serving = Serving::start(&home, &["--model", &format!("m={model}")]);
    let there = run(&home, &["--url", &serving.url, "hello"], "");
    assert_eq!(
        (there.code, there.out.as_str()),
        (Some(0), here.out.as_str()),
        "{there:?}"
    );
    let chat = home.run_with_input(&[&["chat", "--url", &serving.url], &SHORT[..]].concat(), "hello");
    assert_eq!(chat.out, here.out, "{chat:?}");
    let wrong = run(&home, &["--url", &serving.url, "--model", "none", "hello"], "");
    assert_eq!(wrong.code, Some(66), "{wrong:?}");
    assert!(wrong.err.contains("the model `none` does not exist"), "{wrong:?}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let home = Home::new();
    let ran = finish(home.command(&["run", "--url", "http://127.0.0.1:9", "hi"]));
    assert_eq!(ran.code, Some(69));
    assert!(
        ran.err
            .contains("the server at `http://127.0.0.1:9` does not answer"),
        "{ran:?}"
    );
    let ran = run(&home, &["--url", "127.0.0.1:9", "hi"], "");
    assert_eq!(ran.code, Some(64), "{ran:?}");
}

/// The server says one word and then nothing: only Ctrl-C ends that answer.
#[test]
fn ctrl_c_stops_the_answer_and_not_the_program() {
    let event = b"data: {\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\n";
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/v1/models" => Reply::json(&serde_json::json!({"data": [{"id": "x"}]})),
        _ => Reply::new(200)
            .body(&[event.to_vec(), vec![b' '; 9]].concat())
            .silent_after(event.len()),
    });
    let home = Home::new();
    let mut command = home.command(&["chat", "--url", &server.url("")]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdin.write_all(b"hi\n").unwrap();
    let mut word = [0; 4];
    stdout.read_exact(&mut word).unwrap();
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let mut line = [0; 1];
    stdout.read_exact(&mut line).unwrap();
    stdin.write_all(b"/help\n/exit\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("(stopped)\n/system TEXT"), "{err}");
}
