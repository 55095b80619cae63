//! Reading server-sent events.
//!
//! Source: WHATWG HTML, *Server-sent events → Interpreting an event stream*. Of an event only its data
//! matters here: MCP uses neither event names nor ids, and streams are not resumable.

/// Cuts a byte stream into the data of its events, however it is cut into chunks.
///
/// ```
/// use mcp_http::sse::SseParser;
///
/// let mut parser = SseParser::new(1024);
/// let mut events = parser.push(b": hello\n\ndata: {\"a\":")?;
/// assert!(events.is_empty());
/// events = parser.push(b"1}\r\n\r\n")?;
/// assert_eq!(events, [br#"{"a":1}"#.to_vec()]);
/// # Ok::<(), mcp_http::sse::EventTooLarge>(())
/// ```
#[derive(Debug)]
pub struct SseParser {
    limit: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a carriage return: a line feed right after it belongs to it.
    after_return: bool,
    at_start: bool,
}

/// An event is longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {limit} bytes")]
pub struct EventTooLarge {
    /// The limit in bytes.
    pub limit: usize,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl SseParser {
    /// Reads events of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            after_return: false,
            at_start: true,
        }
    }

    /// Takes the next chunk; answers with the data of the events that it completes.
    ///
    /// # Errors
    /// If an event is too long. The stream is of no use then.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Vec<u8>>, EventTooLarge> {
        let mut events = Vec::new();
        let mut rest = chunk;
        if std::mem::take(&mut self.after_return) {
            match rest.split_first() {
                Some((b'\n', after)) => rest = after,
                Some(_) => {}
                None => self.after_return = true,
            }
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let (line, after) = rest.split_at(end);
            self.extend(line)?;
            rest = match after {
                [b'\r', b'\n', after @ ..] => after,
                [b'\r'] => {
                    self.after_return = true;
                    &[]
                }
                [_, after @ ..] => after,
                [] => &[],
            };
            self.end_line(&mut events);
        }
        self.extend(rest)?;
        Ok(events)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), EventTooLarge> {
        if self.line.len() + self.data.len() + bytes.len() > self.limit {
            return Err(EventTooLarge { limit: self.limit });
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<Vec<u8>>) {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.at_start)
            && let Some(rest) = line.strip_prefix(BOM)
        {
            line = rest.to_vec();
        }
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                events.push(std::mem::take(&mut self.data));
            }
            return;
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let (field, value) = line.split_at(colon);
                let value = value.get(1..).unwrap_or_default();
                (field, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line.as_slice(), &b""[..]),
        };
        if field == b"data" {
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(chunks: &[&[u8]]) -> Vec<String> {
        let mut parser = SseParser::new(1000);
        chunks
            .iter()
            .flat_map(|chunk| parser.push(chunk).unwrap())
            .map(|event| String::from_utf8(event).unwrap())
            .collect()
    }

    #[test]
    fn events_as_the_standard_says() {
        for (stream, events) in [
            ("data: a\n\n", vec!["a"]),
            ("data:a\ndata: b\n\n", vec!["a\nb"]),
            ("\u{feff}data: a\r\r", vec!["a"]),
            ("data: a\r\ndata:  b\r\n\r\n", vec!["a\n b"]),
            (": comment\nevent: x\nid: 1\nretry: 5\ndata: a\n\n", vec!["a"]),
            ("data\n\n", vec![""]),
            ("event: x\n\n", vec![]),
            ("\n\n\n", vec![]),
            ("data: never ended\n", vec![]),
            ("Data: a\n\n", vec![]),
            ("data: a: b\n\ndata: c\n\n", vec!["a: b", "c"]),
        ] {
            assert_eq!(parse(&[stream.as_bytes()]), events, "{stream:?}");
        }
    }

    #[test]
    fn long_events_are_refused() {
        let mut parser = SseParser::new(10);
        assert!(parser.push(b"data: 1\n\n").is_ok());
        assert_eq!(parser.push(&[b'x'; 11]), Err(EventTooLarge { limit: 10 }));
        let mut parser = SseParser::new(20);
        let endless = std::iter::repeat_with(|| parser.push(b"data: 12345\n")).take(10);
        assert!(endless.into_iter().any(|pushed| pushed.is_err()));
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            stream in "(data: ?[a-z]{0,5}|:[a-z]{0,3}|id: 1|)(\r\n|\n|\r){1,3}(data: [a-z]{0,9}(\r|\n|\r\n){2}){0,4}",
            cuts in proptest::collection::vec(0..60_usize, 0..6),
        ) {
            let whole = parse(&[stream.as_bytes()]);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([stream.len()]) {
                chunks.push(&stream.as_bytes()[from..cut]);
                from = cut;
            }
            prop_assert_eq!(parse(&chunks), whole);
        }

        #[test]
        fn no_bytes_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let mut parser = SseParser::new(64);
            for chunk in chunks {
                if parser.push(&chunk).is_err() {
                    break;
                }
            }
        }
    }
}
