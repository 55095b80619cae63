//! Lines come out the same however the stream is cut, and as a plain split says.
#![no_main]

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;
use mcp_core::transport::{LineError, LineReader};
use tokio::io::{AsyncRead, ReadBuf};

const LIMIT: usize = 24;

/// Hands out a stream in chunks of the given sizes, over and over.
struct Chunks<'a> {
    stream: &'a [u8],
    sizes: &'a [u8],
    at: usize,
}

impl AsyncRead for Chunks<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let size = self.sizes.get(self.at % self.sizes.len().max(1)).map_or(usize::MAX, |size| {
            // Nothing would be the end of the stream.
            usize::from(*size % 32) + 1
        });
        self.at += 1;
        let (chunk, rest) =
            self.stream.split_at(size.min(self.stream.len()).min(buffer.remaining()));
        buffer.put_slice(chunk);
        self.stream = rest;
        Poll::Ready(Ok(()))
    }
}

/// `None` stands for a line that was too long.
fn read(stream: &[u8], sizes: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut reader = LineReader::new(Chunks { stream, sizes, at: 0 }, LIMIT);
    let mut lines = Vec::new();
    loop {
        let next = pin!(reader.next()).poll(&mut Context::from_waker(Waker::noop()));
        match next {
            Poll::Ready(None) => return lines,
            Poll::Ready(Some(Ok(line))) => lines.push(Some(line)),
            Poll::Ready(Some(Err(LineError::TooLong { .. }))) => lines.push(None),
            Poll::Ready(Some(Err(error))) => panic!("a stream that does not fail failed: {error}"),
            Poll::Pending => panic!("a stream that is always ready was waited for"),
        }
    }
}

fn expected(stream: &[u8]) -> Vec<Option<Vec<u8>>> {
    stream
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| line.len() > LIMIT || !line.trim_ascii().is_empty())
        .map(|line| (line.len() <= LIMIT).then(|| line.trim_ascii().to_vec()))
        .collect()
}

fuzz_target!(|data: &[u8]| {
    let (count, rest) = data.split_first().unwrap_or((&0, &[]));
    let (sizes, stream) = rest.split_at(usize::from(*count % 8).min(rest.len()));
    assert_eq!(read(stream, sizes), expected(stream), "in chunks of {sizes:?}");
    assert_eq!(read(stream, &[]), expected(stream), "at once");
});
