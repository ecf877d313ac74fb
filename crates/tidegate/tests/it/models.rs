//! `tidegate pull`, `models` and `inspect`.

use serde_json::{Value, json};
use tidegate_registry::Digest;

use crate::program::{Home, finish};
use crate::server::{Reply, Server};

#[test]
fn a_pulled_model_is_listed_inspected_used_and_removed() {
    let home = Home::new();
    let model = fs_err::read(home.model()).unwrap();
    let digest = Digest::of(&model);
    let server = Server::start(move |request, number| {
        if request.path.starts_with("/api/models/o/r/revision/main") {
            return Reply::json(&json!({"sha": "c0ffee", "siblings": [
                {"rfilename": "tiny-q8_0.gguf", "lfs": {"sha256": digest.to_string(), "size": model.len()}},
            ]}));
        }
        let reply = Reply::file(request, &model, "\"v1\"");
        if number == 2 {
            reply.cut(model.len() / 2)
        } else {
            reply
        }
    });
    let mut command = home.command(&["pull", "hf:o/r", "--name", "tiny"]);
    command
        .env("HF_ENDPOINT", server.url(""))
        .env("HF_TOKEN", "hf_secret");
    let pulled = finish(command);
    assert_eq!(pulled.code, Some(0), "{pulled:?}");
    assert!(pulled.out.starts_with("pulled: tiny ("), "{pulled:?}");
    assert!(
        pulled.err.contains("trying again") && !pulled.err.contains("hf_secret"),
        "{pulled:?}"
    );
    assert_eq!(server.requests().len(), 3);

    let listed = home.run(&["models", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    let tiny = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|model| model["name"] == "tiny")
        .unwrap();
    assert_eq!(tiny["source"], "hf:o/r:tiny-q8_0.gguf");
    assert!(home.run(&["models"]).out.contains("tiny"));

    let inspected: Value = serde_json::from_str(&home.run(&["inspect", "tiny", "--json"]).out).unwrap();
    assert_eq!(
        (&inspected["architecture"], &inspected["context_length"]),
        (&json!("llama"), &json!(512))
    );
    let ran = home.run(&["run", "--model", "tiny", "--max-tokens", "3", "hi"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");

    assert!(
        home.run(&["models", "rm", "tiny"])
            .out
            .starts_with("removed tiny, ")
    );
    let gone = home.run(&["run", "--model", "tiny", "hi"]);
    assert_eq!(gone.code, Some(66), "{gone:?}");
    assert_eq!(home.run(&["models", "rm", "tiny"]).code, Some(66));
}

#[test]
fn a_failed_pull_says_why_and_what_to_do() {
    let home = Home::new();
    let server = Server::start(|request, _| match request.path.as_str() {
        "/m.gguf" => Reply::new(200).body(b"GGUF"),
        "/secret.gguf" => Reply::new(401),
        _ => Reply::new(404),
    });
    let wrong = Digest::of(b"other").to_string();
    for (source, proof, code) in [
        (server.url("/none.gguf"), None, 66),
        (server.url("/secret.gguf"), None, 77),
        (server.url("/m.gguf"), Some(&wrong), 65),
        ("s3://bucket".to_owned(), None, 64),
        ("./none.gguf".to_owned(), None, 66),
    ] {
        let mut arguments = vec!["pull", &source];
        if let Some(proof) = proof {
            arguments.extend(["--sha256", proof]);
        }
        let ran = home.run(&arguments);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.starts_with("error: "), "{ran:?}");
    }
}

#[test]
fn inspect_describes_a_file_for_people() {
    let home = Home::new();
    let ran = home.run(&["inspect", &home.model()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Vec<_> = ran
        .out
        .lines()
        .filter(|line| !line.starts_with("memory"))
        .collect();
    insta::assert_snapshot!(home.plain(&lines.join("\n")), @r#"
    served as     fixture
    location      HOME/fixture.gguf (376 KiB)
    architecture  llama fixture
    parameters    0.1 million in 21 tensors
    quantisation  F32, 32.00 bits a parameter: 21 tensors F32 (371 KiB)
    context       512 tokens
    shape         2 layers, hidden 64, 4 heads, 2 of them with keys and values of their own
    tokenizer     byte-level BPE, 259 tokens, begins with `<|im_start|>`, ends with `<|im_end|>`
    chat          template of 167 characters, tool calls: none
    "#);
    let tensors = home.run(&["inspect", &home.model(), "--tensors"]);
    assert!(
        tensors.out.contains("blk.1.ffn_down.weight     F32  [64, 96]"),
        "{tensors:?}"
    );
}
