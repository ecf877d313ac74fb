//! A sampler that chooses at random among the allowed tokens always writes what the grammar says.

mod validate;

use tidegate_base::FaultKind;
use tidegate_engine::{Piece, ToolParser};

use super::*;
use validate::wrong;

/// Tokens beyond the 256 bytes, then control tokens.
const LONGER: [&str; 12] = [
    "{\"",
    "\": ",
    "\", \"",
    "true",
    "false",
    "null",
    "name",
    "\"}",
    "<tool_call>",
    "\n",
    " \t",
    "é",
];
const CONTROL: [&str; 5] = ["<|end|>", "<|im_end|>", "[TOOL_CALLS]", "[ARGS]", "</s>"];
/// The numbers of `<|end|>` and `<|im_end|>`.
const END: [u32; 2] = [268, 269];

fn bytes_of(token: u32) -> Vec<u8> {
    let longer: Vec<&str> = LONGER.into_iter().chain(CONTROL).collect();
    match u8::try_from(token) {
        Ok(byte) => vec![byte],
        Err(_) => longer[usize::try_from(token).expect("small") - 256]
            .as_bytes()
            .to_vec(),
    }
}

fn factory() -> GrammarFactory {
    let words: Vec<Vec<u8>> = (0..273).map(bytes_of).collect();
    let tokens = words.iter().enumerate().map(|(token, bytes)| TokenText {
        bytes,
        control: token >= 268,
    });
    GrammarFactory::from_tokens(tokens, &END).expect("the vocabulary makes a tree")
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((value ^ (value >> 31)) % u64::try_from(limit).expect("small")).expect("small")
    }
}

/// Chooses at random until the grammar ends; after a while it takes what closes.
fn sample(grammar: &mut Grammar, dice: &mut Dice) -> String {
    let mut out = Vec::new();
    for step in 0..3000 {
        if grammar.is_finished() {
            break;
        }
        let mask = grammar.mask().expect("a mask").to_vec();
        let allowed: Vec<u32> = (0..273)
            .filter(|&token| mask[usize::try_from(token / 32).expect("small")] >> (token % 32) & 1 == 1)
            .collect();
        let allowed = tame(allowed, &out);
        assert!(
            !allowed.is_empty(),
            "nothing is allowed after {:?}",
            String::from_utf8_lossy(&out)
        );
        // In a string a bracket closes nothing.
        let closing = match in_string(&out) {
            true => [u32::from(b'"'); 3],
            false => [END[0], u32::from(b'}'), u32::from(b']')],
        };
        let close = closing.into_iter().find(|token| allowed.contains(token));
        let token = match close {
            Some(token) if step > 120 || dice.below(8) == 0 => token,
            _ => allowed[dice.below(allowed.len())],
        };
        grammar.commit(token).expect("an allowed token");
        if END.contains(&token) {
            assert!(grammar.is_finished(), "an end token ends");
            break;
        }
        out.extend(bytes_of(token));
    }
    assert!(
        grammar.is_finished() || grammar.is_accepting(),
        "open: {}",
        String::from_utf8_lossy(&out)
    );
    String::from_utf8(out).expect("only whole characters")
}

/// Without exponents and very long numbers, where there is a choice: they are valid JSON that Rust's
/// numbers cannot hold.
fn tame(allowed: Vec<u32>, text: &[u8]) -> Vec<u32> {
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let wild = |token: u32| match u8::try_from(token) {
        Ok(b'e' | b'E') => digits > 0,
        Ok(byte) => byte.is_ascii_digit() && digits > 12,
        Err(_) => false,
    };
    let tame: Vec<u32> = allowed.iter().copied().filter(|&token| !wild(token)).collect();
    if tame.is_empty() { allowed } else { tame }
}

/// Whether JSON text ends inside a string.
fn in_string(text: &[u8]) -> bool {
    let (mut string, mut escaped) = (false, false);
    for &byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            _ => {}
        }
    }
    string
}

