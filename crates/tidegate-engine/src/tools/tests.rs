//! Tool calls of every family, whole, broken and cut anywhere.

use proptest::prelude::*;

use super::*;

/// The pieces of a text that is cut into these parts, neighbours joined.
fn parse<'a>(format: ToolFormat, parts: impl IntoIterator<Item = &'a str>) -> Vec<Piece> {
    let mut parser = ToolParser::new(format, ["weather", "time"], 7);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut fresh: Vec<Piece> = parts.into_iter().flat_map(|part| parser.push(part)).collect();
    fresh.extend(parser.finish());
    for piece in fresh {
        match (pieces.last_mut(), piece) {
            (Some(Piece::Text(last)), Piece::Text(more)) => last.push_str(&more),
            (Some(Piece::Arguments { fragment, .. }), Piece::Arguments { fragment: more, .. }) => {
                fragment.push_str(&more);
            }
            (_, piece) => pieces.push(piece),
        }
    }
    pieces
}

/// The pieces as one readable line.
fn show(pieces: &[Piece]) -> String {
    let line = |piece: &Piece| match piece {
        Piece::Text(text) => format!("text {text:?}"),
        Piece::Call { index, name, .. } => format!("call {index} {name}"),
        Piece::Arguments { index, fragment } => format!("arguments {index} {fragment}"),
    };
    pieces.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn check(format: ToolFormat, text: &str, expected: &[&str]) {
    let whole = parse(format, [text]);
    assert_eq!(show(&whole), expected.join("\n"), "{text}");
    let letters = parse(format, text.split_inclusive(|_: char| true));
    assert_eq!(letters, whole, "cut into letters: {text}");
}

#[test]
fn hermes_calls_are_read() {
    let check = |text, expected: &[&str]| check(ToolFormat::Hermes, text, expected);
    check("Hello.", &["text \"Hello.\""]);
    check(" \n", &["text \" \\n\""]);
    check(
        "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Öl {\\\"]}\"}}\n</tool_call>",
        &["call 0 weather", "arguments 0 {\"city\": \"Öl {\\\"]}\"}"],
    );
    check(
        "Let me see.\n<tool_call>{\"arguments\": {\"a\": [1, {}]}, \"x\": [1], \"name\": \"time\"}</tool_call>\n\
         <tool_call>{\"name\":\"weather\"}</tool_call>\n",
        &[
            "text \"Let me see.\\n\"",
            "call 0 time",
            "arguments 0 {\"a\": [1, {}]}",
            "call 1 weather",
            "arguments 1 {}",
        ],
    );
    check(
        "\n<tool_call>{\"name\": \"time\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call> done",
        &["call 0 time", "arguments 0 {\"a\": 1}", "text \" done\""],
    );
}

#[test]
fn broken_hermes_calls_are_text() {
    let check = |text, expected: &[&str]| check(ToolFormat::Hermes, text, expected);
    check("a <tool_cal", &["text \"a <tool_cal\""]);
    check("<tool_call> none", &["text \"<tool_call> none\""]);
    check("<tool_call>{\"nam", &["text \"<tool_call>{\\\"nam\""]);
    check(
        "<tool_call>{\"x\": 1}</tool_call>",
        &["text \"<tool_call>{\\\"x\\\": 1}</tool_call>\""],
    );
    check(
        "<tool_call>{\"name\": 7}",
        &["text \"<tool_call>{\\\"name\\\": 7}\""],
    );
    check(
        "<tool_call>[<tool_call>{\"name\":\"time\"}",
        &["text \"<tool_call>[\"", "call 0 time", "arguments 0 {}"],
    );
    check(
        "<<tool_call>{\"name\":\"time\"}",
        &["text \"<\"", "call 0 time", "arguments 0 {}"],
    );
    // Cut short, closed twice, not closed.
    check(
        "<tool_call>{\"name\": \"time\", \"arguments\": {\"a\": \"b",
        &["call 0 time", "arguments 0 {\"a\": \"b"],
    );
    check(
        "<tool_call>{\"name\": \"time\", \"arguments\": {}}}\n</tool_call>",
        &["call 0 time", "arguments 0 {}"],
    );
    check(
        "<tool_call>{\"name\": \"time\", \"arguments\": {}} and so on",
        &["call 0 time", "arguments 0 {}", "text \" and so on\""],
    );
}

#[test]
fn llama_calls_are_read() {
    let check = |text, expected: &[&str]| check(ToolFormat::Llama, text, expected);
    check(
        "{\"name\": \"weather\", \"parameters\": {\"city\": \"Rome\"}}",
        &["call 0 weather", "arguments 0 {\"city\": \"Rome\"}"],
    );
    check(
        " {\"type\": \"function\", \"name\": \"time\", \"parameters\": {}}; {\"name\": \"weather\", \"parameters\": {\"a\":1}}",
        &[
            "call 0 time",
            "arguments 0 {}",
            "call 1 weather",
            "arguments 1 {\"a\":1}",
        ],
    );
    check(
        "<|python_tag|>{\"name\": \"time\", \"parameters\": null}",
        &["text \"<|python_tag|>{\\\"name\\\": \\\"time\\\", \\\"parameters\\\": null}\""],
    );
    // Not a tool, not a call, not at the beginning.
    check(
        "{\"name\": \"Bob\", \"parameters\": {}}",
        &["text \"{\\\"name\\\": \\\"Bob\\\", \\\"parameters\\\": {}}\""],
    );
    check("{\"name\": \"time\"}", &["text \"{\\\"name\\\": \\\"time\\\"}\""]);
    check(
        "See {\"name\": \"time\", \"parameters\": {}}",
        &["text \"See {\\\"name\\\": \\\"time\\\", \\\"parameters\\\": {}}\""],
    );
    check("<|python_tag|>print(1)", &["text \"<|python_tag|>print(1)\""]);
}

#[test]
fn mistral_calls_are_read() {
    let check = |text, expected: &[&str]| check(ToolFormat::Mistral { named: false }, text, expected);
    check(
        "[TOOL_CALLS] [{\"name\": \"weather\", \"arguments\": {\"a\": \"]\"}, \"id\": \"x\"}, {\"name\": \"time\", \"arguments\": {}}]",
        &[
            "call 0 weather",
            "arguments 0 {\"a\": \"]\"}",
            "call 1 time",
            "arguments 1 {}",
        ],
    );
    check(
        "Hm.[TOOL_CALLS]weather[ARGS]{\"a\": {}}[TOOL_CALLS]time[CALL_ID]abc123XYZ[ARGS] {}",
        &[
            "text \"Hm.\"",
            "call 0 weather",
            "arguments 0 {\"a\": {}}",
            "call 1 time",
            "arguments 1 {}",
        ],
    );
    check(
        "[TOOL_CALLS]time{\"a\": 1} ok",
        &["call 0 time", "arguments 0 {\"a\": 1}", "text \" ok\""],
    );
    check(
        "[TOOL_CALLS]{\"name\": \"time\"}",
        &["call 0 time", "arguments 0 {}"],
    );
    check(
        "[TOOL_CALLS] nothing here",
        &["text \"[TOOL_CALLS] nothing here\""],
    );
    check("[TOOL_CALLS][]", &["text \"[TOOL_CALLS][]\""]);
    check("[TOOL_CALLS]time[ARGZ]{}", &["text \"[TOOL_CALLS]time[ARGZ]{}\""]);
    check("[TOOL", &["text \"[TOOL\""]);
}

#[test]
fn text_and_arguments_are_not_held_back() {
    let mut parser = ToolParser::new(ToolFormat::Hermes, ["time"], 1);
    let text = |text: &str| vec![Piece::Text(text.to_owned())];
    let arguments = |fragment: &str| {
        vec![Piece::Arguments {
            index: 0,
            fragment: fragment.to_owned(),
        }]
    };
    assert_eq!(parser.push("Hello "), text("Hello "));
    assert_eq!(parser.push("a < b, <tool"), text("a < b, "));
    assert_eq!(parser.push("s <tool_call>{\"na"), text("<tools "));
    let pieces = parser.push("me\": \"time\"");
    assert!(
        matches!(&pieces[..], [Piece::Call { index: 0, name, .. }] if name == "time"),
        "{pieces:?}"
    );
    assert_eq!(parser.push(", \"arguments\": {\"a"), arguments("{\"a"));
    assert_eq!(parser.push("b\": 1"), arguments("b\": 1"));
    assert_eq!(parser.push("}"), arguments("}"));
    assert_eq!(parser.push("}</tool_call>"), []);
    assert_eq!(parser.finish(), []);
    assert_eq!(parser.calls(), 1);
}

#[test]
fn ids_are_fresh_and_fit_the_family() {
    let ids = |format: ToolFormat, seed| {
        let text = match format {
            ToolFormat::Mistral { .. } => "[TOOL_CALLS][{\"name\":\"a\"},{\"name\":\"a\"}]",
            ToolFormat::Hermes | ToolFormat::Llama | ToolFormat::None => {
                "<tool_call>{\"name\":\"a\"}</tool_call><tool_call>{\"name\":\"a\"}</tool_call>"
            }
        };
        let mut parser = ToolParser::new(format, ["a"], seed);
        let ids: Vec<String> = parser
            .push(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Call { id, .. } => Some(id),
                Piece::Text(_) | Piece::Arguments { .. } => None,
            })
            .collect();
        assert_eq!(ids.len(), 2);
        ids
    };
    let hermes = [ids(ToolFormat::Hermes, 1), ids(ToolFormat::Hermes, 2)].concat();
    let mistral = [
        ids(ToolFormat::Mistral { named: false }, 1),
        ids(ToolFormat::Mistral { named: true }, 2),
    ]
    .concat();
    for list in [&hermes, &mistral] {
        let different: std::collections::BTreeSet<&String> = list.iter().collect();
        assert_eq!(different.len(), 4, "{list:?}");
    }
    assert!(hermes.iter().all(|id| id.starts_with("call_") && id.len() == 25));
    assert!(
        mistral
            .iter()
            .all(|id| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    );
}

#[test]
fn the_format_is_read_off_the_template() {
    let check = |template: &str, architecture: &str, expected| {
        assert_eq!(ToolFormat::detect(template, architecture), expected, "{template}");
    };
    check(
        include_str!("../../tests/fixtures/templates/qwen2_tools.jinja"),
        "qwen2",
        ToolFormat::Hermes,
    );
    check(
        include_str!("../../tests/fixtures/templates/qwen3_thinking.jinja"),
        "qwen3",
        ToolFormat::Hermes,
    );
    check(
        include_str!("../../tests/fixtures/templates/llama3_tools.jinja"),
        "llama",
        ToolFormat::Llama,
    );
    check(
        include_str!("../../tests/fixtures/templates/mistral_v3_tools.jinja"),
        "llama",
        ToolFormat::Mistral { named: false },
    );
    check(
        "{{ tools }}[TOOL_CALLS]{{ name }}[ARGS]",
        "mistral",
        ToolFormat::Mistral { named: true },
    );
    check("{{ tools }}<tool_call><function=", "qwen3", ToolFormat::None);
    check(
        include_str!("../../tests/fixtures/templates/zephyr.jinja"),
        "llama",
        ToolFormat::None,
    );
    check(
        include_str!("../../tests/fixtures/templates/chatml.jinja"),
        "qwen2",
        ToolFormat::None,
    );
}

/// Fragments that make valid and broken calls of all families.
fn fragment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "<tool_call>",
        "</tool_call>",
        "<tool_",
        "[TOOL_CALLS]",
        "[TOOL_",
        "<|python_tag|>",
        "[ARGS]",
        "[CALL_ID]",
        "[",
        "]",
        "{",
        "}",
        "{\"name\": \"time\", \"arguments\": {\"a\": [1, \"}\\\"\"]}}",
        "\"name\"",
        ": ",
        ", ",
        "; ",
        "\"time\"",
        "\"parameters\": {",
        "\"arguments\": \"{}\"",
        "{\"name\": \"weather\", \"parameters\": {}}",
        " ",
        "\n",
        "time",
        "é🙂",
        "null",
        "1",
        "\\",
        "\"",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_split_gives_the_same_pieces(
        fragments in prop::collection::vec(fragment(), 0..14),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        named in any::<bool>(),
    ) {
        let text = fragments.concat();
        let mut ends: Vec<usize> = cuts
            .iter()
            .map(|cut| cut.index(text.len() + 1))
            .map(|at| (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len()))
            .collect();
        ends.push(text.len());
        ends.sort_unstable();
        let mut start = 0;
        let parts: Vec<&str> = ends
            .iter()
            .map(|&end| {
                let part = &text[start..end];
                start = end;
                part
            })
            .collect();
        for format in [ToolFormat::Hermes, ToolFormat::Llama, ToolFormat::Mistral { named }, ToolFormat::None] {
            let whole = parse(format, [text.as_str()]);
            prop_assert_eq!(&parse(format, parts.iter().copied()), &whole, "{:?} {:?}", format, parts);
            if !whole.iter().any(|piece| matches!(piece, Piece::Call { .. })) {
                // Without a call, nothing is lost.
                let all: String = whole
                    .iter()
                    .map(|piece| match piece {
                        Piece::Text(text) => text.as_str(),
                        Piece::Call { .. } | Piece::Arguments { .. } => "",
                    })
                    .collect();
                prop_assert_eq!(&all, &text, "{:?}", format);
            }
        }
    }
}

#[test]
fn a_long_text_that_is_no_call_is_read_in_linear_time() {
    let text = "<tool_call>{\"a\":[".repeat(20_000) + &"]}".repeat(20_000) + "x";
    let whole = parse(ToolFormat::Hermes, [text.as_str()]);
    assert_eq!(whole, [Piece::Text(text)]);
}
