//! Any bytes as a `tokenizer.json`, and a text through it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_weights::{EncodeOptions, Tokenizer};

const TEXT: &str = "ab <s> <t>c\n\n  \u{65e5}e\u{301}\u{1f600} 12345 'll";

fuzz_target!(|file: &[u8]| {
    let Ok(tokenizer) = Tokenizer::from_json(file, Some(file)) else {
        return;
    };
    for parse_special in [false, true] {
        let options = EncodeOptions {
            parse_special,
            add_special: parse_special,
        };
        let ids = tokenizer.encode(TEXT, options);
        assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocabulary()));
        tokenizer.decode(&ids);
    }
});