fn schemas() -> Vec<Value> {
    vec![
        json!({"type": "object"}),
        json!({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"], "additionalProperties": false}),
        json!({"type": "object", "properties": {"größe": {"type": "number"}, "名": {"type": "string", "maxLength": 5}}, "required": ["größe"]}),
        json!({"type": "object", "properties": {"color": {"enum": ["red", "grün", null, 3]}, "fixed": {"const": {"a": [1]}}}, "required": ["fixed", "color"]}),
        json!({"type": "array", "items": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3}, "maxItems": 4}),
        json!({"type": "integer", "minimum": -3, "maximum": 1200}),
        json!({"type": "number", "minimum": 0.5, "exclusiveMaximum": 10}),
        json!({"type": "string", "minLength": 2, "maxLength": 6}),
        json!({"type": ["string", "null"]}),
        json!({"type": "object", "properties": {"a": {"type": ["integer", "null"]}, "b": {"type": "object", "properties": {"c": {"type": "boolean"}}, "required": ["c"]}}}),
        json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        json!({"anyOf": [{"type": "object", "properties": {"kind": {"const": "a"}}, "required": ["kind"]}, {"type": "boolean"}]}),
        json!({
            "$defs": {"node": {"type": "object", "properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["value", "next"]}},
            "type": "object",
            "properties": {"list": {"$ref": "#/$defs/node"}, "ends": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2}},
            "required": ["list"],
        }),
        json!({"type": "object", "title": "Pet", "description": "as pydantic writes it", "properties": {"pet": {"oneOf": [{"type": "string", "enum": ["cat"]}, {"type": "null"}], "default": null}}, "required": ["pet"]}),
    ]
}

#[test]
fn random_answers_obey_their_schema() {
    let factory = factory();
    for (place, schema) in schemas().into_iter().enumerate() {
        let grammar = factory
            .format(&Format::JsonSchema(schema.clone()))
            .unwrap_or_else(|fault| panic!("{schema}: {fault}"))
            .expect("a grammar");
        for seed in 0..12 {
            let text = sample(
                &mut grammar.clone(),
                &mut Dice(seed * 1000 + u64::try_from(place).expect("small")),
            );
            let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(wrong(&value, &schema, &schema), None, "{text}");
            assert!(!text.contains(['\n', '\t', '\r']), "only single spaces: {text:?}");
        }
    }
}

#[test]
fn random_json_objects_are_objects() {
    let grammar = factory()
        .format(&Format::JsonObject)
        .expect("it compiles")
        .expect("a grammar");
    for seed in 0..30 {
        let text = sample(&mut grammar.clone(), &mut Dice(seed));
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(value.is_object(), "{text}");
    }
}

#[test]
fn expressions_and_grammars_are_obeyed() {
    let factory = factory();
    let compile = |format| factory.format(&format).expect("it compiles").expect("a grammar");
    let date = compile(Format::Regex("[0-9]{4}-(0[1-9]|1[0-2])( €)?".into()));
    let sum = compile(Format::Lark(
        "start: NUMBER (\"+\" NUMBER){1,3}\nNUMBER: /[1-9][0-9]?/".into(),
    ));
    for seed in 0..20 {
        let text = sample(&mut date.clone(), &mut Dice(seed));
        let (year, month) = text.trim_end_matches(" €").split_once('-').expect("a hyphen");
        assert!(
            year.len() == 4 && (1..=12).contains(&month.parse::<u8>().expect("a month")),
            "{text}"
        );
        let text = sample(&mut sum.clone(), &mut Dice(seed));
        let parts: Vec<u8> = text
            .split('+')
            .map(|part| part.parse().expect("a number"))
            .collect();
        assert!((2..=4).contains(&parts.len()), "{text}");
    }
    assert!(factory.format(&Format::Text).expect("free text").is_none());
}

#[test]
fn what_cannot_be_followed_is_refused_with_the_reason() {
    let factory = factory();
    let check = |format: Format, words: &[&str]| {
        let Err(fault) = factory.format(&format) else {
            panic!("{format:?} is not refused");
        };
        assert_eq!(fault.kind, FaultKind::Invalid);
        assert_eq!(fault.param.as_deref(), Some("response_format"));
        for word in words {
            assert!(
                fault.public.contains(word),
                "`{}` does not say `{word}`",
                fault.public
            );
        }
    };
    let schema = |value| Format::JsonSchema(value);
    check(
        schema(json!({"type": "object", "not": {}})),
        &["Unimplemented keys", "not"],
    );
    check(
        schema(json!({"type": "array", "uniqueItems": true})),
        &["uniqueItems"],
    );
    check(schema(json!({"type": "whatever"})), &["whatever"]);
    check(
        schema(json!({"type": "integer", "minimum": 5, "maximum": 4})),
        &["minimum"],
    );
    check(schema(json!({"$ref": "#/$defs/none"})), &["none"]);
    check(
        schema(json!({"$ref": "https://example.com/schema"})),
        &["example.com"],
    );
    check(schema(json!("text")), &[]);
    check(Format::Regex("(".into()), &[]);
    let wide: serde_json::Map<String, Value> = (0..30_000)
        .map(|number| (format!("p{number}"), json!({"type": "array"})))
        .collect();
    check(schema(json!({"type": "object", "properties": wide})), &["large"]);
    check(Format::Lark("start: nothing".into()), &["nothing"]);
    check(Format::Lark("start: \"a\" start | @other".into()), &["other"]);
}

#[test]
fn a_schema_cannot_change_the_style_of_the_json() {
    let schema =
        json!({"type": "object", "x-guidance": {"whitespace_flexible": true, "lenient": true}, "not": {}});
    factory()
        .format(&Format::JsonSchema(schema))
        .expect_err("`not` is still unknown");
}

fn tool(name: &str, parameters: Option<Value>) -> Tool {
    Tool {
        name: name.into(),
        description: None,
        parameters,
        strict: true,
    }
}

/// Samples an answer that must call tools and reads it back.
fn calls(
    format: ToolFormat,
    tools: &[Tool],
    choice: &ToolChoice,
    parallel: bool,
    seed: u64,
) -> Vec<(String, Value)> {
    let mut grammar = factory()
        .tools(format, tools, choice, parallel)
        .unwrap_or_else(|fault| panic!("{format:?}: {fault}"))
        .expect("a grammar");
    let text = sample(&mut grammar, &mut Dice(seed));
    let mut parser = ToolParser::new(format, tools.iter().map(|tool| tool.name.as_str()), seed);
    let mut pieces = parser.push(&text);
    pieces.extend(parser.finish());
    let mut calls: Vec<(String, String)> = Vec::new();
    for piece in pieces {
        match (piece, calls.last_mut()) {
            (Piece::Call { name, .. }, _) => calls.push((name, String::new())),
            (Piece::Arguments { fragment, .. }, Some((_, arguments))) => arguments.push_str(&fragment),
            (Piece::Text(text), _) => panic!("{format:?}: text {text:?}"),
            (Piece::Arguments { .. }, None) => panic!("{format:?}: arguments of nothing"),
        }
    }
    calls
        .into_iter()
        .map(|(name, arguments)| {
            let arguments = serde_json::from_str(&arguments)
                .unwrap_or_else(|error| panic!("{format:?} {arguments}: {error}"));
            (name, arguments)
        })
        .collect()
}

#[test]
fn required_calls_are_written_in_the_family_s_format() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string", "maxLength": 9}, "days": {"type": "integer"}}, "required": ["city"]});
    let tools = [
        tool("weather", Some(schema.clone())),
        tool("time", None),
        tool("stop", Some(json!({}))),
    ];
    let formats = [
        ToolFormat::Hermes,
        ToolFormat::Llama,
        ToolFormat::Mistral { named: false },
        ToolFormat::Mistral { named: true },
    ];
    for format in formats {
        for seed in 0..8 {
            for parallel in [false, true] {
                let made = calls(format, &tools, &ToolChoice::Required, parallel, seed);
                assert!(
                    !made.is_empty() && (parallel || made.len() == 1),
                    "{format:?} {made:?}"
                );
                for (name, arguments) in made {
                    assert!(tools.iter().any(|tool| tool.name == name), "{name}");
                    let schema = if name == "weather" {
                        schema.clone()
                    } else {
                        json!({"type": "object"})
                    };
                    assert_eq!(wrong(&arguments, &schema, &schema), None, "{format:?}");
                }
            }
            let made = calls(format, &tools, &ToolChoice::Named("weather".into()), true, seed);
            assert!(
                made.iter().all(|(name, _)| name == "weather"),
                "{format:?} {made:?}"
            );
        }
    }
}

#[test]
fn impossible_tool_choices_are_refused() {
    let factory = factory();
    let tools = [tool("time", None)];
    let named = ToolChoice::Named("none".into());
    let fault = factory
        .tools(ToolFormat::Hermes, &tools, &named, true)
        .expect_err("no such tool");
    assert_eq!(
        (fault.kind, fault.param.as_deref()),
        (FaultKind::Invalid, Some("tool_choice"))
    );
    let fault = factory
        .tools(ToolFormat::Hermes, &[], &ToolChoice::Required, true)
        .expect_err("no tools");
    assert_eq!(fault.kind, FaultKind::Invalid);
    let fault = factory
        .tools(ToolFormat::None, &tools, &ToolChoice::Required, true)
        .expect_err("no format");
    assert_eq!(fault.kind, FaultKind::Unsupported);
    let odd = [tool("time", Some(json!({"type": "object", "not": {}})))];
    let fault = factory
        .tools(ToolFormat::Llama, &odd, &ToolChoice::Required, true)
        .expect_err("no such keyword");
    assert_eq!(
        (fault.kind, fault.param.as_deref()),
        (FaultKind::Invalid, Some("tools"))
    );
    assert!(
        factory
            .tools(ToolFormat::Hermes, &tools, &ToolChoice::Auto, true)
            .expect("free")
            .is_none()
    );
}

#[test]
fn scores_of_forbidden_tokens_become_minus_infinity() {
    let mut grammar = factory()
        .format(&Format::Regex("ab?".into()))
        .expect("it compiles")
        .expect("a grammar");
    let allowed = |grammar: &mut Grammar| {
        // A model's output may be padded beyond its vocabulary.
        let mut logits = vec![1.0; 320];
        grammar.apply(&mut logits).expect("a mask");
        let kept = logits.iter().enumerate().filter(|(_, score)| **score == 1.0);
        kept.map(|(token, _)| token).collect::<Vec<_>>()
    };
    assert_eq!(allowed(&mut grammar), [usize::from(b'a')]);
    assert!(!grammar.is_accepting());
    grammar.commit(u32::from(b'a')).expect("allowed");
    assert!(grammar.is_accepting() && !grammar.is_finished());
    let mut other = grammar.clone();
    assert_eq!(allowed(&mut grammar), [usize::from(b'b'), 268, 269]);
    grammar.commit(END[1]).expect("an end token");
    assert!(grammar.is_finished());
    assert_eq!(allowed(&mut grammar), [268, 269]);
    // The clone goes its own way; nothing may follow `b`.
    other.commit(u32::from(b'b')).expect("allowed");
    assert!(other.is_finished());
    let fault = factory()
        .format(&Format::Regex("ab?".into()))
        .expect("it compiles")
        .expect("a grammar")
        .commit(u32::from(b'x'))
        .expect_err("forbidden");
    assert_eq!(fault.kind, FaultKind::Internal);
}

#[test]
fn a_vocabulary_without_an_end_is_refused() {
    let tokens = [TokenText {
        bytes: b"a",
        control: false,
    }];
    let error = GrammarFactory::from_tokens(tokens, &[]).expect_err("no end");
    assert_eq!(error.to_string(), "the vocabulary has no end-of-text token");
    let error = GrammarFactory::from_tokens(tokens, &[1]).expect_err("outside");
    assert_eq!(
        error.to_string(),
        "end token 1 is not below the vocabulary's size 1"
    );
}

#[test]
fn a_tokenizer_makes_a_factory() {
    let tokenizer = prompt::tests::tokenizer();
    let factory = GrammarFactory::new(&tokenizer).expect("a factory");
    let mut grammar = factory
        .format(&Format::Regex("é".into()))
        .expect("it compiles")
        .expect("a grammar");
    assert_eq!(grammar.vocabulary(), tokenizer.vocabulary());
    for byte in "é".bytes() {
        grammar.commit(u32::from(byte)).expect("the byte is allowed");
    }
    assert!(grammar.is_finished());
}
