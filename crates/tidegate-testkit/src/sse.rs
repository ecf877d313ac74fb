//! Server-sent events, read as a browser would.

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event:` field, or empty.
    pub event: String,
    /// The `data:` lines, joined.
    pub data: String,
}

/// Every event of a stream and how many comments came between.
pub fn parse(text: &str) -> (Vec<SseEvent>, usize) {
    let (mut events, mut comments) = (Vec::new(), 0);
    for block in text.split("\n\n").filter(|block| !block.is_empty()) {
        let mut event = SseEvent::default();
        let mut fields = 0;
        for line in block.lines() {
            if line.starts_with(':') {
                comments += 1;
            } else if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut event.event);
                fields += 1;
            } else if let Some(data) = line.strip_prefix("data: ") {
                if !event.data.is_empty() {
                    event.data.push('\n');
                }
                event.data.push_str(data);
                fields += 1;
            }
        }
        if fields > 0 {
            events.push(event);
        }
    }
    (events, comments)
}
