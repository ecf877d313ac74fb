//! Server-sent events from a blocking reader.
//!
//! Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html>; only `data` matters
//! here.

use std::io::{self, BufRead};

/// A line of an event may be this long; a server that sends more is broken.
const LINE_BYTES_MAX: usize = 16 << 20;

/// Reads events one by one.
pub(crate) struct Events<R> {
    reader: R,
    line: Vec<u8>,
}

impl<R: BufRead> Events<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
        }
    }

    /// The data of the next event; nothing at the end of the stream.
    pub(crate) fn next(&mut self) -> io::Result<Option<String>> {
        let mut data: Option<String> = None;
        while self.read_line()? {
            let text = String::from_utf8_lossy(&self.line);
            let text = text.trim_end_matches(['\r', '\n']);
            if text.is_empty() {
                match data.take() {
                    Some(data) => return Ok(Some(data)),
                    None => continue,
                }
            }
            if let Some(value) = text.strip_prefix("data:") {
                let value = value.strip_prefix(' ').unwrap_or(value);
                match &mut data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => data = Some(value.to_owned()),
                }
            }
        }
        Ok(data)
    }

    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(!self.line.is_empty());
            }
            let (count, done) = match available.iter().position(|byte| *byte == b'\n') {
                Some(place) => (place + 1, true),
                None => (available.len(), false),
            };
            self.line.extend_from_slice(&available[..count]);
            self.reader.consume(count);
            if done {
                return Ok(true);
            }
            if self.line.len() > LINE_BYTES_MAX {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("an event of the stream is longer than {LINE_BYTES_MAX} bytes"),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_whatever_the_line_ends_are() {
        let text = ": hello\n\ndata: a\r\n\r\nevent: x\ndata:b\ndata: c\n\n\ndata: last";
        let mut events = Events::new(io::BufReader::with_capacity(3, text.as_bytes()));
        let mut found = Vec::new();
        while let Some(data) = events.next().unwrap() {
            found.push(data);
        }
        assert_eq!(found, ["a", "b\nc", "last"]);
    }
}
