//! Answers with tool calls: however the text is cut, the pieces are the same, and without a call no
//! character is lost.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_engine::{Piece, ToolFormat, ToolParser};

// The first byte says how to cut the rest.
fuzz_target!(|data: &[u8]| {
    let Some((&step, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let formats = [
        ToolFormat::Hermes,
        ToolFormat::Llama,
        ToolFormat::Mistral { named: true },
        ToolFormat::None,
    ];
    for format in formats {
        let whole = parse(format, std::iter::once(text));
        assert_eq!(whole, parse(format, cut(text, usize::from(step % 7) + 1)));
        if !whole.iter().any(|piece| matches!(piece, Piece::Call { .. })) {
            let spoken: String = whole
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text.as_str(),
                    Piece::Call { .. } | Piece::Arguments { .. } => "",
                })
                .collect();
            assert_eq!(spoken, text);
        }
    }
});

/// Pieces of this many characters.
fn cut(text: &str, count: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(count).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// All pieces, neighbours joined.
fn parse<'a>(format: ToolFormat, parts: impl Iterator<Item = &'a str>) -> Vec<Piece> {
    let mut parser = ToolParser::new(format, ["tide"], 1);
    let mut fresh: Vec<Piece> = parts.flat_map(|part| parser.push(part)).collect();
    fresh.extend(parser.finish());
    let mut pieces: Vec<Piece> = Vec::new();
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
