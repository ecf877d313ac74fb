//! Any bytes as a GGUF file: container, configuration, tensors, tokenizer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_weights::gguf::Value;
use tidegate_weights::{Checkpoint, EncodeOptions, Gguf, Summary, Tokenizer};

fuzz_target!(|file: &[u8]| {
    let Ok(gguf) = Gguf::parse(file) else { return };
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
        for parse_special in [false, true] {
            let options = EncodeOptions {
                parse_special,
                add_special: parse_special,
            };
            let ids = tokenizer.encode("ab <tool>c\n\u{65e5}\u{1f600} <s>", options);
            assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocabulary()));
            tokenizer.decode(&ids);
        }
    }
    if let Ok(checkpoint) = Checkpoint::from_gguf(&gguf) {
        let summary = Summary::new(&checkpoint, tokenizer.as_ref().ok());
        assert!(summary.weight_bytes <= file.len() as u64);
    }
});
