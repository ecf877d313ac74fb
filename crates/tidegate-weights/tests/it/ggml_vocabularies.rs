//! The vocabularies of real models that llama.cpp keeps for its own tests, with the tokens that
//! the models' original tokenizers give (`models/ggml-vocab-*.gguf` with `.inp` and `.out`).
//!
//! They are too large to be stored here. `TIDEGATE_GGML_VOCABULARIES` names the folder; without it
//! the test says that it was skipped.

use std::path::Path;

use tidegate_weights::{EncodeOptions, Gguf, Tokenizer};

use crate::fixtures;

const NAMES: [&str; 10] = [
    "llama-bpe",
    "qwen2",
    "qwen35",
    "gpt-2",
    "starcoder",
    "refact",
    "command-r",
    "deepseek-llm",
    "deepseek-coder",
    "falcon",
];
const PIECES: [&str; 2] = ["llama-spm", "phi-3"];

#[test]
fn real_vocabularies_give_the_tokens_of_their_models() {
    let Ok(folder) = std::env::var("TIDEGATE_GGML_VOCABULARIES") else {
        println!("skipped: TIDEGATE_GGML_VOCABULARIES does not name llama.cpp's `models` folder");
        return;
    };
    let mut wrong = Vec::new();
    for name in NAMES.into_iter().chain(PIECES) {
        check(Path::new(&folder), name, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(folder: &Path, name: &str, wrong: &mut Vec<String>) {
    let read = |ending: &str| fixtures::read(&folder.join(format!("ggml-vocab-{name}.gguf{ending}")));
    let file = read("");
    let tokenizer = Tokenizer::from_gguf(&Gguf::parse(&file).unwrap()).unwrap();
    let texts = String::from_utf8(read(".inp")).unwrap();
    let expected = String::from_utf8(read(".out")).unwrap();
    let texts = texts
        .split("\n__ggml_vocab_test__\n")
        .map(|text| text.trim_end_matches('\0'));
    for (text, expected) in texts.zip(expected.lines()) {
        let expected: Vec<u32> = expected
            .split_whitespace()
            .map(|id| id.parse().unwrap())
            .collect();
        let found = tokenizer.encode(text, EncodeOptions::default());
        if found != expected {
            wrong.push(format!(
                "{name}: {text:?}: expected {expected:?}, found {found:?}"
            ));
        }
        if tokenizer.decode(&found) != text {
            wrong.push(format!(
                "{name}: {text:?} came back as {:?}",
                tokenizer.decode(&found)
            ));
        }
    }
}
