//! Where tasks live: the one seam between the protocol and a database.
//!
//! A task is a [`TaskRow`]. All rules about rows are written once, as the row's own pure transitions;
//! a store only makes one transition at a time durable. [`TaskStore`] is what servers use.
//!
//! | store | for |
//! |---|---|
//! | [`MemoryStore`] | tests, and servers whose tasks may die with them |
//! | `EmbeddedStore` (feature `embedded`) | one machine: one file, every change synced to disk |
//! | `PostgresStore` (feature `postgres`) | many machines that share a database |
//!
//! An implementation shows that it keeps the contract with the suite in `mcp-testkit` (feature `tasks`).

mod clock;
#[cfg(feature = "embedded")]
mod embedded;
// What only stores that survive need is there for them alone.
#[cfg_attr(not(all(feature = "embedded", feature = "postgres")), allow(dead_code))]
mod engine;
mod error;
mod hub;
mod id;
mod lately;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod row;
#[cfg(any(feature = "embedded", feature = "postgres"))]
mod sealed;
mod time;
mod view;
mod wanted;

pub use clock::{Clock, ManualClock, SystemClock};
#[cfg(feature = "embedded")]
pub use embedded::{EmbeddedError, EmbeddedOptions, EmbeddedStore};
pub use error::StoreError;
pub use hub::{Hub, Watcher};
pub use id::TaskId;
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresError, PostgresOptions, PostgresStore};
pub use row::{Claim, Ended, NewTask, Phase, Question, Stale, TaskRequest, TaskRow};
pub use time::Timestamp;
pub use view::TaskView;
pub use wanted::Wanted;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcp_core::RawJson;
use mcp_core::protocol::InputRequest;

/// A worker's right to write to a task: valid until somebody else claims the task, or it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The task.
    pub id: TaskId,
    /// The number of the claim. A later claim has a higher one.
    pub fence: u64,
}

/// What came of [`TaskStore::create`].
#[derive(Debug, Clone)]
pub struct Created {
    /// The task.
    pub row: TaskRow,
    /// Whether it was there already, by its idempotency key.
    pub existed: bool,
}

/// Keeps tasks.
///
/// The contract, which the suite in `mcp-testkit` checks:
///
/// - A call that returned `Ok` is durable, as far as the store is; one that returned an error changed
///   nothing, or (after [`StoreError::Unavailable`]) may have changed everything it says.
/// - Every write of a worker carries its [`Hold`]. With an old one it changes nothing and comes to
///   [`StoreError::Stale`].
/// - A task that has ended never changes, until it is swept.
/// - Time is the store's: no caller says what time it is.
/// - A task that has outlived its ttl is not found, swept or not.
/// - A task of another principal is not found.
/// - Each visible change is told to the [`Hub`], after it is durable, whoever made it.
/// - Futures may be dropped at any time; what they began is then done or not done, never half.
#[async_trait]
pub trait TaskStore: Send + Sync + 'static {
    /// Adds a task. With an idempotency key that the same principal used for the same tool before, it
    /// answers the task of then, as long as that is kept.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the key came with another request then, [`StoreError::TooLarge`].
    async fn create(&self, task: NewTask) -> Result<Created, StoreError>;

    /// Takes up to `limit` of the `wanted` tasks that wait for a worker, oldest first, or whose worker
    /// let its lease of `lease` run out. Tasks whose attempts are used up become failed on the way.
    async fn claim(
        &self,
        wanted: &Wanted,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<TaskRow>, StoreError>;

    /// Keeps a claimed task for another `lease`, and sets its status message if there is a new one.
    ///
    /// # Errors
    /// [`StoreError::Stale`]: stop working.
    async fn heartbeat(
        &self,
        hold: &Hold,
        lease: Duration,
        message: Option<String>,
    ) -> Result<(), StoreError>;

    /// Keeps a value for later runs of the same task. The first value of a key stays.
    ///
    /// # Errors
    /// [`StoreError::Stale`], [`StoreError::TooLarge`].
    async fn checkpoint(&self, hold: &Hold, key: &str, value: RawJson) -> Result<(), StoreError>;

    /// Asks the client, and gives the task back until all questions are answered. Questions whose key
    /// has an answer already are left out; if none is left, the task waits for a worker at once.
    ///
    /// # Errors
    /// [`StoreError::Stale`], [`StoreError::TooLarge`].
    async fn ask(
        &self,
        hold: &Hold,
        questions: BTreeMap<String, InputRequest>,
    ) -> Result<(), StoreError>;

    /// Throws an answer away, so that the question can be asked again.
    ///
    /// # Errors
    /// [`StoreError::Stale`].
    async fn discard(&self, hold: &Hold, key: &str) -> Result<(), StoreError>;

    /// Gives a task back unfinished, so that another worker goes on at once. Does not count as an
    /// attempt.
    ///
    /// # Errors
    /// [`StoreError::Stale`].
    async fn release(&self, hold: &Hold) -> Result<(), StoreError>;

    /// Ends a task.
    ///
    /// # Errors
    /// [`StoreError::Stale`], [`StoreError::TooLarge`].
    async fn finish(&self, hold: &Hold, end: Ended) -> Result<(), StoreError>;

    /// Takes answers of the client's, by the keys that it was shown. Those of no open question are
    /// ignored. Says how many were taken.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::TooLarge`].
    async fn answer(
        &self,
        id: &TaskId,
        principal: Option<&str>,
        answers: BTreeMap<String, RawJson>,
    ) -> Result<usize, StoreError>;

    /// Cancels a task. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn cancel(&self, id: &TaskId, principal: Option<&str>) -> Result<(), StoreError>;

    /// The task as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn get(&self, id: &TaskId, principal: Option<&str>) -> Result<TaskRow, StoreError>;

    /// The task as its client sees it.
    ///
    /// Clients ask for it again and again while nothing changes, so a store should not do more than it
    /// must. One that only this process writes to may keep the view until the task's revision changes;
    /// one that others write to, too, has to ask for the revision first, or to say how old an answer may be and keep
    /// to it, whatever becomes of news. Nobody is shown an earlier state than somebody was before by the same instance. Without an implementation of
    /// its own, a store reads the whole task and renders it each time.
    ///
    /// # Errors
    /// As [`TaskStore::get`].
    async fn view(
        &self,
        id: &TaskId,
        principal: Option<&str>,
    ) -> Result<Arc<TaskView>, StoreError> {
        Ok(Arc::new(TaskView::of(&self.get(id, principal).await?)?))
    }

    /// Forgets up to `limit` tasks that have outlived their ttl. Says how many.
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError>;

    /// Where changes are told.
    fn hub(&self) -> &Hub;

    /// Whether other processes may use it at the same time, which may have other tools. Workers then
    /// claim the tasks of their own tools, and leave the others' to them.
    fn is_shared(&self) -> bool {
        false
    }
}
