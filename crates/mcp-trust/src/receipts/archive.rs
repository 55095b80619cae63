//! Reading, verifying and proving, without writing.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::chain::{self, Chain, TornTail};
use super::checkpoint::Checkpoint;
use super::entry::{self, Entry};
use super::error::{Damage, LogError, io};
use super::merkle::{ConsistencyProof, Frontier, Tree};
use super::note::SignedNote;
use super::proof::ReceiptProof;
use crate::digest::Digest;

/// What a whole log was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What its checkpoint would be.
    pub checkpoint: Checkpoint,
    /// What a crash left of a last entry.
    pub torn: Option<TornTail>,
}

/// Verifies a log from anywhere, keeping nothing but a few digests.
///
/// ```
/// # fn log() -> Vec<u8> { Vec::new() }
/// use mcp_trust::receipts::{LogError, verify};
///
/// assert!(matches!(verify(&mut &b"something else\n"[..]), Err(LogError::NotALog)));
/// ```
///
/// # Errors
/// If it is no log, or was changed.
pub fn verify(reader: &mut dyn BufRead) -> Result<Summary, LogError> {
    let mut chain = Chain::begin(reader)?;
    let mut frontier = Frontier::new();
    let torn = chain.read(reader, |_, digest| frontier.push(digest))?;
    Ok(Summary { checkpoint: Checkpoint::new(chain.origin, chain.next, frontier.root())?, torn })
}

/// A log that was read and verified: its entries can be looked up and proven. Memory: about 72 bytes for each
/// entry.
///
/// It can be used beside the process that writes the log; [`refresh`](Self::refresh) reads what has come since.
///
/// ```
/// use mcp_trust::keys::{Algorithm, SigningKey};
/// use mcp_trust::receipts::note::NoteKey;
/// use mcp_trust::receipts::{LogOptions, ReceiptProof, VerifiedLog};
/// # let folder = std::env::temp_dir().join(format!("mcp-trust-archive-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("receipts");
///
/// let mut log = LogOptions::new("example.com/receipts").create(&path)?;
/// log.append("first")?;
/// log.append("second")?;
/// let key = SigningKey::generate(Algorithm::EdDsa)?;
/// let checkpoint = log.checkpoint()?.sign_now(&key)?;
///
/// // The holder of a receipt gets its entry and the proof, two texts …
/// let archive = VerifiedLog::open(&path)?;
/// let entry = archive.entry(0)?;
/// let proof = archive.prove(0, &checkpoint)?.to_string();
///
/// // … and whoever knows the log's key can verify them, far from the log.
/// let known = NoteKey::new("example.com/receipts", key.verifying_key().clone())?;
/// let proof: ReceiptProof = proof.parse()?;
/// proof.verify(&entry, "example.com/receipts", &[known])?;
/// assert_eq!(entry.receipt(), "\"first\"");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct VerifiedLog {
    path: PathBuf,
    chain: Chain,
    tree: Tree,
    /// Where each entry's line begins.
    places: Vec<u64>,
    torn: Option<TornTail>,
}

