//! Proofs that travel with a receipt.
//!
//! Source: C2SP tlog-proof.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, decimal};
use super::entry::Entry;
use super::merkle::InclusionProof;
use super::note::{NoteError, NoteKey, SignedNote};
use crate::digest::Digest;

const FORMAT: &str = "c2sp.org/tlog-proof@v1";
/// A path longer than this belongs to no tree whose size is a 64-bit number.
const MAX_PATH: usize = 64;

/// Everything besides the entry and the log's public key that it takes to verify, offline, that the entry is in the
/// log. As text: C2SP's `.tlog-proof`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptProof {
    index: u64,
    path: InclusionProof,
    checkpoint: SignedNote,
}

impl ReceiptProof {
    pub(super) fn new(index: u64, path: InclusionProof, checkpoint: SignedNote) -> Self {
        Self { index, path, checkpoint }
    }

    /// Which entry it speaks of.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Whether this entry is in the log of this origin, as of the checkpoint that is handed back, which one of the keys
    /// signed.
    ///
    /// # Errors
    /// If the checkpoint is not one of this log, or the proof does not hold.
    pub fn verify(
        &self,
        entry: &Entry,
        origin: &str,
        keys: &[NoteKey],
    ) -> Result<Checkpoint, NoteError> {
        let checkpoint = Checkpoint::verify(&self.checkpoint, origin, keys)?;
        let (size, root) = (checkpoint.size(), checkpoint.root());
        let holds = entry.index() == self.index
            && self.path.verify(&entry.digest(), self.index, size, &root);
        if holds { Ok(checkpoint) } else { Err(NoteError::Inclusion) }
    }
}

impl fmt::Display for ReceiptProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORMAT}\nindex {}", self.index)?;
        for digest in &self.path.0 {
            writeln!(f, "{}", STANDARD.encode(digest.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// A line of extra data is read past: nobody signs it.
impl FromStr for ReceiptProof {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (proof, checkpoint) = text.split_once("\n\n").ok_or(NoteError::Proof)?;
        let mut lines = proof.split('\n').peekable();
        if lines.next() != Some(FORMAT) {
            return Err(NoteError::Proof);
        }
        if let Some(extra) = lines.next_if(|line| line.starts_with("extra ")) {
            let extra = extra.strip_prefix("extra ").unwrap_or_default();
            STANDARD.decode(extra).map_err(|_| NoteError::Proof)?;
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let mut path = Vec::new();
        for line in lines {
            let digest = STANDARD.decode(line).map_err(|_| NoteError::Proof)?;
            let digest = digest.try_into().map_err(|_| NoteError::Proof)?;
            if path.len() == MAX_PATH {
                return Err(NoteError::Proof);
            }
            path.push(Digest::from_bytes(digest));
        }
        Ok(Self {
            index: index.ok_or(NoteError::Proof)?,
            path: InclusionProof(path),
            checkpoint: checkpoint.parse()?,
        })
    }
}
