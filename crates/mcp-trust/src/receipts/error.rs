//! Why a log is refused, or does not take a receipt.

use std::fmt;

use super::note::NoteError;
use crate::canonical::CanonicalError;

/// What is wrong with a line that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// The line is not what its own digest says: bytes of it were changed, added or removed.
    Digest,
    /// The line is whole, but does not follow the one before it: lines were removed, added, or put in another
    /// order.
    Order,
    /// The line is whole and follows, but is no entry that this crate writes.
    Form,
    /// What follows the last line is not the beginning of another one.
    Tail,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Digest => "it is not what its digest says",
            Self::Order => "it does not follow the one before it",
            Self::Form => "it has not the form of an entry",
            Self::Tail => "it was not the beginning of an entry",
        })
    }
}

/// Why a log is refused, or does not take a receipt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file cannot be opened, read, written or synchronised.
    #[error("cannot {action} the log")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Another process, or another value in this one, has the log open for writing.
    #[error("the log is being written by another")]
    Locked,
    /// The file has no header of a log.
    #[error("the file is no log of receipts")]
    NotALog,
    /// The log is another one than expected.
    #[error("the log is that of another origin")]
    OtherOrigin,
    /// The log was changed since it was written.
    #[error("the log was changed at byte {at}, in entry {index}: {damage}")]
    Tampered {
        /// Where the line begins, in bytes.
        at: u64,
        /// Which entry the line should be. The header counts as part of the first.
        index: u64,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A line is longer than any that this crate writes.
    #[error("the log has a line at byte {at} that is longer than any entry")]
    LineTooLong {
        /// Where the line begins, in bytes.
        at: u64,
    },
    /// The log has fewer entries than a checkpoint says: its end was cut off.
    #[error("the log has {size} entries of the {expected} that a checkpoint says")]
    Truncated {
        /// How many it has.
        size: u64,
        /// How many the checkpoint says.
        expected: u64,
    },
    /// The log has other entries than a checkpoint says: it was rewritten.
    #[error("the first {size} entries are not those that a checkpoint says")]
    Rewritten {
        /// How many entries the checkpoint is about.
        size: u64,
    },
    /// The log has no such entry.
    #[error("the log has no entry {index}")]
    NoEntry {
        /// The entry that was asked for.
        index: u64,
    },
    /// The receipt has no canonical form.
    #[error("the receipt is refused")]
    Receipt(#[from] CanonicalError),
    /// The receipt is longer than a log takes.
    #[error("the receipt is longer than {limit} bytes")]
    ReceiptTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A note, checkpoint or proof is refused, or the origin is none.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Somebody else wrote to the file although it is locked.
    #[error("the log was written to by another while it was open")]
    Interfered,
    /// Writing failed earlier, and nobody knows how much is on the disk. Open the log again.
    #[error("writing the log failed earlier; it must be opened again")]
    Failed,
}

/// For `map_err`.
pub(super) fn io(action: &'static str) -> impl FnOnce(std::io::Error) -> LogError {
    move |source| LogError::Io { action, source }
}
