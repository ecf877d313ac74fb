//! Hostile bytes: good files cut short at every byte, with every byte changed, and mutated at
//! random. A reader may refuse or accept; it may not panic.

use proptest::prelude::{ProptestConfig, any, prop, proptest};
use tidegate_weights::gguf::Value;
use tidegate_weights::safetensors::Index;
use tidegate_weights::{Checkpoint, EncodeOptions, Gguf, ModelConfig, SafeTensors, Summary, Tokenizer};

use crate::build::{self, safetensors};
use crate::fixtures::fixture;

const TEXT: &str = "ab <tool>c\n\u{65e5}\u{1f600} <s>";

/// Reads everything that can be read.
fn read_gguf(file: &[u8]) -> Result<(), String> {
    let gguf = Gguf::parse(file).map_err(|error| error.to_string())?;
    for (_, value) in gguf.entries() {
        if let Value::Array(array) = value {
            array.strings().into_iter().flatten().count();
            array.integers().into_iter().flatten().count();
            array.floats().into_iter().flatten().count();
        }
    }
    for info in gguf.tensors() {
        assert_eq!(gguf.view(info).data.len(), info.bytes);
    }
    let tokenizer = Tokenizer::from_gguf(&gguf);
    if let Ok(tokenizer) = &tokenizer {
        exercise(tokenizer);
    }
    let checkpoint = Checkpoint::from_gguf(&gguf).map_err(|error| error.to_string())?;
    let summary = Summary::new(&checkpoint, tokenizer.as_ref().ok());
    assert!(summary.weight_bytes <= file.len() as u64);
    tokenizer.map(|_| ()).map_err(|error| error.to_string())
}

fn exercise(tokenizer: &Tokenizer) {
    for options in [
        EncodeOptions::default(),
        EncodeOptions {
            parse_special: true,
            add_special: true,
        },
    ] {
        let ids = tokenizer.encode(TEXT, options);
        assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocabulary()));
        tokenizer.decode(&ids);
    }
    tokenizer.decode(&[0, u32::MAX]);
}

fn read_json(file: &[u8]) -> Result<(), String> {
    let tokenizer = Tokenizer::from_json(file, None).map_err(|error| error.to_string())?;
    exercise(&tokenizer);
    Ok(())
}

fn read_safetensors(file: &[u8]) -> Result<(), String> {
    let read = SafeTensors::parse(file).map_err(|error| error.to_string())?;
    for tensor in read.tensors() {
        assert_eq!(tensor.dtype.bytes_for(tensor.elements()), Some(tensor.data.len()));
    }
    Ok(())
}

/// Cuts a good file at every byte; each part must be refused with a message.
fn cut(file: &[u8], read: impl Fn(&[u8]) -> Result<(), String>) {
    read(file).unwrap();
    for end in 0..file.len() {
        let message = read(&file[..end]).expect_err("a part is not a file");
        assert!(message.len() > 10, "{message}");
    }
}

/// Changes every byte of a good file in several ways.
fn flip(file: &[u8], read: impl Fn(&[u8]) -> Result<(), String>) {
    flip_by(&[0xff, 0x01, 0x80, 0x20], file, read);
}

fn flip_by(masks: &[u8], file: &[u8], read: impl Fn(&[u8]) -> Result<(), String>) {
    let mut changed = file.to_vec();
    for place in 0..file.len() {
        for mask in masks {
            changed[place] = file[place] ^ mask;
            let _outcome = read(&changed);
        }
        changed[place] = file[place];
    }
}

fn small_safetensors() -> Vec<u8> {
    let header = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[2,3],"data_offsets":[8,20]}}"#;
    safetensors(header, 20)
}

/// A small `tokenizer.json` with every kind of part.
const SMALL_JSON: &str = include_str!("../fixtures/small_bpe.json");

const SMALL_UNIGRAM: &str = include_str!("../fixtures/small_unigram.json");

#[test]
fn a_gguf_file_cut_anywhere_is_refused() {
    cut(&build::llama().finish(), read_gguf);
}

