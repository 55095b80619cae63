//! Writing a log.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::chain::{self, Chain, TornTail};
use super::checkpoint::Checkpoint;
use super::entry::{self, MAX_RECEIPT};
use super::error::{LogError, io};
use super::merkle::Frontier;
use super::note;
use crate::canonical::Canonical;
use crate::digest::Digest;

/// When what was written is made to reach the disk (`fdatasync`, or what the system has in its place). Until then
/// a receipt survives a crash of the process, but not one of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// Before [`append`](ReceiptLog::append) or [`append_all`](ReceiptLog::append_all) returns. The
    /// default.
    #[default]
    Each,
    /// As soon as so many receipts wait for it.
    After(NonZeroU64),
    /// When [`sync`](ReceiptLog::sync) or [`checkpoint`](ReceiptLog::checkpoint) is called: the application has a clock, and
    /// this crate has none.
    OnRequest,
}

/// How to open a log.
///
/// ```
/// use mcp_trust::receipts::{LogOptions, SyncPolicy};
///
/// let options = LogOptions::new("example.com/receipts").sync(SyncPolicy::OnRequest);
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
pub struct LogOptions {
    origin: String,
    sync: SyncPolicy,
    expected: Vec<Checkpoint>,
}

impl LogOptions {
    /// A log of this origin: a name that no other log has, such as an address without its scheme,
    /// `example.com/receipts`.
    #[must_use]
    pub fn new(origin: impl Into<String>) -> Self {
        Self { origin: origin.into(), sync: SyncPolicy::default(), expected: Vec::new() }
    }

    /// Sets when receipts reach the disk.
    #[must_use]
    pub fn sync(mut self, sync: SyncPolicy) -> Self {
        self.sync = sync;
        self
    }

    /// Refuses to open the log unless it is one of which this checkpoint was taken: nothing before it
    /// was changed or cut off. Verify the checkpoint's signature first.
    #[must_use]
    pub fn expect(mut self, checkpoint: Checkpoint) -> Self {
        self.expected.push(checkpoint);
        self
    }

    /// Makes a new log.
    ///
    /// # Errors
    /// If the file exists, is being written by another, or cannot be made.
    pub fn create(&self, path: impl AsRef<Path>) -> Result<ReceiptLog, LogError> {
        let path = one_path(path.as_ref()).map_err(io("find"))?;
        self.start(&path, OpenOptions::new().create_new(true)).map(|(log, _)| log)
    }

    /// Opens a log to append to it. All of it is read and verified; what a crash left of the last entry is cut
    /// off and handed back, to be logged as a warning.
    ///
    /// # Errors
    /// If the file does not exist, is being written by another, is no log of this origin, was changed, or does not
    /// have an expected checkpoint.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<(ReceiptLog, Option<TornTail>), LogError> {
        let path = path.as_ref().canonicalize().map_err(io("find"))?;
        self.start(&path, &mut OpenOptions::new())
    }

    /// Opens a log, or makes a new one if the file does not exist. If there was a checkpoint, use
    /// [`open`](Self::open): a log that was deleted must not be replaced by a new one in silence.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_or_create(
        &self,
        path: impl AsRef<Path>,
    ) -> Result<(ReceiptLog, Option<TornTail>), LogError> {
        let path = one_path(path.as_ref()).map_err(io("find"))?;
        self.start(&path, OpenOptions::new().create(true))
    }

    fn start(
        &self,
        path: &Path,
        options: &mut OpenOptions,
    ) -> Result<(ReceiptLog, Option<TornTail>), LogError> {
        note::check_name(&self.origin)?;
        let lock = lock(path)?;
        let options = options.read(true).write(true);
        let mut file = options.open(path).map_err(io("open"))?;
        let (chain, frontier, torn) = self.read(&mut file)?;
        if let Some(torn) = &torn {
            file.set_len(torn.at).map_err(io("cut"))?;
        }
        let mut log = ReceiptLog {
            durable: chain.next,
            sync: self.sync,
            file,
            _lock: lock,
            chain,
            frontier,
            failed: false,
        };
        let end = SeekFrom::Start(log.chain.end);
        log.file.seek(end).map_err(io("seek in"))?;
        if log.chain.end == 0 {
            let mut line = Vec::new();
            log.chain.head = entry::write_header(&mut line, &self.origin);
            log.write(&line)?;
        }
        log.sync()?;
        sync_folder(path).map_err(io("synchronise the folder of"))?;
        Ok((log, torn))
    }

    fn read(&self, file: &mut File) -> Result<(Chain, Frontier, Option<TornTail>), LogError> {
        let mut frontier = Frontier::new();
        let mut reader = BufReader::with_capacity(1 << 16, file);
        // A log that is empty, or whose header was not written completely, is new.
        let first = chain::line(&mut reader, 0)?;
        let torn =
            if first.is_empty() { None } else { Some(TornTail { at: 0, bytes: first.clone() }) };
        let (chain, torn) = if !first.ends_with(b"\n") && entry::torn_header(&first, &self.origin) {
            let head = Digest::of(b"");
            (Chain { head, next: 0, end: 0, origin: self.origin.clone() }, torn)
        } else {
            let mut chain = Chain::begin(&mut first.as_slice())?;
            if chain.origin != self.origin {
                return Err(LogError::OtherOrigin);
            }
            let mut expected: Vec<_> = self.expected.iter().collect();
            expected.sort_by_key(|checkpoint| checkpoint.size());
            let mut expected = expected.into_iter().peekable();
            let mut wrong = None;
            let mut look = |frontier: &Frontier| {
                while let Some(one) = expected.next_if(|one| one.size() == frontier.size()) {
                    if one.root() != frontier.root() || one.origin() != self.origin {
                        wrong.get_or_insert(one.size());
                    }
                }
            };
            look(&frontier);
            let torn = chain.read(&mut reader, |_, digest| {
                frontier.push(digest);
                look(&frontier);
            })?;
            if let Some(size) = wrong {
                return Err(LogError::Rewritten { size });
            }
            (chain, torn)
        };
        match self.expected.iter().map(Checkpoint::size).max() {
            Some(expected) if expected > chain.next => {
                Err(LogError::Truncated { size: chain.next, expected })
            }
            _ => Ok((chain, frontier, torn)),
        }
    }
}

