//! SentencePiece vocabularies of GGUF files: pieces with scores.
//!
//! Byte-pair merging by score is written out here. Merge lists derived from the scores, as
//! `transformers` makes them, rank the ways to make one piece; SentencePiece gives them one score
//! and takes the leftmost. Source: `bpe_model.cc` of <https://github.com/google/sentencepiece>.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};

use tokenizers::models::ModelWrapper;

use super::charsmap::Normalizer;
use super::machine;
use super::matcher::{Fragment, Matcher};

/// A text encoder for SentencePiece vocabularies.
pub(super) struct SentencePiece {
    /// Tokens whose text means themselves in trusted text.
    pub(super) controls: Matcher,
    pub(super) normalizer: Normalizer,
    pub(super) model: Pieces,
}

/// How pieces are chosen.
pub(super) enum Pieces {
    /// Merging by score.
    Merges(Merges),
    /// The most probable segmentation.
    Unigram(ModelWrapper),
}

/// What merging by score needs to know.
#[derive(Default)]
pub(super) struct Merges {
    /// Pieces that merging may make, with their scores.
    pub(super) pieces: HashMap<String, (u32, f32)>,
    /// Pieces that merging may pass through but not end with.
    pub(super) unused: HashSet<u32>,
    /// Pieces that are never merged with their neighbours.
    pub(super) user_defined: Matcher,
    /// The tokens of the 256 bytes, if the vocabulary has them.
    pub(super) bytes: Option<Vec<u32>>,
    /// Stands for what cannot be written.
    pub(super) unknown: u32,
}

impl SentencePiece {
    /// Appends the text's tokens, without begin and end tokens.
    pub(super) fn encode(&self, text: &str, parse_special: bool, ids: &mut Vec<u32>) {
        if !parse_special {
            return self.encode_plain(text, ids);
        }
        for fragment in self.controls.split(text) {
            match fragment {
                Fragment::Token(id) => ids.push(id),
                Fragment::Text(text) => self.encode_plain(text, ids),
            }
        }
    }

    fn encode_plain(&self, text: &str, ids: &mut Vec<u32>) {
        let text = self.normalizer.apply(text);
        match &self.model {
            Pieces::Merges(merges) => merges.encode(&text, ids),
            // It fails only without an unknown token, and the reader gives it one.
            Pieces::Unigram(model) => {
                let tokens = machine::tokenize(model, &text).unwrap_or_default();
                ids.extend(tokens.into_iter().map(|token| token.id));
            }
        }
    }
}

/// A stretch of the text, in a doubly linked list.
struct Symbol {
    start: usize,
    /// 0 once it was merged into its left neighbour.
    len: usize,
    before: Option<usize>,
    after: Option<usize>,
    frozen: bool,
}

/// A merge that could be made.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both; another length means that one of them has changed since.
    len: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

/// One run of the merging.
struct Run<'m, 't> {
    merges: &'m Merges,
    text: &'t str,
    symbols: Vec<Symbol>,
    agenda: BinaryHeap<Pair>,
    /// For pieces that may not stay: the length of the left part that made them.
    made_of: HashMap<&'t str, usize>,
}

impl Merges {
    fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let mut run = Run {
            merges: self,
            text,
            symbols: self.symbols(text),
            agenda: BinaryHeap::new(),
            made_of: HashMap::new(),
        };
        for right in 1..run.symbols.len() {
            run.propose(right - 1, right);
        }
        while let Some(pair) = run.agenda.pop() {
            run.join(&pair);
        }
        run.write(ids);
    }

    fn symbols(&self, text: &str) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = Vec::with_capacity(text.len());
        let mut start = 0;
        while let Some(character) = text[start..].chars().next() {
            let user_defined = self.user_defined.at(text, start);
            let len = user_defined.map_or(character.len_utf8(), |found| found.0);
            let place = symbols.len();
            if let Some(last) = symbols.last_mut() {
                last.after = Some(place);
            }
            let before = place.checked_sub(1);
            symbols.push(Symbol {
                start,
                len,
                before,
                after: None,
                frozen: user_defined.is_some(),
            });
            start += len;
        }
        symbols
    }
}

impl<'t> Run<'_, 't> {
    fn piece(&self, place: usize) -> &'t str {
        let symbol = &self.symbols[place];
        &self.text[symbol.start..symbol.start + symbol.len]
    }

    /// Puts a merge on the agenda, if the vocabulary has the piece.
    fn propose(&mut self, left: usize, right: usize) {
        let (a, b) = (&self.symbols[left], &self.symbols[right]);
        if a.frozen || b.frozen {
            return;
        }
        let (len, left_len) = (a.len + b.len, a.len);
        let piece = &self.text[a.start..a.start + len];
        if let Some(&(id, score)) = self.merges.pieces.get(piece) {
            self.agenda.push(Pair {
                score,
                left,
                right,
                len,
            });
            if self.merges.unused.contains(&id) {
                self.made_of.insert(piece, left_len);
            }
        }
    }

    /// Makes a merge, if its parts are still there.
    fn join(&mut self, pair: &Pair) {
        let (left, right) = (&self.symbols[pair.left], &self.symbols[pair.right]);
        if left.len == 0 || right.len == 0 || left.len + right.len != pair.len {
            return;
        }
        let (before, after) = (left.before, right.after);
        self.symbols[pair.left].len = pair.len;
        self.symbols[pair.left].after = after;
        self.symbols[pair.right].len = 0;
        if let Some(after) = after {
            self.symbols[after].before = Some(pair.left);
            self.propose(pair.left, after);
        }
        if let Some(before) = before {
            self.propose(before, pair.left);
        }
    }

    fn write(&self, ids: &mut Vec<u32>) {
        let mut after_unknown = false;
        let mut open = Vec::new();
        for place in (0..self.symbols.len()).filter(|&place| self.symbols[place].len > 0) {
            open.push(self.piece(place));
            while let Some(piece) = open.pop() {
                let id = self.merges.pieces.get(piece).map(|found| found.0);
                let parts = id
                    .filter(|id| self.merges.unused.contains(id))
                    .and_then(|_| self.made_of.get(piece));
                if let Some(&left) = parts {
                    open.extend([&piece[left..], &piece[..left]]);
                    continue;
                }
                match (id, &self.merges.bytes) {
                    (Some(id), _) => ids.push(id),
                    (None, Some(bytes)) => ids.extend(piece.bytes().map(|byte| bytes[usize::from(byte)])),
                    // A run of unknown pieces is one unknown token.
                    (None, None) if !after_unknown => ids.push(self.merges.unknown),
                    (None, None) => {}
                }
                after_unknown = id.is_none();
            }
        }
    }
}