#[test]
fn a_gguf_file_changed_anywhere_does_no_harm() {
    flip(&build::llama().finish(), read_gguf);
}

#[test]
fn gguf_vocabularies_changed_anywhere_do_no_harm() {
    // Compiling the patterns takes most of the time.
    flip_by(&[0x01], &build::byte_level().finish(), read_gguf);
    flip(&build::unigram().finish(), read_gguf);
}

#[test]
fn a_safetensors_file_cut_or_changed_anywhere_does_no_harm() {
    cut(&small_safetensors(), read_safetensors);
    flip(&small_safetensors(), read_safetensors);
}

#[test]
fn a_tokenizer_json_cut_anywhere_is_refused() {
    cut(SMALL_JSON.as_bytes(), read_json);
    cut(SMALL_UNIGRAM.as_bytes(), read_json);
}

#[test]
fn a_tokenizer_json_changed_anywhere_does_no_harm() {
    flip_by(&[0x01], SMALL_JSON.as_bytes(), read_json);
    flip(SMALL_UNIGRAM.as_bytes(), read_json);
}

#[test]
fn a_charsmap_changed_anywhere_does_no_harm() {
    // 240 KB: the trie's head, and places all over it.
    let file = fixture("unigram.gguf");
    let start = file.len() - 240_000;
    let mut changed = file.clone();
    for place in (start..start + 24).chain((start..file.len()).step_by(24_007)) {
        changed[place] ^= 0xff;
        let _outcome = read_gguf(&changed);
        changed[place] = file[place];
    }
}

#[test]
fn configurations_and_indices_cut_or_changed_anywhere_do_no_harm() {
    let config = br#"{"architectures":["LlamaForCausalLM"],"hidden_size":8,"intermediate_size":12,"max_position_embeddings":64,"num_attention_heads":2,"num_hidden_layers":1,"num_key_value_heads":1,"rms_norm_eps":1e-05,"rope_scaling":{"rope_type":"linear","factor":2.0},"rope_theta":10000.0,"vocab_size":16}"#;
    let read = |file: &[u8]| {
        ModelConfig::from_hf(file)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    cut(config, read);
    flip(config, read);
    let index = br#"{"weight_map":{"a":"x.safetensors"}}"#;
    let read = |file: &[u8]| Index::parse(file).map(|_| ()).map_err(|error| error.to_string());
    cut(index, read);
    flip(index, read);
}

/// Replaces, removes and repeats stretches of a file.
fn mutate(file: &[u8], changes: &[(usize, u8, Vec<u8>)]) -> Vec<u8> {
    let mut file = file.to_vec();
    for (place, kind, bytes) in changes {
        let place = place % file.len().max(1);
        let end = (place + bytes.len()).min(file.len());
        match kind % 4 {
            0 => drop(file.splice(place..end, bytes.iter().copied())),
            1 => drop(file.splice(place..place, bytes.iter().copied())),
            2 => drop(file.drain(place..end)),
            _ => file.extend_from_within(place..end),
        }
    }
    file
}

fn changes() -> impl proptest::strategy::Strategy<Value = Vec<(usize, u8, Vec<u8>)>> {
    let change = (
        any::<usize>(),
        any::<u8>(),
        prop::collection::vec(any::<u8>(), 0..12),
    );
    prop::collection::vec(change, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn mutated_gguf_files_do_no_harm(changes in changes()) {
        let _outcome = read_gguf(&mutate(&build::llama().finish(), &changes));
        let _outcome = read_gguf(&mutate(&build::byte_level().finish(), &changes));
    }

    #[test]
    fn mutated_safetensors_files_do_no_harm(changes in changes()) {
        let _outcome = read_safetensors(&mutate(&small_safetensors(), &changes));
    }

    #[test]
    fn mutated_tokenizer_json_files_do_no_harm(changes in changes()) {
        let _outcome = read_json(&mutate(SMALL_JSON.as_bytes(), &changes));
    }
}
