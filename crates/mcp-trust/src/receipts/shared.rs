//! One log for many threads, and one synchronisation for all that wait.

use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use serde::Serialize;

use super::checkpoint::Checkpoint;
use super::error::LogError;
use super::log::{Appended, ReceiptLog};
use crate::canonical::Canonical;

/// A log that several threads append to. Each call returns when its receipts are on the disk, but those that come while one
/// synchronisation runs share the next: a disk that manages 300 a second takes thousands of receipts, each of them
/// durable before it is acknowledged.
///
/// Calls block. In an asynchronous program, make them where blocking is allowed (`spawn_blocking` in tokio). The
/// log's own [`SyncPolicy`](super::SyncPolicy) is not used.
///
/// ```
/// use mcp_trust::receipts::{LogOptions, SharedLog};
/// # let folder = std::env::temp_dir().join(format!("mcp-trust-shared-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("receipts");
///
/// let log = SharedLog::new(LogOptions::new("example.com/receipts").create(&path)?)?;
/// std::thread::scope(|scope| {
///     for thread in 0..4 {
///         let log = log.clone();
///         scope.spawn(move || log.append(&thread).map(|appended| assert!(appended.durable)));
///     }
/// });
/// assert_eq!(log.checkpoint()?.size(), 4);
/// # drop(log);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SharedLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The same file, to be synchronised while others write.
    file: File,
    /// Never held while the disk is waited for, so that those whose receipts have arrived go on at once. Taken
    /// before `log` by those who take both.
    turn: Mutex<Turn>,
    /// Told when a synchronisation has ended.
    ended: Condvar,
    log: Mutex<ReceiptLog>,
}

#[derive(Debug)]
struct Turn {
    /// How many receipts are on the disk.
    durable: u64,
    /// Whether a thread is synchronising.
    running: bool,
    failed: bool,
}

impl SharedLog {
    /// Shares a log.
    ///
    /// # Errors
    /// If the system gives no second handle to its file, or the log failed earlier.
    pub fn new(mut log: ReceiptLog) -> Result<Self, LogError> {
        log.sync()?;
        let file = log.handle()?;
        let turn = Mutex::new(Turn { durable: log.durable(), running: false, failed: false });
        Ok(Self(Arc::new(Shared { file, turn, ended: Condvar::new(), log: Mutex::new(log) })))
    }

    /// Appends a receipt, and returns when it is on the disk.
    ///
    /// # Errors
    /// As [`ReceiptLog::append`].
    pub fn append<T: Serialize + ?Sized>(&self, receipt: &T) -> Result<Appended, LogError> {
        let receipt = Canonical::of(receipt)?;
        let appended = self.append_all([&receipt])?;
        appended.into_iter().next().ok_or(LogError::Failed)
    }

    /// Appends receipts next to one another, and returns when they are on the disk.
    ///
    /// # Errors
    /// As [`ReceiptLog::append_all`].
    pub fn append_all<'a>(
        &self,
        receipts: impl IntoIterator<Item = &'a Canonical>,
    ) -> Result<Vec<Appended>, LogError> {
        let mut appended = lock(&self.0.log)?.write_all(receipts)?;
        if let Some(last) = appended.last() {
            self.wait_for(last.index)?;
        }
        appended.iter_mut().for_each(|entry| entry.durable = true);
        Ok(appended)
    }

    /// Returns when the entry is on the disk.
    fn wait_for(&self, index: u64) -> Result<(), LogError> {
        let mut turn = lock(&self.0.turn)?;
        loop {
            if turn.durable > index {
                return Ok(());
            }
            if turn.failed {
                return Err(LogError::Failed);
            }
            if !turn.running {
                break;
            }
            turn = self.0.ended.wait(turn).map_err(|_| LogError::Failed)?;
        }
        turn.running = true;
        drop(turn);
        let synced = self.synchronise();
        let mut turn = lock(&self.0.turn)?;
        turn.running = false;
        match &synced {
            Ok(size) => turn.durable = turn.durable.max(*size),
            Err(_) => turn.failed = true,
        }
        self.0.ended.notify_all();
        synced.map(|_| ())
    }

    /// Makes everything that is written by now reach the disk, and says how many receipts that are. What others write
    /// meanwhile waits for the next time.
    fn synchronise(&self) -> Result<u64, LogError> {
        let size = lock(&self.0.log)?.size();
        let synced = self.0.file.sync_data();
        let mut log = lock(&self.0.log)?;
        match synced {
            Ok(()) => {
                log.reached(size);
                Ok(size)
            }
            Err(source) => {
                log.fail();
                Err(LogError::Io { action: "synchronise", source })
            }
        }
    }

    /// What the log is now, to be signed. Everything in it is on the disk.
    ///
    /// # Errors
    /// As [`ReceiptLog::checkpoint`].
    pub fn checkpoint(&self) -> Result<Checkpoint, LogError> {
        let mut turn = lock(&self.0.turn)?;
        let mut log = lock(&self.0.log)?;
        let checkpoint = log.checkpoint();
        turn.failed |= checkpoint.is_err();
        turn.durable = log.durable();
        self.0.ended.notify_all();
        checkpoint
    }

    /// How many receipts there are, those included that are not on the disk yet.
    ///
    /// # Errors
    /// If a thread panicked while it wrote.
    pub fn size(&self) -> Result<u64, LogError> {
        Ok(lock(&self.0.log)?.size())
    }
}

/// A log that a thread left in the middle of something is one whose writing failed.
fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, LogError> {
    mutex.lock().map_err(|_| LogError::Failed)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;
    use crate::receipts::{LogOptions, VerifiedLog};

    #[test]
    fn many_threads_append_and_each_finds_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts");
        let log =
            SharedLog::new(LogOptions::new("example.com/receipts").create(&path).unwrap()).unwrap();
        let start = Barrier::new(8);
        let appended: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| {
                    let (log, start) = (log.clone(), &start);
                    scope.spawn(move || {
                        start.wait();
                        let one = |number| {
                            (
                                format!("{thread}/{number}"),
                                log.append(&format!("{thread}/{number}")).unwrap(),
                            )
                        };
                        (0..20).map(one).collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let checkpoint = log.checkpoint().unwrap();
        assert_eq!((checkpoint.size(), log.size().unwrap()), (160, 160));
        drop(log);
        let archive = VerifiedLog::open(&path).unwrap();
        archive.check(&checkpoint).unwrap();
        for (text, appended) in appended {
            assert!(appended.durable);
            let entry = archive.entry(appended.index).unwrap();
            assert_eq!(entry.receipt(), format!("\"{text}\""));
            assert_eq!(entry.digest(), appended.digest);
        }
    }

    #[test]
    fn a_failure_is_everybodys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts");
        let log =
            SharedLog::new(LogOptions::new("example.com/receipts").create(&path).unwrap()).unwrap();
        log.append("one").unwrap();
        lock(&log.0.log).unwrap().fail();
        let other = log.clone();
        assert!(matches!(other.append("two"), Err(LogError::Failed)));
        assert!(matches!(other.checkpoint(), Err(LogError::Failed)));
        assert!(matches!(log.append_all([]), Err(LogError::Failed)));
    }
}
