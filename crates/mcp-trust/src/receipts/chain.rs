//! Reading a log from its beginning, or from where it was left.

use std::io::{BufRead, Read};

use super::entry::{self, MAX_LINE};
use super::error::{Damage, LogError, io};
use crate::digest::Digest;

/// What a crash left of an entry that was being written: bytes after the last whole entry that are the beginning of
/// another one. The entry was never acknowledged.
///
/// This is a warning, not an error: whoever opens a log for writing has it cut off, and whoever reads a log should show
/// it. An end that was cut off on purpose looks the same; only a [checkpoint](super::Checkpoint) tells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} bytes at byte {at} are an entry that was not written completely", bytes.len())]
pub struct TornTail {
    /// Where the bytes begin; everything before is whole.
    pub at: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// How far a log has been read and found whole.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// The digest of the last line.
    pub(super) head: Digest,
    /// The index of the next entry.
    pub(super) next: u64,
    /// Where the next line begins.
    pub(super) end: u64,
    pub(super) origin: String,
}

impl Chain {
    /// Reads the header.
    pub(super) fn begin(reader: &mut dyn BufRead) -> Result<Self, LogError> {
        let line = line(reader, 0)?;
        let line = line.strip_suffix(b"\n").ok_or(LogError::NotALog)?;
        let damaged = LogError::Tampered { at: 0, index: 0, damage: Damage::Digest };
        let Some((json, head)) = entry::whole(line) else {
            // What begins as a header does was one.
            return Err(if line.starts_with(b"{\"format\":\"mcp-trust/") {
                damaged
            } else {
                LogError::NotALog
            });
        };
        let origin = entry::origin(json).ok_or(LogError::NotALog)?;
        Ok(Self { head, next: 0, end: line.len() as u64 + 1, origin })
    }

    /// Reads entries to the end of the file, from where this chain ends. `each` gets an entry's place in the file and
    /// its digest.
    pub(super) fn read(
        &mut self,
        reader: &mut dyn BufRead,
        mut each: impl FnMut(u64, Digest),
    ) -> Result<Option<TornTail>, LogError> {
        loop {
            let (at, index) = (self.end, self.next);
            let line = line(reader, at)?;
            if line.is_empty() {
                return Ok(None);
            }
            let Some(line) = line.strip_suffix(b"\n") else {
                return if entry::torn(&line, &self.head, index) {
                    Ok(Some(TornTail { at, bytes: line }))
                } else {
                    Err(LogError::Tampered { at, index, damage: Damage::Tail })
                };
            };
            let digest = entry::check(line, &self.head, index)
                .map_err(|damage| LogError::Tampered { at, index, damage })?;
            each(at, digest);
            (self.head, self.next, self.end) = (digest, index + 1, at + line.len() as u64 + 1);
        }
    }
}

/// One line with its line feed, or what is left of the file.
pub(super) fn line(reader: &mut dyn BufRead, at: u64) -> Result<Vec<u8>, LogError> {
    let mut line = Vec::new();
    let mut reader = reader.take(MAX_LINE as u64 + 1);
    reader.read_until(b'\n', &mut line).map_err(io("read"))?;
    if line.len() > MAX_LINE { Err(LogError::LineTooLong { at }) } else { Ok(line) }
}
