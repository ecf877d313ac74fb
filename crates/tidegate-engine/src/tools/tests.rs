//! Tool calls of every family, whole, broken and cut anywhere.

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
