//! Each family against what `transformers` computes with the same weights, in both file formats:
//! the logits after four prompts, and the next 64 tokens by greedy choice.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tidegate_llm::reference::Reference;
use tidegate_llm::{LoadOptions, Model, ModelFiles};
use tidegate_tensor::{Cpu, KvDType};

use crate::drive::{Outcome, argmax, distance, generate};
use crate::oracle::{load, options};

const FAMILIES: [&str; 5] = ["llama2", "llama3", "mistral", "qwen2", "qwen3"];

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    prompt: Vec<u32>,
    logits: Vec<f32>,
    greedy: Vec<u32>,
}

fn folder(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(family)
}

fn cases(family: &str) -> Vec<Case> {
    let text = fs_err::read_to_string(folder(family).join("expected.json")).unwrap();
    serde_json::from_str::<Expected>(&text).unwrap().cases
}

/// The safetensors folder and the GGUF file.
fn both_formats(family: &str) -> [PathBuf; 2] {
    [
        folder(family).join("config.json"),
        folder(family).join("model.gguf"),
    ]
}

fn check(what: &str, case: &Case, outcome: &Outcome) {
    let worst = distance(&case.logits, &outcome.logits);
    assert!(worst < 1e-3, "{what}: a logit is off by {worst}");
    assert_eq!(case.greedy, outcome.tokens, "{what}");
}

/// Every prompt alone, read at once or in pieces, then all four together: pieces of some prompts
/// mixed with single tokens of others.
fn check_model(what: &str, model: &mut Model, cases: &[Case]) {
    for case in cases {
        for chunk in [7, 50] {
            let outcome = &generate(
                model,
                std::slice::from_ref(&case.prompt),
                case.greedy.len(),
                chunk,
            )[0];
            check(&format!("{what}, alone, pieces of {chunk}"), case, outcome);
        }
    }
    let prompts: Vec<_> = cases.iter().map(|case| case.prompt.clone()).collect();
    for chunk in [7, 13] {
        let outcomes = generate(model, &prompts, cases[0].greedy.len(), chunk);
        for (case, outcome) in cases.iter().zip(&outcomes) {
            check(&format!("{what}, together, pieces of {chunk}"), case, outcome);
        }
    }
}

fn wide() -> LoadOptions {
    LoadOptions {
        max_rows: 64,
        ..options()
    }
}

#[test]
fn every_family_answers_like_transformers() {
    for family in FAMILIES {
        for path in both_formats(family) {
            let mut model = load(&path, &wide(), Cpu::detect());
            check_model(&path.display().to_string(), &mut model, &cases(family));
        }
    }
}

#[test]
fn every_instruction_set_answers_like_transformers() {
    for cpu in Cpu::available() {
        for family in FAMILIES {
            let mut model = load(&folder(family).join("model.gguf"), &wide(), cpu);
            check_model(&format!("{family} on {}", cpu.name()), &mut model, &cases(family));
        }
    }
}

#[test]
fn any_page_size_gives_the_same_answer() {
    for page_size in [1, 4, 16, 32, 128] {
        let options = LoadOptions {
            page_size,
            pages: 1024 / page_size,
            ..wide()
        };
        let mut model = load(&folder("mistral").join("model.gguf"), &options, Cpu::detect());
        check_model(&format!("pages of {page_size}"), &mut model, &cases("mistral"));
    }
}

/// Half precision moves logits by a part in two thousand of a key, so near ties may fall otherwise.
#[test]
fn half_precision_keys_and_values_stay_near() {
    for family in FAMILIES {
        let options = LoadOptions {
            kv_dtype: KvDType::F16,
            ..wide()
        };
        let mut model = load(&folder(family).join("model.gguf"), &options, Cpu::detect());
        for case in cases(family) {
            let outcome = &generate(&mut model, std::slice::from_ref(&case.prompt), 1, 7)[0];
            let worst = distance(&case.logits, &outcome.logits);
            assert!(worst < 0.05, "{family}: a logit is off by {worst}");
        }
    }
}

#[test]
fn the_oracle_answers_like_transformers() {
    for family in FAMILIES {
        for path in both_formats(family) {
            let files = ModelFiles::open(&path).unwrap();
            let mut oracle = Reference::new(&files.checkpoint().unwrap());
            for case in cases(family) {
                oracle.reset();
                let read = |token: &u32| oracle.forward(*token).1;
                let mut logits = case.prompt.iter().map(read).last().unwrap();
                assert!(distance(&case.logits, &logits) < 1e-3, "{}", path.display());
                for token in case.greedy {
                    assert_eq!(token, argmax(&logits), "{}", path.display());
                    logits = oracle.forward(token).1;
                }
            }
        }
    }
}