impl VerifiedLog {
    /// Reads and verifies a log.
    ///
    /// # Errors
    /// If the file cannot be read, is no log, or was changed.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LogError> {
        let path = path.into();
        let mut reader = reader(&path, 0)?;
        let chain = Chain::begin(&mut reader)?;
        let mut log = Self { path, chain, tree: Tree::new(), places: Vec::new(), torn: None };
        log.read(&mut reader)?;
        Ok(log)
    }

    /// Reads and verifies what was appended since, and says how many entries that were.
    ///
    /// # Errors
    /// If the file cannot be read, or the new part does not follow the old one. What was verified before stays so.
    pub fn refresh(&mut self) -> Result<u64, LogError> {
        let before = self.size();
        let length = std::fs::metadata(&self.path).map_err(io("look at"))?.len();
        if length < self.chain.end {
            let ends = self.places.iter().skip(1);
            let size = ends.take_while(|end| **end <= length).count() as u64;
            return Err(LogError::Truncated { size, expected: before });
        }
        let mut reader = reader(&self.path, self.chain.end)?;
        self.read(&mut reader)?;
        Ok(self.size() - before)
    }

    fn read(&mut self, reader: &mut dyn BufRead) -> Result<(), LogError> {
        let (tree, places) = (&mut self.tree, &mut self.places);
        self.torn = self.chain.read(reader, |at, digest| {
            tree.push(digest);
            places.push(at);
        })?;
        Ok(())
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.chain.origin
    }

    /// How many entries there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root of their tree.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// What a crash left of a last entry, or another process is writing just now.
    #[must_use]
    pub fn torn(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    /// Whether a checkpoint was taken of this log: nothing before it was changed or cut off.
    ///
    /// # Errors
    /// [`LogError::OtherOrigin`], [`LogError::Truncated`] or [`LogError::Rewritten`].
    pub fn check(&self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        let (size, expected) = (self.size(), checkpoint.size());
        if checkpoint.origin() != self.origin() {
            return Err(LogError::OtherOrigin);
        }
        match self.tree.root_at(expected) {
            None => Err(LogError::Truncated { size, expected }),
            Some(root) if root == checkpoint.root() => Ok(()),
            Some(_) => Err(LogError::Rewritten { size: expected }),
        }
    }

    /// An entry, read from the file and verified once more.
    ///
    /// # Errors
    /// If there is none, or the file cannot be read or was changed since.
    pub fn entry(&self, index: u64) -> Result<Entry, LogError> {
        let place = usize::try_from(index).ok().and_then(|index| self.places.get(index));
        let Some(&at) = place else { return Err(LogError::NoEntry { index }) };
        self.entry_in(&mut reader(&self.path, at)?, index)
    }

    /// The entries from one on, in order, each verified once more. Ends after the first that cannot be read.
    ///
    /// ```
    /// use mcp_trust::receipts::{LogError, LogOptions, VerifiedLog};
    /// # let folder = std::env::temp_dir().join(format!("mcp-trust-entries-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("receipts");
    ///
    /// let mut log = LogOptions::new("example.com/receipts").create(&path)?;
    /// for receipt in ["a", "b", "c"] {
    ///     log.append(receipt)?;
    /// }
    /// let archive = VerifiedLog::open(&path)?;
    /// let entries: Vec<_> = archive.entries(1)?.collect::<Result<_, LogError>>()?;
    /// assert_eq!((entries.len(), entries[0].receipt()), (2, "\"b\""));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn entries(
        &self,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<Entry, LogError>> + '_, LogError> {
        let place = usize::try_from(from).ok().and_then(|from| self.places.get(from));
        let mut reader = match place {
            Some(at) => Some(reader(&self.path, *at)?),
            None => None,
        };
        let mut index = from;
        Ok(std::iter::from_fn(move || {
            if index >= self.size() {
                return None;
            }
            let from = reader.as_mut()?;
            let entry = self.entry_in(from, index);
            index += 1;
            if entry.is_err() {
                reader = None;
            }
            Some(entry)
        }))
    }

    /// The entry that begins where a reader is.
    fn entry_in(&self, reader: &mut dyn BufRead, index: u64) -> Result<Entry, LogError> {
        let place = usize::try_from(index).ok().and_then(|index| self.places.get(index));
        let (Some(&at), Some(leaf)) = (place, self.tree.leaf(index)) else {
            return Err(LogError::NoEntry { index });
        };
        let line = chain::line(reader, at)?;
        let whole = line.strip_suffix(b"\n").and_then(entry::whole);
        match whole.filter(|(_, digest)| digest == leaf) {
            Some((json, _)) => Ok(Entry::parse(json)?),
            None => Err(LogError::Tampered { at, index, damage: Damage::Digest }),
        }
    }

    /// Proves to others that an entry is in the log, as of a signed checkpoint of it. The checkpoint's signatures
    /// are the verifier's concern.
    ///
    /// # Errors
    /// If the checkpoint is not one of this log, or older than the entry.
    pub fn prove(&self, index: u64, checkpoint: &SignedNote) -> Result<ReceiptProof, LogError> {
        let parsed: Checkpoint = checkpoint.unverified_text().parse()?;
        self.check(&parsed)?;
        let path = self.tree.prove_inclusion(index, parsed.size());
        let path = path.ok_or(LogError::NoEntry { index })?;
        Ok(ReceiptProof::new(index, path, checkpoint.clone()))
    }

    /// Proves to others who hold an older checkpoint that a newer one only adds to it.
    ///
    /// # Errors
    /// If one of them is not a checkpoint of this log, or the first is the newer one.
    pub fn prove_consistency(
        &self,
        old: &Checkpoint,
        new: &Checkpoint,
    ) -> Result<ConsistencyProof, LogError> {
        self.check(old)?;
        self.check(new)?;
        let truncated = LogError::Truncated { size: new.size(), expected: old.size() };
        self.tree.prove_consistency(old.size(), new.size()).ok_or(truncated)
    }
}

fn reader(path: &Path, at: u64) -> Result<BufReader<File>, LogError> {
    let mut file = File::open(path).map_err(io("open"))?;
    file.seek(SeekFrom::Start(at)).map_err(io("seek in"))?;
    Ok(BufReader::with_capacity(1 << 16, file))
}