/// A path that is the same for everybody who means the file.
fn one_path(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or(error)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Ok(folder.unwrap_or(Path::new(".")).canonicalize()?.join(name))
        }
        other => other,
    }
}

/// Locks a file beside the log. Not the log itself: on Windows nobody could read it then.
fn lock(path: &Path) -> Result<File, LogError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(beside);
    let file = file.map_err(io("open the lock of"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked),
        Err(TryLockError::Error(source)) => Err(LogError::Io { action: "lock", source }),
    }
}

/// Makes a new file's name reach the disk, where systems have that.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Where a receipt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its place in the log, from zero.
    pub index: u64,
    /// The digest of its entry, which inclusion proofs are of.
    pub digest: Digest,
    /// The digest of the entry before, or of the log's header.
    pub after: Digest,
    /// Whether it has reached the disk; see [`SyncPolicy`].
    pub durable: bool,
}

/// A log that is open for appending. Only one value in all processes can be, for one file.
///
/// Its methods block on the disk. For several threads there is [`SharedLog`](super::SharedLog).
///
/// ```
/// use mcp_trust::receipts::LogOptions;
/// # let folder = std::env::temp_dir().join(format!("mcp-trust-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("receipts");
///
/// let mut log = LogOptions::new("example.com/receipts").create(&path)?;
/// let appended = log.append(&serde_json::json!({"call": "c-1", "outcome": "executed"}))?;
/// assert_eq!((appended.index, appended.durable), (0, true));
/// assert_eq!(log.checkpoint()?.size(), 1);
/// # drop(log);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ReceiptLog {
    file: File,
    _lock: File,
    chain: Chain,
    frontier: Frontier,
    sync: SyncPolicy,
    /// How many receipts are known to be on the disk.
    durable: u64,
    failed: bool,
}

impl ReceiptLog {
    /// Appends a receipt.
    ///
    /// # Errors
    /// If it has no canonical form or is too long, nothing is written. If writing fails, it may be in the log or
    /// not, and the log must be opened again.
    pub fn append<T: Serialize + ?Sized>(&mut self, receipt: &T) -> Result<Appended, LogError> {
        let receipt = Canonical::of(receipt)?;
        let appended = self.append_all([&receipt])?;
        appended.into_iter().next().ok_or(LogError::Failed)
    }

