//! Rows that only the holders of a key can read.

use std::time::Duration;

use mcp_core::sealed::{Binding, KeyRing, Sealer};

use super::engine::Codec;
use super::{StoreError, TaskId};

/// Seals rows with authenticated encryption, each bound to its task: a row that was changed, or put in
/// the place of another, does not open. (That an older version of the same row was put back is not
/// found out.)
pub(super) struct Sealed(Sealer);

/// As much as a [`Sealer`] takes at once, and some room.
const CHUNK: usize = 96 * 1024;

impl Sealed {
    pub(super) fn new(keys: KeyRing) -> Self {
        Self(Sealer::new(keys))
    }
}

/// Each chunk is bound to its place and to the number of all, so that none can be left out.
fn binding<'a>(id: &'a TaskId, place: &'a str) -> Binding<'a> {
    Binding { principal: None, method: "task row", target: id.as_str(), arguments: place }
}

fn place(at: usize, count: usize) -> String {
    format!("[{at},{count}]")
}

impl Codec for Sealed {
    fn encode(&self, id: &TaskId, plain: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let chunks: Vec<_> = plain.chunks(CHUNK).collect();
        let mut tokens = Vec::with_capacity(chunks.len());
        for (at, chunk) in chunks.iter().enumerate() {
            let place = place(at, chunks.len());
            // Tasks have a ttl of their own; their seal does not end.
            let forever = Duration::from_secs(u64::MAX);
            let token = self.0.seal(&binding(id, &place), forever, chunk);
            tokens.push(token.map_err(StoreError::unavailable)?);
        }
        Ok(tokens.join(".").into_bytes())
    }

    fn decode(&self, id: &TaskId, bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let text = std::str::from_utf8(&bytes).map_err(StoreError::unavailable)?;
        let tokens: Vec<_> = text.split('.').collect();
        let mut plain = Vec::with_capacity(bytes.len());
        for (at, token) in tokens.iter().enumerate() {
            let place = place(at, tokens.len());
            let chunk = self.0.open(&binding(id, &place), token);
            plain.extend(chunk.map_err(StoreError::unavailable)?);
        }
        Ok(plain)
    }
}
