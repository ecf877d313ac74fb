//! A sampler that chooses at random among the allowed tokens always writes what the grammar says.

use super::*;

/// All bytes, some longer tokens, control tokens.
fn factory() -> GrammarFactory {
    let bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    let longer: [&[u8]; 8] = [
        b"{\"", b"\": ", b"\", \"", b"true", b"false", b"null", b"name", b"\"}",
    ];
    let control: [&[u8]; 4] = [b"<|end|>", b"<|im_end|>", b"[TOOL_CALLS]", b"[ARGS]"];
    let tokens = bytes
        .iter()
        .map(Vec::as_slice)
        .chain(longer)
        .map(|bytes| TokenText {
            bytes,
            control: false,
        })
        .chain(control.map(|bytes| TokenText { bytes, control: true }));
    GrammarFactory::from_tokens(tokens, &[264, 265]).expect("the vocabulary makes a tree")
}

#[test]
fn a_fixed_answer_is_followed_and_ends() {
    let mut grammar = factory()
        .format(&Format::JsonSchema(json!({"const": {"a": 1}})))
        .expect("the schema compiles")
        .expect("it is a grammar");
    for byte in b"{\"a\":1}" {
        assert!(!grammar.is_finished());
        let mask = grammar.mask().expect("a mask");
        assert!(mask[usize::from(*byte) / 32] >> (byte % 32) & 1 == 1);
        grammar.commit(u32::from(*byte)).expect("the byte is allowed");
    }
    assert!(grammar.is_accepting());
}
