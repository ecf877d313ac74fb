//! What cannot be loaded or run is an error that names the thing, and nothing large is allocated.

#![expect(clippy::cast_possible_truncation, reason = "the numbers of tests are small")]

use std::path::Path;
use std::sync::Arc;

use tidegate_base::{ByteSize, DType};
use tidegate_llm::{
    Forward, LoadError, LoadOptions, Model, ModelFiles, OpenError, Step, StepError, StepSpan,
};
use tidegate_tensor::{Cpu, Pool};

use crate::oracle::options;
use crate::tiny::{Random, Slot, Tiny, tiny};

fn refusal(path: &Path, options: &LoadOptions) -> String {
    let pool = Arc::new(Pool::new(1, Cpu::detect()));
    let model = ModelFiles::open(path)
        .map_err(LoadError::from)
        .and_then(|files| Model::load(files, options, pool, &mut |_| ()));
    chain(&model.unwrap_err())
}

/// The whole story, cause after cause.
fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}

#[test]
fn a_model_that_does_not_fit_says_what_it_needs_for_what() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    tiny("qwen2").write_gguf(&path, |_| DType::F32);
    let small = LoadOptions {
        memory: Some(ByteSize(100_000)),
        ..options()
    };
    let message = refusal(&path, &small);
    for part in [
        "the model needs",
        "weights",
        "keys and values",
        "activations",
        "97.7 KiB",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // All the keys and values that options allow.
    let vast = LoadOptions {
        page_size: 128,
        pages: 1 << 21,
        memory: Some(ByteSize::mib(1024)),
        ..options()
    };
    assert!(refusal(&path, &vast).contains("the model needs"));
}

#[test]
fn options_out_of_bounds_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    tiny("qwen2").write_gguf(&path, |_| DType::F32);
    for (name, options) in [
        (
            "`page_size` is 12",
            LoadOptions {
                page_size: 12,
                ..options()
            },
        ),
        (
            "`pages` is 0",
            LoadOptions {
                pages: 0,
                ..options()
            },
        ),
        (
            "`max_rows` is 0",
            LoadOptions {
                max_rows: 0,
                ..options()
            },
        ),
        (
            "`max_outputs` is 0",
            LoadOptions {
                max_outputs: 0,
                ..options()
            },
        ),
        (
            "`context_length` is 0",
            LoadOptions {
                context_length: Some(0),
                ..options()
            },
        ),
        (
            "`page_size * pages`",
            LoadOptions {
                pages: 1 << 27,
                ..options()
            },
        ),
        (
            "`max_rows`",
            LoadOptions {
                max_rows: usize::MAX,
                ..options()
            },
        ),
    ] {
        let message = refusal(&path, &options);
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn the_estimate_counts_every_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    tiny("qwen2").write_gguf(&path, |_| DType::F32);
    let files = ModelFiles::open(&path).unwrap();
    let options = LoadOptions {
        page_size: 16,
        pages: 32,
        ..options()
    };
    let estimate = Model::plan(&files, &options).unwrap();
    // 3 layers of keys and values, 2 heads of 16 numbers of 4 bytes each.
    assert_eq!(estimate.kv_per_token, ByteSize(3 * 2 * 2 * 16 * 4));
    assert_eq!(estimate.kv, ByteSize(estimate.kv_per_token.0 * 16 * 32));
    // The embedding table stays in the file; rows of matrices are padded to a multiple of 16.
    let padded = files.bytes() + 112 * 64 * 4 - 2 * 101 * 64 * 4;
    assert!(
        estimate.weights.0 <= padded && estimate.weights.0 > padded - 8192,
        "{estimate}"
    );
    assert!(estimate.activations.0 > 40 * 4 * (64 + 64 + 64 + 96) && estimate.activations.0 < 1 << 20);
    assert_eq!(
        estimate.total().0,
        estimate.weights.0 + estimate.kv.0 + estimate.activations.0
    );
}

#[test]
fn loading_reports_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    tiny("qwen3").write_gguf(&path, |_| DType::F16);
    let mut reports = Vec::new();
    let pool = Arc::new(Pool::new(1, Cpu::detect()));
    Model::load(
        ModelFiles::open(&path).unwrap(),
        &options(),
        pool,
        &mut |report| reports.push(report),
    )
    .unwrap();
    assert!(reports.windows(2).all(|pair| pair[0].done < pair[1].done));
    let last = reports.last().unwrap();
    assert_eq!(last.done, last.total);
}

#[test]
fn paths_without_a_model_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| ModelFiles::open(&folder.path().join(name));
    assert!(matches!(open("absent.gguf"), Err(OpenError::Io(_))));
    assert!(matches!(open(""), Err(OpenError::NoModel { .. })));
    fs_err::write(folder.path().join("text.gguf"), "GGML").unwrap();
    assert!(matches!(open("text.gguf"), Err(OpenError::Format { .. })));
    fs_err::write(folder.path().join("empty.gguf"), "").unwrap();
    assert!(matches!(open("empty.gguf"), Err(OpenError::Format { .. })));
    assert!(matches!(open(""), Err(OpenError::Ambiguous { count: 2, .. })));
}

