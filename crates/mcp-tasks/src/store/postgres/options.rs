//! How a PostgreSQL store is opened, and why it cannot be.

use std::time::Duration;

use mcp_core::sealed::KeyRing;

use super::connect::Failure;
use crate::store::engine::{Codec, MAX_ROW, Plain};
use crate::store::sealed::Sealed;
use crate::store::{Clock, StoreError};

/// Why a PostgreSQL store cannot be opened. Nothing here names the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The address is no connection string of PostgreSQL.
    #[error("this is no address of a PostgreSQL database, as in postgres://user@host/database")]
    Address,
    /// The schema's name is none that this store takes.
    #[error(
        "the schema's name must be of small letters, digits and _, at most 48, and not begin with a digit"
    )]
    Schema,
    /// The system has no certificates to check the server's with.
    #[error("TLS is not possible: {0}")]
    Tls(String),
    /// The database does not answer, or not as it should.
    #[error("the database cannot be used: {0}")]
    Database(String),
    /// A later version of this library has changed the tables.
    #[error("the tables are of a later version: {found}, this library knows {known}")]
    Version {
        /// What is in the database.
        found: i64,
        /// What this library knows.
        known: i64,
    },
    /// What is in the tables cannot be read: it is encrypted with a key that is not given, say.
    #[error("{0}")]
    Content(StoreError),
}

impl From<Failure> for PostgresError {
    fn from(failure: Failure) -> Self {
        Self::Database(failure.to_string())
    }
}

/// How a [`PostgresStore`](super::PostgresStore) is opened.
pub struct PostgresOptions {
    pub(super) schema: String,
    pub(super) codec: Box<dyn Codec>,
    pub(super) clock: Option<Box<dyn Clock>>,
    pub(super) max_row: usize,
    pub(super) connections: usize,
    pub(super) timeout: Duration,
    pub(super) patience: Duration,
    pub(super) look_every: Duration,
    pub(super) views_within: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            schema: "mcp_tasks".to_owned(),
            codec: Box::new(Plain),
            clock: None,
            max_row: MAX_ROW,
            connections: 8,
            timeout: Duration::from_secs(10),
            patience: Duration::from_secs(15),
            look_every: Duration::from_secs(15),
            views_within: Duration::from_secs(2),
        }
    }
}

impl PostgresOptions {
    /// The defaults: schema `mcp_tasks`, not encrypted, 8 MiB for a task, eight connections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the schema in which the tables are. It is created if it is not there.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// Encrypts tasks at rest: requests, principals, answers, results. Identifiers, times and the names of
    /// tools stay readable. All keys of the ring open tasks, the current one seals them.
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

    /// Sets how many connections are used at the same time (8 without), besides one for news.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// Sets how long one statement may take (10 s without).
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time.max(Duration::from_millis(10));
        self
    }

    /// Sets how long a call tries again while the database is away (15 s without), before it comes to
    /// [`StoreError::Unavailable`].
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// Sets how often watched tasks are looked at, told or not (each 15 s without): an instance that died right after a change
    /// did not tell it.
    #[must_use]
    pub fn look_every(mut self, time: Duration) -> Self {
        self.look_every = time.max(Duration::from_millis(100));
        self
    }

    /// Sets how old the answer to a poll may be (2 s without), when another instance changed the task: see
    /// [`PostgresStore`](super::PostgresStore). At least 100 ms; zero asks the database for each poll.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mcp_tasks::store::PostgresOptions;
    ///
    /// let each_asks = PostgresOptions::new().views_within(Duration::ZERO);
    /// # let _ = each_asks;
    /// ```
    #[must_use]
    pub fn views_within(mut self, time: Duration) -> Self {
        let least = if time.is_zero() { Duration::ZERO } else { Duration::from_millis(100) };
        self.views_within = time.max(least);
        self
    }

    /// Sets a clock in the place of the database's own, for tests. Leases are safe only if all instances have
    /// the same.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }
}

/// Names go into statements, where nothing can be bound in their place.
pub(super) fn is_schema_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    first
        && name.len() <= 48
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::is_schema_name;

    #[test]
    fn names_are_plain() {
        for good in ["mcp_tasks", "_", "t2"] {
            assert!(is_schema_name(good), "{good}");
        }
        for bad in ["", "2t", "A", "a b", "a;drop table x", "a\"b", "ä", &"a".repeat(49)] {
            assert!(!is_schema_name(bad), "{bad}");
        }
    }
}
