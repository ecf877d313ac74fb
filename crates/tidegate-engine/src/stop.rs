//! Stop strings in a stream: text goes out as soon as no stop string can begin in it.

/// Looks for stop strings in text that comes in pieces.
///
/// The answer ends with the first stop string that is complete; of several that end at the same
/// character the longest counts. Neither it nor what follows is part of the answer.
#[derive(Debug, Clone)]
pub struct StopMatcher {
    stops: Vec<Stop>,
    /// Text that may be the beginning of a stop string.
    held: String,
    stopped: bool,
}

/// One stop string and how much of it the text ends with.
#[derive(Debug, Clone)]
struct Stop {
    /// Its place in the list that the matcher was made from.
    index: usize,
    bytes: Vec<u8>,
    /// For each length of a matched beginning: the next shorter beginning that is also its end
    /// (Knuth, Morris, Pratt 1977).
    shorter: Vec<usize>,
    matched: usize,
}

impl StopMatcher {
    /// A matcher for these strings. Empty ones are ignored.
    pub fn new<S: AsRef<str>>(stops: &[S]) -> Self {
        let stops = stops
            .iter()
            .enumerate()
            .filter(|(_, stop)| !stop.as_ref().is_empty())
            .map(|(index, stop)| Stop::new(index, stop.as_ref().as_bytes()))
            .collect();
        Self {
            stops,
            held: String::new(),
            stopped: false,
        }
    }

    /// Takes more text and appends to `out` what is certainly part of the answer. Returns which stop
    /// string was met (its place in the list), once; everything after it is dropped.
    pub fn push(&mut self, text: &str, out: &mut String) -> Option<usize> {
        if self.stopped {
            return None;
        }
        if self.stops.is_empty() {
            out.push_str(text);
            return None;
        }
        let before = self.held.len();
        self.held.push_str(text);
        for (offset, &byte) in text.as_bytes().iter().enumerate() {
            let mut met: Option<(usize, usize)> = None;
            for stop in &mut self.stops {
                let complete = stop.advance(byte);
                if complete && met.is_none_or(|(length, _)| stop.bytes.len() > length) {
                    met = Some((stop.bytes.len(), stop.index));
                }
            }
            if let Some((length, index)) = met {
                let end = before + offset + 1;
                out.push_str(&self.held[..end - length]);
                self.held.clear();
                self.stopped = true;
                return Some(index);
            }
        }
        // A beginning of a stop string begins with a whole character, so this cut is between two.
        let keep = self.stops.iter().map(|stop| stop.matched).max().unwrap_or(0);
        out.extend(self.held.drain(..self.held.len() - keep));
        None
    }

    /// The text is over: what was held back is part of the answer.
    pub fn finish(&mut self, out: &mut String) {
        out.push_str(&self.held);
        self.held.clear();
        self.stops.iter_mut().for_each(|stop| stop.matched = 0);
    }

    /// Whether a stop string was met.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// How many bytes are held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

impl Stop {
    fn new(index: usize, bytes: &[u8]) -> Self {
        let mut shorter = vec![0; bytes.len() + 1];
        let mut length = 0;
        for end in 1..bytes.len() {
            while length > 0 && bytes[end] != bytes[length] {
                length = shorter[length];
            }
            length += usize::from(bytes[end] == bytes[length]);
            shorter[end + 1] = length;
        }
        Self {
            index,
            bytes: bytes.to_vec(),
            shorter,
            matched: 0,
        }
    }

    /// Takes one byte; true when the stop string is complete.
    fn advance(&mut self, byte: u8) -> bool {
        while self.matched > 0 && self.bytes[self.matched] != byte {
            self.matched = self.shorter[self.matched];
        }
        self.matched += usize::from(self.bytes[self.matched] == byte);
        self.matched == self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a reader with the whole text would do.
    fn oracle(text: &str, stops: &[String]) -> (String, Option<usize>) {
        for end in 1..=text.len() {
            let ending = stops
                .iter()
                .enumerate()
                .filter(|(_, stop)| !stop.is_empty() && text.as_bytes()[..end].ends_with(stop.as_bytes()))
                .max_by_key(|(index, stop)| (stop.len(), std::cmp::Reverse(*index)));
            if let Some((index, stop)) = ending {
                return (text[..end - stop.len()].to_owned(), Some(index));
            }
        }
        (text.to_owned(), None)
    }

    fn stream<'a>(pieces: impl Iterator<Item = &'a str>, stops: &[String]) -> (String, Option<usize>) {
        let mut matcher = StopMatcher::new(stops);
        let (mut out, mut met) = (String::new(), None);
        for piece in pieces {
            met = met.or(matcher.push(piece, &mut out));
        }
        matcher.finish(&mut out);
        (out, met)
    }

    #[test]
    fn only_a_possible_beginning_is_held_back() {
        let mut matcher = StopMatcher::new(&["\n\nUser:", "§ende"]);
        let mut out = String::new();
        assert_eq!(matcher.push("Hello\n", &mut out), None);
        assert_eq!(out, "Hello");
        assert_eq!(matcher.push("world §en", &mut out), None);
        assert_eq!(out, "Hello\nworld ");
        assert_eq!(matcher.push("d\n", &mut out), None);
        assert_eq!(matcher.held(), 1);
        assert_eq!(matcher.push("\nUser: hi", &mut out), Some(0));
        assert_eq!(out, "Hello\nworld §end");
        assert!(matcher.is_stopped());
        assert_eq!(matcher.push("more", &mut out), None);
        assert_eq!(out, "Hello\nworld §end");
    }

    #[test]
    fn overlapping_stops_end_at_the_first_complete_one() {
        let stops = |list: &[&str]| list.iter().map(|stop| (*stop).to_owned()).collect::<Vec<_>>();
        let run = |text: &str, list: &[&str]| stream(text.split_inclusive(|_: char| true), &stops(list));
        assert_eq!(run("xabc", &["abcd", "bc"]), ("xa".into(), Some(1)));
        assert_eq!(run("xabc", &["bc", "abc"]), ("x".into(), Some(1)));
        assert_eq!(run("aaab", &["aab"]), ("a".into(), Some(0)));
        assert_eq!(run("abab", &["", "abac"]), ("abab".into(), None));
    }

    proptest! {
        #[test]
        fn any_split_gives_what_the_oracle_says(
            pieces in prop::collection::vec("[abé🙂]{0,4}", 0..12),
            stops in prop::collection::vec("[abé🙂]{0,4}", 0..5),
        ) {
            let text = pieces.concat();
            let result = stream(pieces.iter().map(String::as_str), &stops);
            prop_assert_eq!(result, oracle(&text, &stops));
        }
    }
}
