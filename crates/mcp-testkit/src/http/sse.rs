//! Server-sent events, read apart. Source: WHATWG HTML, *Server-sent events*.

/// One event of an event stream, or a block that holds comments only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SseEvent {
    /// The `event` field.
    pub event: Option<String>,
    /// The `data` fields, joined by line feeds.
    pub data: String,
    /// The `id` field.
    pub id: Option<String>,
    /// The `retry` field: milliseconds.
    pub retry: Option<u64>,
    /// The comments, without their colon.
    pub comments: Vec<String>,
}

/// Takes a stream apart as it comes.
#[derive(Debug, Default)]
pub(crate) struct SseParser {
    bytes: Vec<u8>,
}

impl SseParser {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next block that an empty line has ended.
    pub(crate) fn next_event(&mut self) -> Option<SseEvent> {
        let mut at = 0;
        let mut lines = Vec::new();
        loop {
            let rest = self.bytes.get(at..)?;
            let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
            let line = rest.get(..length)?.to_vec();
            let end = match (rest.get(length), rest.get(length + 1)) {
                (Some(b'\r'), Some(b'\n')) => 2,
                // A lone carriage return at the end may be half of a line end.
                (Some(b'\r'), None) => return None,
                _ => 1,
            };
            at += length + end;
            if !line.is_empty() {
                lines.push(String::from_utf8_lossy(&line).into_owned());
            } else if !lines.is_empty() {
                break;
            }
        }
        self.bytes.drain(..at);
        Some(event(&lines))
    }
}

fn event(lines: &[String]) -> SseEvent {
    let mut event = SseEvent::default();
    let mut data: Vec<&str> = Vec::new();
    for line in lines {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => event.comments.push(value.to_owned()),
            "event" => event.event = Some(value.to_owned()),
            "data" => data.push(value),
            "id" => event.id = Some(value.to_owned()),
            "retry" => event.retry = value.parse().ok(),
            _ => {}
        }
    }
    event.data = data.join("\n");
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, piece: usize) -> Vec<SseEvent> {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        for part in text.as_bytes().chunks(piece) {
            parser.push(part);
            events.extend(std::iter::from_fn(|| parser.next_event()));
        }
        events
    }

    #[test]
    fn events_are_the_same_in_pieces_of_any_size() {
        let text = "\u{3a} hello\n\nevent: message\ndata: a\ndata: b\nid: 7\nretry: 10\n\ndata:x\r\n\r\ndata: unfinished\n";
        let whole = all(text, text.len());
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[0].comments, ["hello"]);
        assert_eq!(whole[1].data, "a\nb");
        assert_eq!(whole[1].id.as_deref(), Some("7"));
        assert_eq!(whole[1].retry, Some(10));
        assert_eq!(whole[2].data, "x");
        for size in 1..text.len() {
            assert_eq!(all(text, size), whole, "in pieces of {size}");
        }
    }
}
