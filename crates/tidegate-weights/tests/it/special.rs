//! Control tokens, begin and end tokens, bytes of tokens, chat templates.

use serde_json::json;
use tidegate_weights::tokenizer::TokenKind;
use tidegate_weights::{EncodeOptions, Gguf, Tokenizer};

use crate::build::{self, GgufFile, flag, i32s, text, texts, u32};
use crate::fixtures::{fixture, json};

const PLAIN: EncodeOptions = EncodeOptions {
    parse_special: false,
    add_special: false,
};
const SPECIAL: EncodeOptions = EncodeOptions {
    parse_special: true,
    add_special: false,
};
const WHOLE: EncodeOptions = EncodeOptions {
    parse_special: true,
    add_special: true,
};

fn read(file: &GgufFile) -> Result<Tokenizer, String> {
    let file = file.finish();
    Tokenizer::from_gguf(&Gguf::parse(&file).unwrap()).map_err(|error| error.to_string())
}

fn refused(file: &GgufFile, expect: &str) {
    let message = read(file).expect_err(expect);
    assert!(message.contains(expect), "expected `{expect}` in `{message}`");
}

#[test]
fn control_text_is_a_token_only_where_it_may_be() {
    let tokenizer = read(&build::byte_level()).unwrap();
    assert_eq!(tokenizer.encode("<|im_start|>ab", SPECIAL), [8, 4]);
    assert_eq!(
        tokenizer.encode("<|im_start|>ab", PLAIN),
        [0, 4],
        "only the letters that it can write"
    );
    assert!(tokenizer.is_control(8));
    assert!(
        tokenizer.is_control(7),
        "a well-known end token is a control token whatever the file says"
    );
    assert_eq!(tokenizer.end_tokens(), [7]);
    assert_eq!(tokenizer.token_id("<|im_end|>"), Some(7));
}

#[test]
fn sentencepiece_fragments_begin_with_a_space() {
    let tokenizer = read(&build::spm(GgufFile::default())).unwrap();
    assert_eq!(tokenizer.encode("ab", WHOLE), [1, 10]);
    assert_eq!(tokenizer.encode("ab</s>ab", SPECIAL), [10, 2, 10]);
    assert_eq!(
        tokenizer.encode("a<tool>b", SPECIAL),
        [9, 13, 6],
        "user-defined text is not a border"
    );
    assert_eq!(
        tokenizer.encode("x\n", PLAIN),
        [4, 0],
        "without all bytes a run is one unknown"
    );
    assert_eq!(tokenizer.decode(&[1, 10, 10]), "<s>ab ab");
    assert_eq!(tokenizer.token_bytes(10), b" ab");
    assert_eq!(tokenizer.token_bytes(3), b"\n");
    assert_eq!(tokenizer.token_bytes(1), b"<s>");
    assert_eq!(tokenizer.token_bytes(999), b"");
    assert_eq!(tokenizer.token_kind(11), TokenKind::Unused);
    assert_eq!((tokenizer.bos(), tokenizer.adds_bos()), (Some(1), true));
    assert_eq!(tokenizer.chat_template(), Some("{{ messages }}"));
    let other = tokenizer.with_chat_template("{{ other }}");
    assert_eq!(other.chat_template(), Some("{{ other }}"));
}

#[test]
fn the_space_prefix_and_begin_token_can_be_switched_off() {
    let file = build::spm(GgufFile::default())
        .set("tokenizer.ggml.add_space_prefix", flag(false))
        .set("tokenizer.ggml.add_bos_token", flag(false))
        .set("tokenizer.ggml.add_eos_token", flag(true));
    let tokenizer = read(&file).unwrap();
    assert_eq!(tokenizer.encode("ab", WHOLE), [8, 2]);
    assert!(!tokenizer.adds_bos());
}

#[test]
fn unigram_models_end_with_their_end_token() {
    let tokenizer = read(&build::unigram()).unwrap();
    assert_eq!(tokenizer.encode("ab", WHOLE), [3, 6, 1]);
    assert_eq!(tokenizer.encode("", WHOLE), [1]);
}

