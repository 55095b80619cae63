//! Tasks in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mcp_core::RawJson;
use mcp_core::protocol::InputRequest;

use super::engine::{MAX_ROW, News, Plain, Table, Tables, Transaction};
use super::view::Views;
use super::{
    Clock, Created, Ended, Hold, Hub, NewTask, StoreError, SystemClock, TaskId, TaskRow, TaskStore,
    TaskView, Wanted,
};

/// Keeps tasks in memory: they end with the process. For tests, and for servers that say so.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), mcp_tasks::store::StoreError> {
/// use mcp_core::RawJson;
/// use mcp_tasks::protocol::TaskStatus;
/// use mcp_tasks::store::{MemoryStore, NewTask, TaskRequest, TaskStore};
///
/// let store = MemoryStore::new();
/// let request = TaskRequest {
///     method: "tools/call".to_owned(),
///     tool: "index".to_owned(),
///     version: None,
///     params: RawJson::null(),
/// };
/// let created = store.create(NewTask::new(request)).await?;
/// assert_eq!(store.get(&created.row.id, None).await?.status(), TaskStatus::Working);
/// # Ok(()) }
/// ```
pub struct MemoryStore {
    /// One lock for both: a view is never older than its row.
    kept: Mutex<(Sorted, Views)>,
    hub: Hub,
    clock: Box<dyn Clock>,
    max_row: usize,
}

#[derive(Default)]
struct Sorted(BTreeMap<(Table, Vec<u8>), Vec<u8>>);

impl Tables for Sorted {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(&(table, key.to_vec())).cloned())
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.0.insert((table, key.to_vec()), value.to_vec());
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.0.remove(&(table, key.to_vec()));
        Ok(())
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let range =
            (Bound::Included((table, from.to_vec())), Bound::Excluded((table, to.to_vec())));
        Ok(self.0.range(range).take(limit).map(|((_, key), _)| key.clone()).collect())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_clock(SystemClock::default())
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store with a clock of its own.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self {
            kept: Mutex::default(),
            hub: Hub::default(),
            clock: Box::new(clock),
            max_row: MAX_ROW,
        }
    }

    /// Sets the most bytes that one task may have (8 MiB without).
    #[must_use]
    pub fn max_task_size(mut self, bytes: usize) -> Self {
        self.max_row = bytes;
        self
    }

    fn transact<R>(
        &self,
        run: impl FnOnce(&mut Transaction<'_, Sorted>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut news = News::default();
        let result = {
            let (tables, views) = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let result = run(&mut Transaction {
                tables,
                codec: &Plain,
                now: self.clock.now(),
                max_row: self.max_row,
                news: &mut news,
            });
            for (id, row) in &news.written {
                views.written(id, row.as_ref().map(|(row, _)| row.revision));
            }
            result
        };
        if result.is_ok() {
            for id in &news.changed {
                self.hub.tell(id);
            }
            if news.work {
                self.hub.tell_work();
            }
        }
        result
    }
}

#[async_trait]
impl TaskStore for MemoryStore {
    async fn create(&self, task: NewTask) -> Result<Created, StoreError> {
        let id = TaskId::generate()?;
        self.transact(|transaction| transaction.create(id, task))
    }

    async fn claim(
        &self,
        wanted: &Wanted,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<TaskRow>, StoreError> {
        self.transact(|transaction| transaction.claim(wanted, lease, limit))
    }

    async fn heartbeat(
        &self,
        hold: &Hold,
        lease: Duration,
        message: Option<String>,
    ) -> Result<(), StoreError> {
        self.transact(|transaction| transaction.heartbeat(hold, lease, message))
    }

    async fn checkpoint(&self, hold: &Hold, key: &str, value: RawJson) -> Result<(), StoreError> {
        self.transact(|transaction| transaction.checkpoint(hold, key, value))
    }

    async fn ask(
        &self,
        hold: &Hold,
        questions: BTreeMap<String, InputRequest>,
    ) -> Result<(), StoreError> {
        self.transact(|transaction| transaction.ask(hold, questions))
    }

    async fn discard(&self, hold: &Hold, key: &str) -> Result<(), StoreError> {
        self.transact(|transaction| transaction.discard(hold, key))
    }

    async fn release(&self, hold: &Hold) -> Result<(), StoreError> {
        self.transact(|transaction| transaction.release(hold))
    }

    async fn finish(&self, hold: &Hold, ended: Ended) -> Result<(), StoreError> {
        self.transact(|transaction| transaction.finish(hold, ended))
    }

    async fn answer(
        &self,
        id: &TaskId,
        principal: Option<&str>,
        answers: BTreeMap<String, RawJson>,
    ) -> Result<usize, StoreError> {
        self.transact(|transaction| transaction.answer(id, principal, answers))
    }

    async fn cancel(&self, id: &TaskId, principal: Option<&str>) -> Result<(), StoreError> {
        self.transact(|transaction| transaction.cancel(id, principal))
    }

    async fn get(&self, id: &TaskId, principal: Option<&str>) -> Result<TaskRow, StoreError> {
        self.transact(|transaction| transaction.get(id, principal))
    }

    async fn view(
        &self,
        id: &TaskId,
        principal: Option<&str>,
    ) -> Result<Arc<TaskView>, StoreError> {
        let now = self.clock.now();
        let (tables, views) = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = views.get(id) {
            let found = view.is_visible_to(principal, now).then(|| Arc::clone(view));
            return found.ok_or(StoreError::NotFound);
        }
        let news = &mut News::default();
        let transaction = Transaction { tables, codec: &Plain, now, max_row: self.max_row, news };
        let view = Arc::new(TaskView::of(&transaction.get(id, principal)?)?);
        views.put(id, &view);
        Ok(view)
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.transact(|transaction| transaction.sweep(limit))
    }

    fn hub(&self) -> &Hub {
        &self.hub
    }
}
