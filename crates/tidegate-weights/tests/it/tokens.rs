//! Every tokenizer gives the tokens of its reference implementation, one for one. The references
//! (`tokenizers`, `sentencepiece`) were asked by `fixtures/make_tokenizers.py`.

use serde::Deserialize;
use tidegate_weights::{Detokenizer, EncodeOptions, Gguf, Tokenizer};

use crate::fixtures::{fixture, json};

/// What a reference makes of the texts. `None` is the same as: `literal`, the text.
#[derive(Deserialize)]
struct Expected {
    literal: Vec<Vec<u32>>,
    parsed: Option<Vec<Option<Vec<u32>>>>,
    decoded: Option<Vec<Option<String>>>,
}

const LITERAL: EncodeOptions = EncodeOptions {
    parse_special: false,
    add_special: false,
};
const PARSED: EncodeOptions = EncodeOptions {
    parse_special: true,
    add_special: false,
};

fn from_gguf(name: &str) -> Tokenizer {
    let file = fixture(&format!("{name}.gguf"));
    Tokenizer::from_gguf(&Gguf::parse(&file).unwrap()).unwrap()
}

fn from_json(name: &str) -> Tokenizer {
    Tokenizer::from_json(&fixture(&format!("{name}.json")), None).unwrap()
}

fn check(name: &str, tokenizer: &Tokenizer) {
    let texts: Vec<String> = json("texts.json");
    let expected: Expected = json(&format!("{name}.ids.json"));
    assert_eq!(texts.len(), expected.literal.len());
    for (place, (text, literal)) in texts.iter().zip(&expected.literal).enumerate() {
        assert_eq!(
            &tokenizer.encode(text, LITERAL),
            literal,
            "{name}, text {place}: {text:?}"
        );
        if let Some(parsed) = &expected.parsed {
            let parsed = parsed[place].as_ref().unwrap_or(literal);
            assert_eq!(
                &tokenizer.encode(text, PARSED),
                parsed,
                "{name}, parsed {place}: {text:?}"
            );
        }
        if let Some(decoded) = &expected.decoded {
            let decoded = decoded[place].as_ref().unwrap_or(text);
            assert_eq!(
                &tokenizer.decode(literal),
                decoded,
                "{name}, decoded {place}: {text:?}"
            );
        }
        streams_like_it_decodes(tokenizer, literal);
    }
}

/// One token at a time gives the same text as all at once, and only whole characters.
fn streams_like_it_decodes(tokenizer: &Tokenizer, ids: &[u32]) {
    let mut detokenizer = Detokenizer::at_start();
    let mut text = String::new();
    for &id in ids {
        let mut bytes = Vec::new();
        detokenizer.push(tokenizer, id, &mut bytes);
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    let mut bytes = Vec::new();
    detokenizer.finish(&mut bytes);
    text.push_str(std::str::from_utf8(&bytes).unwrap());
    assert_eq!(text, tokenizer.decode(ids));
}

#[test]
fn gpt2_matches_its_reference() {
    check("gpt2", &from_json("gpt2"));
    check("gpt2", &from_gguf("gpt2"));
}

#[test]
fn llama3_matches_its_reference() {
    check("llama3", &from_json("llama3"));
    check("llama3", &from_gguf("llama3"));
}

#[test]
fn qwen2_matches_its_reference() {
    check("qwen2", &from_json("qwen2"));
    check("qwen2", &from_gguf("qwen2"));
}

#[test]
fn smollm_matches_its_reference() {
    check("smollm", &from_json("smollm"));
    check("smollm", &from_gguf("smollm"));
}

#[test]
fn tekken_matches_its_reference() {
    check("tekken", &from_gguf("tekken"));
}

#[test]
fn deepseek3_matches_its_reference() {
    check("deepseek3", &from_gguf("deepseek3"));
}

#[test]
fn a_converted_llama2_matches_its_reference() {
    check("llama2", &from_json("llama2"));
}

#[test]
fn sentencepiece_with_byte_fallback_matches_its_reference() {
    check("spm_bpe", &from_gguf("spm_bpe"));
}

#[test]
fn sentencepiece_with_unused_pieces_matches_its_reference() {
    check("spm_unused", &from_gguf("spm_unused"));
}

#[test]
fn sentencepiece_without_byte_fallback_matches_its_reference() {
    check("spm_plain", &from_gguf("spm_plain"));
}

#[test]
fn a_sentencepiece_unigram_matches_its_reference() {
    check("unigram", &from_gguf("unigram"));
}

#[test]
fn a_unigram_tokenizer_json_matches_its_reference() {
    check("unigram_hf", &from_json("unigram_hf"));
}
