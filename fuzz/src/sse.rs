//! Events come out the same however the stream is cut, and as a second reading of the standard says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_http::sse::SseParser;

/// Events up to the end of the stream, or to the first that is too long.
fn parse<'a>(
    limit: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Vec<u8>>, Result<(), mcp_http::sse::EventTooLarge>) {
    let mut parser = SseParser::new(limit);
    let mut events = Vec::new();
    for chunk in chunks {
        match parser.push(chunk) {
            Ok(more) => events.extend(more),
            Err(error) => return (events, Err(error)),
        }
    }
    (events, Ok(()))
}

/// The standard, step by step, without regard for time and memory.
fn expected(stream: &[u8]) -> Vec<Vec<u8>> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut lines = vec![Vec::new()];
    let mut before = 0;
    for &byte in stream {
        match byte {
            b'\n' if before == b'\r' => {}
            b'\n' | b'\r' => lines.push(Vec::new()),
            byte => lines.last_mut().unwrap().push(byte),
        }
        before = byte;
    }
    // What no line end follows is no line yet.
    lines.pop();
    let (mut events, mut data) = (Vec::new(), None::<Vec<u8>>);
    for line in lines {
        if line.is_empty() {
            events.extend(data.take());
        } else if let Some(value) = match line.strip_prefix(b"data") {
            Some([]) => Some(&[][..]),
            Some([b':', b' ', value @ ..] | [b':', value @ ..]) => Some(value),
            _ => None,
        } {
            match &mut data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                none => *none = Some(value.to_vec()),
            }
        }
    }
    events
}

fuzz_target!(|data: &[u8]| {
    let (size, stream) = data.split_first().unwrap_or((&0, &[]));
    let size = usize::from(*size) + 1;

    let expected = expected(stream);
    assert_eq!(parse(1 << 20, [stream]), (expected.clone(), Ok(())));
    assert_eq!(parse(1 << 20, stream.chunks(size)), (expected.clone(), Ok(())));
    assert_eq!(parse(1 << 20, stream.chunks(1)), (expected.clone(), Ok(())));

    // With a limit, what comes before the event that is too long is the same, and nothing is longer.
    for limit in [0, 8, 64] {
        let (events, _) = parse(limit, stream.chunks(size));
        assert!(events.iter().all(|event| event.len() <= limit));
        assert_eq!(events, expected[..events.len()]);
    }
});