#[test]
fn wrong_vocabularies_are_refused() {
    refused(&GgufFile::default(), "`tokenizer.ggml.model` is missing");
    let model = |name: &str| GgufFile::default().set("tokenizer.ggml.model", text(name));
    refused(
        &model("bert"),
        "`tokenizer.ggml.model` is `bert`, which is not supported: expected one of gpt2, llama, t5",
    );
    refused(&model("gpt2"), "`tokenizer.ggml.tokens` is missing");
    let tokens = |file: GgufFile| file.set("tokenizer.ggml.tokens", texts(&["a", "b", "ab"]));
    refused(&tokens(model("gpt2")), "`tokenizer.ggml.merges` is missing");
    refused(&tokens(model("llama")), "`tokenizer.ggml.scores` is missing");
    let gpt2 = || tokens(model("gpt2"));
    let merges = |merge: &str| gpt2().set("tokenizer.ggml.merges", texts(&["a b", merge]));
    refused(
        &merges("ab"),
        "merge 1 (`ab`) does not join two tokens of the vocabulary to a third",
    );
    refused(&merges("ab ab"), "merge 1 (`ab ab`)");
    refused(&merges("x y"), "merge 1 (`x y`)");
    refused(
        &gpt2().set("tokenizer.ggml.token_type", i32s(&[1])),
        "is 1 values: expected 3, one per token",
    );
    refused(
        &gpt2().set("tokenizer.ggml.token_type", i32s(&[1, 1, 9])),
        "`tokenizer.ggml.token_type` is 9: expected 1 to 6",
    );
    refused(
        &merges("a b").set("tokenizer.ggml.pre", text("x")),
        "`tokenizer.ggml.pre` is `x`, which is not supported",
    );
    refused(
        &merges("a b").set("tokenizer.ggml.eos_token_id", u32(3)),
        "is 3: expected a token below 3",
    );
    let long = "x".repeat(2000);
    let long = model("gpt2").set("tokenizer.ggml.tokens", texts(&["a", &long]));
    refused(&long, "token 1 has 2000 bytes: expected 1 to 1024");
}

#[test]
fn a_tokenizer_config_names_the_end_and_the_template() {
    let file = fixture("llama3.json");
    let config = json!({"eos_token": {"content": "<|end_of_text|>"}, "bos_token": "<|begin_of_text|>",
        "chat_template": "{{ x }}"});
    let tokenizer = Tokenizer::from_json(&file, Some(config.to_string().as_bytes())).unwrap();
    let id = |text| tokenizer.token_id(text).unwrap();
    assert_eq!(tokenizer.bos(), Some(id("<|begin_of_text|>")));
    assert_eq!(tokenizer.end_tokens(), [id("<|end_of_text|>"), id("<|eot_id|>")]);
    assert_eq!(tokenizer.chat_template(), Some("{{ x }}"));
    assert_eq!(tokenizer.encode("", WHOLE), [id("<|begin_of_text|>")]);
    assert!(tokenizer.adds_bos());
    let several =
        json!({"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]});
    let tokenizer = Tokenizer::from_json(&file, Some(several.to_string().as_bytes())).unwrap();
    assert_eq!(tokenizer.chat_template(), Some("d"));
    let message = Tokenizer::from_json(&file, Some(b"[]")).unwrap_err().to_string();
    assert!(
        message.starts_with("`tokenizer_config.json` is not valid"),
        "{message}"
    );
}

#[test]
fn llama_classes_follow_their_flags() {
    let file = fixture("llama2.json");
    let config = json!({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>",
        "add_bos_token": true, "add_eos_token": true});
    let tokenizer = Tokenizer::from_json(&file, Some(config.to_string().as_bytes())).unwrap();
    assert_eq!(tokenizer.encode("", WHOLE), [1, 2]);
}

#[test]
fn parts_of_a_tokenizer_json_that_are_not_known_are_refused() {
    let file: serde_json::Value = json("gpt2.json");
    let check = |pointer: &str, value: serde_json::Value, expect: &str| {
        let mut file = file.clone();
        *file.pointer_mut(pointer).unwrap() = value;
        let message = Tokenizer::from_json(file.to_string().as_bytes(), None)
            .expect_err(expect)
            .to_string();
        assert!(message.contains(expect), "expected `{expect}` in `{message}`");
    };
    check(
        "/model/type",
        json!("WordPiece"),
        "`model.type` is `WordPiece`, which is not supported: expected one of BPE, Unigram",
    );
    check("/model/dropout", json!(0.1), "`model.dropout` is `set`");
    check("/model/merges", json!([["a", "zzz"]]), "merge 0 (`a zzz`)");
    check(
        "/model/unk_token",
        json!("nothing"),
        "`unk_token` is nothing: expected a token of the vocabulary",
    );
    check(
        "/normalizer",
        json!({"type": "BertNormalizer"}),
        "`normalizer.type` is `BertNormalizer`",
    );
    check(
        "/pre_tokenizer",
        json!({"type": "FixedLength", "length": 0}),
        "`pre_tokenizer.type` is `FixedLength`",
    );
    check(
        "/pre_tokenizer",
        json!({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false}),
        "pre_tokenizer",
    );
    check("/decoder", json!({"type": "CTC"}), "`decoder.type` is `CTC`");
    check(
        "/added_tokens/0/id",
        json!(9999),
        "numbers that follow the vocabulary",
    );
    check(
        "/post_processor",
        json!({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}], "special_tokens": {}}),
        "post_processor",
    );
}

