//! The model against the oracle, on tiny models with random weights.

#![expect(clippy::cast_possible_truncation, reason = "the numbers of tests are small")]

use std::path::Path;
use std::sync::Arc;

use tidegate_base::DType;
use tidegate_llm::reference::Reference;
use tidegate_llm::{Forward, LoadOptions, Model, ModelFiles, Step, StepSpan};
use tidegate_tensor::{Cpu, KvDType, Pool};

use crate::drive::{argmax, distance, generate};
use crate::tiny::{Random, Tiny, tiny};

const FAMILIES: [&str; 4] = ["llama", "mistral", "qwen2", "qwen3"];
const TOKENS: usize = 24;

pub(crate) fn options() -> LoadOptions {
    LoadOptions {
        kv_dtype: KvDType::F32,
        page_size: 8,
        pages: 64,
        max_rows: 40,
        max_outputs: 8,
        ..LoadOptions::default()
    }
}

pub(crate) fn load(path: &Path, options: &LoadOptions, cpu: Cpu) -> Model {
    let files = ModelFiles::open(path).unwrap();
    Model::load(files, options, Arc::new(Pool::new(2, cpu)), &mut |_| ()).unwrap()
}

fn prompts(vocabulary: usize) -> Vec<Vec<u32>> {
    let mut random = Random(1);
    [1, 19, 5, 30]
        .map(|length| (0..length).map(|_| random.below(vocabulary) as u32).collect())
        .to_vec()
}

/// Reads the prompt and then the tokens that the model chose; answers with the largest difference
/// in the logits, and checks that each chosen token is the best or as good as the best.
fn against_the_oracle(path: &Path, model: &mut Model, prompts: &[Vec<u32>], chunk: usize) -> f32 {
    let files = ModelFiles::open(path).unwrap();
    let mut oracle = Reference::new(&files.checkpoint().unwrap());
    let mut worst = 0.0f32;
    for (prompt, outcome) in prompts.iter().zip(generate(model, prompts, TOKENS, chunk)) {
        oracle.reset();
        let mut logits = Vec::new();
        for token in prompt {
            logits = oracle.forward(*token).1;
        }
        worst = worst.max(distance(&logits, &outcome.logits));
        for token in outcome.tokens {
            let best = logits[argmax(&logits) as usize];
            assert!(
                best - logits[token as usize] < 1e-4,
                "the model chose another token than the oracle"
            );
            logits = oracle.forward(token).1;
        }
    }
    worst
}

fn check(path: &Path) {
    let mut model = load(path, &options(), Cpu::detect());
    let prompts = prompts(model.vocabulary());
    for chunk in [1, 7, 40] {
        for prompt in &prompts {
            let worst = against_the_oracle(path, &mut model, std::slice::from_ref(prompt), chunk);
            assert!(worst < 1e-4, "alone, chunks of {chunk}: {worst}");
        }
    }
    let worst = against_the_oracle(path, &mut model, &prompts, 7);
    assert!(worst < 1e-4, "together: {worst}");
}

#[test]
fn gguf_models_agree_with_the_oracle() {
    let folder = tempfile::tempdir().unwrap();
    for family in FAMILIES {
        let path = folder.path().join(format!("{family}.gguf"));
        Tiny {
            scaled: false,
            ..tiny(family)
        }
        .write_gguf(&path, |_| DType::F32);
        check(&path);
    }
}

#[test]
fn safetensors_models_agree_with_the_oracle() {
    for family in FAMILIES {
        let folder = tempfile::tempdir().unwrap();
        tiny(family).write_safetensors(folder.path(), |_| ());
        check(folder.path());
    }
}