    /// Appends receipts in one write, and with [`SyncPolicy::Each`] one synchronisation.
    ///
    /// # Errors
    /// As [`append`](Self::append). If one is too long, none is written.
    pub fn append_all<'a>(
        &mut self,
        receipts: impl IntoIterator<Item = &'a Canonical>,
    ) -> Result<Vec<Appended>, LogError> {
        let mut appended = self.write_all(receipts)?;
        let due = match self.sync {
            SyncPolicy::Each => true,
            SyncPolicy::After(count) => self.chain.next - self.durable >= count.get(),
            SyncPolicy::OnRequest => false,
        };
        if due && self.durable < self.chain.next {
            self.sync()?;
            appended.iter_mut().for_each(|entry| entry.durable = true);
        }
        Ok(appended)
    }

    /// Appends without synchronising.
    pub(super) fn write_all<'a>(
        &mut self,
        receipts: impl IntoIterator<Item = &'a Canonical>,
    ) -> Result<Vec<Appended>, LogError> {
        if self.failed {
            return Err(LogError::Failed);
        }
        let (mut lines, mut appended) = (Vec::new(), Vec::new());
        let (mut head, mut index) = (self.chain.head, self.chain.next);
        for receipt in receipts {
            if receipt.as_bytes().len() > MAX_RECEIPT {
                return Err(LogError::ReceiptTooLong { limit: MAX_RECEIPT });
            }
            let after = head;
            head = entry::write(&mut lines, &after, index, receipt.as_str());
            appended.push(Appended { index, digest: head, after, durable: false });
            index += 1;
        }
        self.write(&lines)?;
        for entry in &appended {
            self.frontier.push(entry.digest);
        }
        (self.chain.head, self.chain.next) = (head, index);
        Ok(appended)
    }

    /// A second handle to the file.
    pub(super) fn handle(&self) -> Result<File, LogError> {
        self.file.try_clone().map_err(io("open"))
    }

    /// Notes that so many receipts are on the disk.
    pub(super) fn reached(&mut self, size: u64) {
        self.durable = self.durable.max(size);
    }

    /// Notes that writing or synchronising failed.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        if bytes.is_empty() {
            return Ok(());
        }
        // A lock binds only those who ask for it.
        if self.file.metadata().map_err(io("look at"))?.len() != self.chain.end {
            self.failed = true;
            return Err(LogError::Interfered);
        }
        if let Err(source) = self.file.write_all(bytes) {
            self.failed = true;
            return Err(LogError::Io { action: "write", source });
        }
        self.chain.end += bytes.len() as u64;
        Ok(())
    }

    /// Makes everything that was appended reach the disk.
    ///
    /// # Errors
    /// If the system says that it did not. It may have forgotten then what it should have written, so trying again would
    /// prove nothing: the log must be opened again.
    pub fn sync(&mut self) -> Result<(), LogError> {
        if self.failed {
            return Err(LogError::Failed);
        }
        if let Err(source) = self.file.sync_data() {
            self.failed = true;
            return Err(LogError::Io { action: "synchronise", source });
        }
        self.durable = self.chain.next;
        Ok(())
    }

    /// What the log is now, to be signed. Everything reaches the disk first: a checkpoint must not outlive what it
    /// speaks of.
    ///
    /// # Errors
    /// As [`sync`](Self::sync).
    pub fn checkpoint(&mut self) -> Result<Checkpoint, LogError> {
        if self.durable < self.chain.next || self.failed {
            self.sync()?;
        }
        Ok(Checkpoint::new(&*self.chain.origin, self.chain.next, self.frontier.root())?)
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.chain.origin
    }

    /// How many receipts there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.chain.next
    }

    /// How many of them have reached the disk.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable
    }
}

/// Synchronises what is left. Whoever must know whether it worked calls [`ReceiptLog::sync`].
impl Drop for ReceiptLog {
    fn drop(&mut self) {
        if self.durable < self.chain.next && !self.failed {
            let _ = self.sync();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_write_that_failed_the_log_must_be_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts");
        let options = LogOptions::new("example.com/receipts");
        let mut log = options.create(&path).unwrap();
        log.append("one").unwrap();
        // A handle that cannot write stands for a full disk.
        let writable = std::mem::replace(&mut log.file, File::open(&path).unwrap());
        assert!(matches!(log.append("two"), Err(LogError::Io { action: "write", .. })));
        log.file = writable;
        assert!(matches!(log.append("two"), Err(LogError::Failed)));
        assert!(matches!(log.checkpoint(), Err(LogError::Failed)));
        assert_eq!((log.size(), log.durable()), (1, 1));
        drop(log);
        let (mut log, torn) = options.open(&path).unwrap();
        assert_eq!((log.size(), torn), (1, None));
        assert_eq!(log.append("two").unwrap().index, 1);
    }
}