#[test]
fn normalizers_that_multiply_a_text_are_refused() {
    let file: serde_json::Value = json("gpt2.json");
    let check = |pattern: serde_json::Value, content: &str, times| {
        let mut file = file.clone();
        let replace = json!({"type": "Replace", "pattern": pattern, "content": content});
        file["normalizer"] = json!({"type": "Sequence", "normalizers": vec![replace; times]});
        Tokenizer::from_json(file.to_string().as_bytes(), None).map_err(|error| error.to_string())
    };
    let message = check(json!({"String": "a"}), "aa", 9).unwrap_err();
    assert!(message.contains("`normalizer` is growing 512 times"), "{message}");
    assert!(
        check(json!({"Regex": ""}), "aaa", 5)
            .unwrap_err()
            .contains("growing")
    );
    check(json!({"String": " "}), "\u{2581}", 20).unwrap();
    check(json!({"String": "a"}), "aa", 8).unwrap();
}

#[test]
fn the_bytes_of_the_tokens_are_the_text() {
    let texts: Vec<String> = json("texts.json");
    let file = fixture("llama3.gguf");
    let tokenizer = Tokenizer::from_gguf(&Gguf::parse(&file).unwrap()).unwrap();
    for text in texts {
        for options in [PLAIN, SPECIAL] {
            let ids = tokenizer.encode(&text, options);
            let bytes: Vec<u8> = ids
                .iter()
                .flat_map(|&id| tokenizer.token_bytes(id).to_vec())
                .collect();
            assert_eq!(bytes, text.as_bytes());
        }
    }
}

#[test]
fn long_runs_are_encoded() {
    let file = fixture("llama3.gguf");
    let tokenizer = Tokenizer::from_gguf(&Gguf::parse(&file).unwrap()).unwrap();
    for run in [" ", "\n", "a", "1", "\u{65e5}", "'", " \n", "!a"] {
        let text = run.repeat(200_000 / run.len());
        let ids = tokenizer.encode(&text, PLAIN);
        assert_eq!(tokenizer.decode(&ids), text, "{run:?}");
    }
    let file = fixture("spm_bpe.gguf");
    let tokenizer = Tokenizer::from_gguf(&Gguf::parse(&file).unwrap()).unwrap();
    for run in [" ", "the tide ", "\u{1f600}"] {
        let text = run.repeat(100_000 / run.len());
        assert_eq!(tokenizer.decode(&tokenizer.encode(&text, PLAIN)), text, "{run:?}");
    }
}