#[test]
fn a_file_cut_short_is_refused_at_any_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    tiny("llama").write_gguf(&path, |_| DType::Q8_0);
    let whole = fs_err::read(&path).unwrap();
    for length in [4, 8, 24, 40, 400, 2000, whole.len() / 2, whole.len() - 1] {
        fs_err::write(&path, &whole[..length]).unwrap();
        assert!(
            refusal(&path, &options()).contains("model.gguf"),
            "{length} bytes"
        );
    }
}

#[test]
fn a_wrong_step_is_an_error_and_the_next_one_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    tiny("llama").write_gguf(&path, |_| DType::F32);
    let mut model = crate::oracle::load(&path, &options(), Cpu::detect());
    let spans = [StepSpan {
        first_row: 0,
        rows: 1,
        first_position: 0,
        pages: 0..1,
    }];
    let mut run = |token| {
        let step = Step {
            tokens: &[token],
            spans: &spans,
            page_table: &[0],
            outputs: &[0],
        };
        model.forward(&step).map(<[f32]>::len)
    };
    assert_eq!(
        run(101),
        Err(StepError::Token {
            row: 0,
            token: 101,
            vocabulary: 101
        })
    );
    assert_eq!(run(100), Ok(101));
}

#[test]
fn a_missing_stray_or_misshaped_tensor_is_named() {
    type Edit = fn(&mut Vec<Slot>);
    let cases: [(&str, Edit, &[&str]); 4] = [
        (
            "llama",
            |slots| slots.retain(|slot| slot.hugging != "model.layers.1.mlp.up_proj.weight"),
            &["blk.1.ffn_up.weight", "missing"],
        ),
        (
            "qwen2",
            |slots| slots.retain(|slot| slot.hugging != "model.layers.2.self_attn.k_proj.bias"),
            &["blk.2.attn_k.bias", "missing"],
        ),
        (
            "llama",
            |slots| find(slots, "model.norm.weight").shape = vec![8, 8],
            &["output_norm.weight", "[8, 8]", "[64]"],
        ),
        (
            "mistral",
            |slots| find(slots, "model.norm.weight").hugging = "model.final.weight".to_owned(),
            &["model.final.weight"],
        ),
    ];
    for (family, edit, parts) in cases {
        let folder = tempfile::tempdir().unwrap();
        tiny(family).write_safetensors(folder.path(), edit);
        let message = refusal(folder.path(), &options());
        for part in parts {
            assert!(message.contains(part), "{message}");
        }
    }
}

fn find<'a>(slots: &'a mut [Slot], name: &str) -> &'a mut Slot {
    slots.iter_mut().find(|slot| slot.hugging == name).unwrap()
}

/// Whatever is wrong with a file, the answer is an error or numbers, never a panic.
#[test]
fn a_file_with_spoilt_bytes_is_refused_or_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    Tiny {
        vocabulary: 40,
        layers: 1,
        ..tiny("qwen3")
    }
    .write_gguf(&path, |_| DType::Q8_0);
    let whole = fs_err::read(&path).unwrap();
    let options = LoadOptions {
        memory: Some(ByteSize::mib(8)),
        pages: 4,
        ..options()
    };
    let mut random = Random(3);
    let (mut refused, mut ran) = (0, 0);
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..1 + random.below(4) {
            // Most of what can break stands in the first kilobytes.
            let end = if random.below(4) == 0 { bytes.len() } else { 3000 };
            let at = random.below(end);
            bytes[at] = match random.below(3) {
                0 => bytes[at] ^ (1 << random.below(8)),
                1 => random.below(256) as u8,
                _ => bytes[at].wrapping_add(1),
            };
        }
        fs_err::write(&path, bytes).unwrap();
        let pool = Arc::new(Pool::new(1, Cpu::detect()));
        let model = ModelFiles::open(&path)
            .map_err(LoadError::from)
            .and_then(|files| Model::load(files, &options, pool, &mut |_| ()));
        match model {
            Err(_) => refused += 1,
            Ok(mut model) => {
                let spans = [StepSpan {
                    first_row: 0,
                    rows: 3,
                    first_position: 0,
                    pages: 0..1,
                }];
                let step = Step {
                    tokens: &[1, 2, 3],
                    spans: &spans,
                    page_table: &[0],
                    outputs: &[2],
                };
                ran += usize::from(model.forward(&step).is_ok());
            }
        }
    }
    assert!(refused > 50 && ran > 50, "{refused} refused, {ran} ran");
}

/// After loading, only the rows of the embedding table are still mapped.
#[cfg(target_os = "linux")]
#[test]
fn the_mapped_file_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given-back.gguf");
    let shape = Tiny {
        vocabulary: 640,
        ffn: 2048,
        ..tiny("llama")
    };
    shape.write_gguf(&path, |_| DType::F32);
    let model = crate::oracle::load(&path, &options(), Cpu::detect());
    let mapped: u64 = fs_err::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .filter(|line| line.ends_with("given-back.gguf"))
        .map(|line| {
            let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            u64::from_str_radix(end, 16).unwrap() - u64::from_str_radix(start, 16).unwrap()
        })
        .sum();
    let table = 640 * 64 * 4;
    assert!(
        (table..table + 3 * 4096).contains(&mapped),
        "{mapped} bytes are mapped"
    );
    assert_eq!(model.vocabulary(), 640);
}
