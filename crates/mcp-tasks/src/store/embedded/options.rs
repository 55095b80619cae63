//! How an embedded store is opened, and why it cannot be.

use std::path::PathBuf;

use mcp_core::sealed::KeyRing;

use crate::store::engine::{Codec, MAX_ROW, Plain};
use crate::store::sealed::Sealed;
use crate::store::{Clock, StoreError, SystemClock};

/// Why an embedded store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Another process (or this one) has the file open. Only one can.
    #[error("{path}: the file is open already; only one process can use it")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened or created, or is no store.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What is in the file cannot be read: it is damaged, or encrypted with a key that is not given.
    #[error("{path}: {source}")]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
}

/// How an [`EmbeddedStore`](super::EmbeddedStore) is opened.
pub struct EmbeddedOptions {
    pub(super) clock: Box<dyn Clock>,
    pub(super) codec: Box<dyn Codec>,
    pub(super) max_row: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { clock: Box::new(SystemClock::default()), codec: Box::new(Plain), max_row: MAX_ROW }
    }
}

impl EmbeddedOptions {
    /// The defaults: not encrypted, 8 MiB for a task, the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Encrypts tasks at rest: requests, principals, answers, results. Identifiers and times stay
    /// readable. All keys of the ring open tasks, the current one seals them.
    #[must_use]
    pub fn encrypted(mut self, keys: KeyRing) -> Self {
        self.codec = Box::new(Sealed::new(keys));
        self
    }

    /// Sets the most bytes that one task may have.
    #[must_use]
    pub fn max_task_size(mut self, bytes: usize) -> Self {
        self.max_row = bytes;
        self
    }

    /// Sets the clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }
}
