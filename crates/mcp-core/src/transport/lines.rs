//! One JSON message a line, over any byte stream.
//!
//! Source: specification, *Transports → stdio*.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// A message that is no message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The line is longer than allowed; it was skipped to its end, and the next one can be read.
    #[error("a message is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
        /// How it begins, in which its id may be found.
        start: Box<[u8]>,
    },
    /// The stream failed.
    #[error("the stream failed: {0}")]
    Io(#[from] io::Error),
}

/// Cuts a byte stream into lines, never holding more than one line's limit and one read.
///
/// A last line without a line end counts as one. Carriage returns before a line end and empty lines
/// are skipped.
pub struct LineReader<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Bytes of `buffer` before this were handed out.
    start: usize,
    /// Bytes of `buffer` before this were searched for a line end.
    searched: usize,
    limit: usize,
    skipping: bool,
    ended: bool,
}

/// As much is read at once.
const CHUNK: usize = 64 * 1024;
/// As much of a line that is too long is kept, to tell what it was.
const START: usize = 1024;

/// A line that is longer than allowed.
fn too_long(limit: usize, line: &[u8]) -> LineError {
    LineError::TooLong { limit, start: line.get(..START).unwrap_or(line).into() }
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    /// Reads lines of at most `limit` bytes.
    pub fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            limit,
            skipping: false,
            ended: false,
        }
    }

    /// The next line that was read already, without touching the stream.
    pub fn buffered(&mut self) -> Option<Result<Vec<u8>, LineError>> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            match unsearched.iter().position(|byte| *byte == b'\n') {
                Some(at) => {
                    let end = self.searched + at;
                    let line = self.buffer.get(self.start..end).unwrap_or_default();
                    let line = without_return(line);
                    let line = if line.len() > self.limit {
                        Err(too_long(self.limit, line))
                    } else {
                        Ok(line.trim_ascii().to_vec())
                    };
                    self.start = end + 1;
                    self.searched = self.start;
                    let empty = line.as_ref().is_ok_and(Vec::is_empty);
                    if std::mem::take(&mut self.skipping) || empty {
                        continue;
                    }
                    return Some(line);
                }
                None => {
                    self.searched = self.buffer.len();
                    // Make room before the next read, and forget a line that is too long already.
                    self.buffer.drain(..self.start);
                    self.searched -= self.start;
                    self.start = 0;
                    if self.skipping {
                        self.buffer.clear();
                        self.searched = 0;
                    } else if without_return(&self.buffer).len() > self.limit {
                        self.skipping = true;
                        let line = std::mem::take(&mut self.buffer);
                        self.searched = 0;
                        return Some(Err(too_long(self.limit, &line)));
                    }
                    return None;
                }
            }
        }
    }

    /// The next line, or `None` at the end of the stream. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, LineError>> {
        loop {
            if let Some(line) = self.buffered() {
                return Some(line);
            }
            if self.ended {
                let rest = std::mem::take(&mut self.buffer);
                self.searched = 0;
                let rest = rest.trim_ascii();
                return (!rest.is_empty()).then(|| Ok(rest.to_vec()));
            }
            self.buffer.reserve(CHUNK);
            match self.reader.read_buf(&mut self.buffer).await {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            }
        }
    }
}

/// A line without the carriage return before its end, which is no part of it and does not count. Where
/// the line end itself is still to come, that is a guess, and one byte more is held than allowed.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(bytes: &[u8], limit: usize) -> Vec<Result<String, String>> {
        let mut reader = LineReader::new(bytes, limit);
        let mut seen = Vec::new();
        while let Some(line) = reader.next().await {
            seen.push(match line {
                Ok(line) => Ok(String::from_utf8(line).unwrap()),
                Err(error) => Err(error.to_string()),
            });
        }
        seen
    }

    #[tokio::test]
    async fn lines_are_cut_at_line_ends() {
        let seen = lines(b"a\r\n\n  \nb\nlast", 10).await;
        assert_eq!(seen, [Ok("a".to_owned()), Ok("b".to_owned()), Ok("last".to_owned())]);
    }

    #[tokio::test]
    async fn a_long_line_is_skipped_and_the_next_one_read() {
        let mut bytes = vec![b'x'; 3 * CHUNK];
        bytes.extend_from_slice(b"\nnext\n");
        let seen = lines(&bytes, 100).await;
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen[0].as_ref().unwrap_err().contains("100 bytes"));
        assert_eq!(seen[1], Ok("next".to_owned()));
    }

    #[tokio::test]
    async fn the_limit_does_not_count_a_carriage_return_whose_line_end_comes_later() {
        for (stream, expected) in [
            (["12345\r", "\nnext\n"], vec![Ok("12345"), Ok("next")]),
            (["123456\r", "\nnext\n"], vec![Err(()), Ok("next")]),
            (["12345\r", "6\nnext\n"], vec![Err(()), Ok("next")]),
            (["12345", "\r"], vec![Ok("12345")]),
        ] {
            let chunks = stream[0].as_bytes().chain(stream[1].as_bytes());
            let mut reader = LineReader::new(chunks, 5);
            let mut seen = Vec::new();
            while let Some(line) = reader.next().await {
                seen.push(line.map(|line| String::from_utf8(line).unwrap()).map_err(drop));
            }
            let expected: Vec<_> =
                expected.into_iter().map(|line| line.map(str::to_owned)).collect();
            assert_eq!(seen, expected, "{stream:?}");
        }
    }

    #[tokio::test]
    async fn memory_is_bounded_by_the_limit() {
        let bytes = vec![b'x'; 16 * 1024 * 1024];
        let mut reader = LineReader::new(&bytes[..], 1024);
        assert!(matches!(reader.next().await, Some(Err(LineError::TooLong { .. }))));
        assert!(reader.next().await.is_none());
        assert!(reader.buffer.capacity() <= 4 * CHUNK);
    }
}