/// Quantised matrices meet rounded activations, so logits agree less closely; types may differ
/// inside a layer, as they do in files of mixed types.
#[test]
fn quantised_models_stay_near_the_oracle() {
    let folder = tempfile::tempdir().unwrap();
    for family in FAMILIES {
        for types in ["F16", "Q8_0", "Q4_0", "mixed", "Q4_K_M"] {
            let path = folder.path().join(format!("{family}-{types}.gguf"));
            shape(types, family).write_gguf(&path, |name| dtype(types, name));
            let mut oracle = Reference::new(&ModelFiles::open(&path).unwrap().checkpoint().unwrap());
            let mut model = load(&path, &options(), Cpu::detect());
            let prompt: Vec<u32> = (0..20).collect();
            let logits = prompt
                .iter()
                .map(|token| oracle.forward(*token).1)
                .last()
                .unwrap();
            let outcome = &generate(&mut model, &[prompt], 1, 7)[0];
            let off: Vec<f32> = logits.iter().zip(&outcome.logits).map(|(a, b)| a - b).collect();
            let share = norm(&off) / norm(&logits);
            assert!(
                share < 0.08,
                "{family} {types}: off by {share} of a typical logit"
            );
        }
    }
}

/// Super-blocks have 256 elements, so rows must be longer there.
fn shape(types: &str, family: &'static str) -> Tiny {
    let (hidden, ffn) = if types == "Q4_K_M" { (256, 512) } else { (64, 96) };
    Tiny {
        hidden,
        ffn,
        heads: hidden / 16,
        head_dim: 16,
        scaled: false,
        ..tiny(family)
    }
}

fn dtype(types: &str, name: &str) -> DType {
    match (types, name) {
        ("Q4_K_M", name) if name.contains("attn_v") || name.contains("ffn_down") => DType::Q6_K,
        ("Q4_K_M", "output.weight") => DType::Q6_K,
        ("Q4_K_M", _) => DType::Q4_K,
        ("F16", _) => DType::F16,
        ("Q8_0", _) | (_, "token_embd.weight") => DType::Q8_0,
        ("mixed", name) if name.contains("attn_output") => DType::F16,
        ("mixed", name) if name.contains("attn_v") || name.contains("ffn_down") => DType::Q8_0,
        _ => DType::Q4_0,
    }
}

/// The size of a typical number.
fn norm(numbers: &[f32]) -> f32 {
    (numbers.iter().map(|number| number * number).sum::<f32>() / numbers.len() as f32).sqrt()
}

#[test]
fn hidden_states_are_those_of_the_oracle_for_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    tiny("qwen3").write_gguf(&path, |_| DType::F32);
    let mut oracle = Reference::new(&ModelFiles::open(&path).unwrap().checkpoint().unwrap());
    let mut model = load(&path, &options(), Cpu::detect());
    let tokens: Vec<u32> = (0..30).map(|token| token * 3).collect();
    let spans = [
        StepSpan {
            first_row: 0,
            rows: 11,
            first_position: 0,
            pages: 0..2,
        },
        StepSpan {
            first_row: 11,
            rows: 19,
            first_position: 0,
            pages: 2..5,
        },
    ];
    let step = Step {
        tokens: &tokens,
        spans: &spans,
        page_table: &[7, 3, 1, 2, 0],
        outputs: &[],
    };
    let states = model.hidden_states(&step).unwrap().to_vec();
    for (row, state) in states.chunks_exact(64).enumerate() {
        if row == 0 || row == 11 {
            oracle.reset();
        }
        assert!(
            distance(&oracle.forward(tokens[row]).0, state) < 1e-4,
            "row {row}"
        );
    }
}

/// The order of a step's spans, the place of pages and what runs beside change nothing.
#[test]
fn logits_do_not_depend_on_what_runs_beside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    tiny("mistral").write_gguf(&path, |_| DType::Q8_0);
    let options = LoadOptions {
        kv_dtype: KvDType::F16,
        ..options()
    };
    let mut model = load(&path, &options, Cpu::detect());
    let prompts = prompts(model.vocabulary());
    let together = generate(&mut model, &prompts, TOKENS, 7);
    for (prompt, together) in prompts.into_iter().zip(together) {
        let alone = &generate(&mut model, &[prompt], TOKENS, 40)[0];
        assert!(distance(&alone.logits, &together.logits) < 2e-2);
    }
}
