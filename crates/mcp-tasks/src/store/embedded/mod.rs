//! Tasks in one file.

mod options;
mod recent;
mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use mcp_core::RawJson;
use mcp_core::protocol::InputRequest;
use redb::{Database, DatabaseError, ReadableDatabase};
use tokio::sync::{mpsc, oneshot};

pub use self::options::{EmbeddedError, EmbeddedOptions};
use self::recent::Recent;
use self::tables::{DUE, EXPIRY, KEYS, Open, ROWS, Snapshot};
use super::engine::{News, Transaction};
use super::{
    Created, Ended, Hold, Hub, NewTask, StoreError, TaskId, TaskRow, TaskStore, TaskView, Wanted,
};

/// As many calls share a commit, at most.
const BATCH: usize = 256;
/// As long a commit waits for calls to share it, if the last one was shared: little beside what a disk
/// takes.
const GATHER: Duration = Duration::from_micros(100);
/// As many calls wait for a commit; more wait for their turn to wait.
const QUEUE: usize = 1024;

/// Keeps tasks in one file of this machine, which survive whatever happens to the process.
///
/// A call returns when its change is on disk (`fsync`). Calls that come while a commit is on its way
/// share the next one, so that many at a time are cheap. All disk work happens off the async threads.
/// Only one process can have the file open; leases of the process before end when it is opened.
///
/// When the disk is full, or fails, calls come to [`StoreError::Unavailable`] and change nothing; the
/// file is opened anew with each later call, until it works again.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tasks.redb");
/// use mcp_tasks::store::{EmbeddedStore, TaskStore};
///
/// let store = EmbeddedStore::open(&path)?;
/// assert_eq!(store.sweep(100).await?, 0);
/// # Ok(()) }
/// ```
///
/// Dropping it waits for the commit that is on its way; the file is closed then.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    /// `None` only while it is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

/// One transaction to run, and what to do when it is durable or failed.
type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn FnOnce(&mut Transaction<'_, Open<'_>>) -> Done + Send>;
type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

struct Shared {
    /// `None` while it could not be opened anew after a failure.
    database: RwLock<Option<Database>>,
    opener: Opener,
    options: EmbeddedOptions,
    hub: Hub,
    recent: Mutex<Recent>,
    /// Whether tasks certainly waited for a worker at the last commit that had to do with it. When
    /// they did not, a claim looks before it takes a place in the queue of writers.
    queued: AtomicBool,
}

impl EmbeddedStore {
    /// Opens a file, or creates it.
    ///
    /// # Errors
    /// See [`EmbeddedError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EmbeddedError> {
        Self::open_with(path, EmbeddedOptions::new())
    }

    /// Opens a file with options, or creates it.
    ///
    /// # Errors
    /// See [`EmbeddedError`].
    pub fn open_with(
        path: impl AsRef<Path>,
        options: EmbeddedOptions,
    ) -> Result<Self, EmbeddedError> {
        let path = path.as_ref().to_owned();
        let opener: Opener = {
            let path = path.clone();
            Box::new(move || Database::builder().set_cache_size(16 * 1024 * 1024).create(&path))
        };
        Self::start(path, opener, options)
    }

    fn start(
        path: PathBuf,
        opener: Opener,
        options: EmbeddedOptions,
    ) -> Result<Self, EmbeddedError> {
        let database = opener().map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => EmbeddedError::InUse { path: path.clone() },
            error => EmbeddedError::File { path: path.clone(), reason: error.to_string() },
        })?;
        let shared = Arc::new(Shared {
            database: RwLock::new(Some(database)),
            opener,
            options,
            hub: Hub::default(),
            recent: Mutex::default(),
            queued: AtomicBool::new(true),
        });
        shared.prepare().map_err(|source| EmbeddedError::Content { path: path.clone(), source })?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("mcp-tasks-store".to_owned())
            .spawn(move || writer.write(queue))
            .map_err(|error| EmbeddedError::File { path, reason: error.to_string() })?;
        Ok(Self { shared, jobs: Some(jobs), writer: Some(writer) })
    }

    /// Has the writer run a transaction, and waits until it is durable.
    async fn transact<R: Send + 'static>(
        &self,
        run: impl FnOnce(&mut Transaction<'_, Open<'_>>) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = run(transaction);
            Box::new(move |committed| {
                // Nobody waits if the caller was dropped; the change stands.
                let _ = reply.send(committed.and(result));
            })
        });
        let ended = || StoreError::unavailable("the store could not begin");
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Runs a reading transaction on a thread that may block.
    async fn look<R: Send + 'static>(
        &self,
        run: impl FnOnce(&Transaction<'_, Snapshot>) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || shared.read(run))
            .await
            .map_err(StoreError::unavailable)?
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer of a task store panicked");
        }
    }
}

impl Shared {
    /// Creates the tables, and ends the leases of workers that this process's predecessor had.
    fn prepare(&self) -> Result<(), StoreError> {
        let ended = self.commit(|transaction| {
            transaction.tables.written = true; // The tables themselves, at least.
            transaction.check_codec()?;
            transaction.end_leases()
        })??;
        tracing::debug!(ended, "a task store was opened");
        Ok(())
    }

    /// The writer: until the store is dropped.
    fn write(&self, mut queue: mpsc::Receiver<Job>) {
        let (mut batch, mut before) = (Vec::new(), 1);
        while let Some(first) = queue.blocking_recv() {
            batch.push(first);
            gather(&mut queue, &mut batch, before);
            before = batch.len();
            let mut done = Vec::with_capacity(batch.len());
            let committed = self.commit(|transaction| {
                done.extend(batch.drain(..).map(|job| job(transaction)));
            });
            for reply in done {
                reply(committed.clone());
            }
            // Jobs of a transaction that could not begin.
            batch.clear();
        }
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Runs one transaction; `Ok` when it is on disk, or had nothing to write.
    fn commit<R>(
        &self,
        run: impl FnOnce(&mut Transaction<'_, Open<'_>>) -> R,
    ) -> Result<R, StoreError> {
        self.reopen()?;
        let mut news = News::default();
        let result = {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            let database = database.as_ref().ok_or_else(closed)?;
            self.try_commit(database, &mut news, run)
        };
        match result {
            Ok(result) => {
                self.recent().update(news.written);
                for id in &news.changed {
                    self.hub.tell(id);
                }
                if news.work {
                    self.queued.store(true, Ordering::Release);
                    self.hub.tell_work();
                }
                Ok(result)
            }
            Err(error) => {
                tracing::error!(%error, "a task store failed");
                // Whether the change was made is not known.
                self.recent().clear();
                // The library wants a database that has failed to be opened anew.
                *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
                Err(error)
            }
        }
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_commit<R>(
        &self,
        database: &Database,
        news: &mut News,
        run: impl FnOnce(&mut Transaction<'_, Open<'_>>) -> R,
    ) -> Result<R, StoreError> {
        let write = database.begin_write().map_err(StoreError::unavailable)?;
        let (result, written, broken) = {
            let open = |table| write.open_table(table).map_err(StoreError::unavailable);
            let mut tables = Open {
                tables: [open(ROWS)?, open(DUE)?, open(EXPIRY)?, open(KEYS)?],
                written: false,
                broken: None,
            };
            let result = run(&mut Transaction {
                tables: &mut tables,
                codec: &*self.options.codec,
                now: self.options.clock.now(),
                max_row: self.options.max_row,
                news,
            });
            (result, tables.written, tables.broken)
        };
        if let Some(error) = broken {
            return Err(error);
        }
        if written {
            write.commit().map_err(StoreError::unavailable)?;
        } else {
            write.abort().map_err(StoreError::unavailable)?;
        }
        Ok(result)
    }

    /// Opens the database anew if it has failed.
    fn reopen(&self) -> Result<(), StoreError> {
        let is_open = |database: &Option<Database>| database.is_some();
        if is_open(&self.database.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            *database = Some((self.opener)().map_err(StoreError::unavailable)?);
            tracing::info!("a task store works again");
        }
        Ok(())
    }

    fn read<R>(
        &self,
        run: impl FnOnce(&Transaction<'_, Snapshot>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.reopen()?;
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(closed)?;
        let read = database.begin_read().map_err(StoreError::unavailable)?;
        let open = |table| read.open_table(table).map_err(StoreError::unavailable);
        let mut tables = Snapshot([open(ROWS)?, open(DUE)?, open(EXPIRY)?, open(KEYS)?]);
        run(&Transaction {
            tables: &mut tables,
            codec: &*self.options.codec,
            now: self.options.clock.now(),
            max_row: self.options.max_row,
            news: &mut News::default(),
        })
    }
}

/// Takes what waits, too. Where as many as last time are not there yet, it waits for them a little:
/// those that the last commit released together mostly come back together, and a commit for the
/// first of them alone would make all others wait for two. A caller that is alone never waits.
fn gather(queue: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>, before: usize) {
    let start = Instant::now();
    while batch.len() < BATCH {
        match queue.try_recv() {
            Ok(next) => batch.push(next),
            Err(_) if batch.len() < before && start.elapsed() < GATHER => std::thread::yield_now(),
            Err(_) => return,
        }
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("the file could not be opened anew")
}

#[async_trait]
impl TaskStore for EmbeddedStore {
    async fn create(&self, task: NewTask) -> Result<Created, StoreError> {
        let id = TaskId::generate()?;
        self.transact(move |transaction| transaction.create(id, task)).await
    }

    async fn claim(
        &self,
        wanted: &Wanted,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<TaskRow>, StoreError> {
        // Most claims find nothing, and need no place in the queue of writers.
        let shared = &self.shared;
        if limit == 0 {
            return Ok(Vec::new());
        }
        if !shared.queued.load(Ordering::Acquire)
            && !self.look(|transaction| transaction.has_due()).await?
        {
            return Ok(Vec::new());
        }
        let (shared, wanted) = (Arc::clone(shared), wanted.clone());
        self.transact(move |transaction| {
            let claimed = transaction.claim(&wanted, lease, limit)?;
            if claimed.len() < limit {
                // By the writer, before it tells what the same commit or a later one brings.
                shared.queued.store(false, Ordering::Release);
            }
            Ok(claimed)
        })
        .await
    }

    async fn heartbeat(
        &self,
        hold: &Hold,
        lease: Duration,
        message: Option<String>,
    ) -> Result<(), StoreError> {
        let hold = hold.clone();
        self.transact(move |transaction| transaction.heartbeat(&hold, lease, message)).await
    }

    async fn checkpoint(&self, hold: &Hold, key: &str, value: RawJson) -> Result<(), StoreError> {
        let (hold, key) = (hold.clone(), key.to_owned());
        self.transact(move |transaction| transaction.checkpoint(&hold, &key, value)).await
    }

    async fn ask(
        &self,
        hold: &Hold,
        questions: BTreeMap<String, InputRequest>,
    ) -> Result<(), StoreError> {
        let hold = hold.clone();
        self.transact(move |transaction| transaction.ask(&hold, questions)).await
    }

    async fn discard(&self, hold: &Hold, key: &str) -> Result<(), StoreError> {
        let (hold, key) = (hold.clone(), key.to_owned());
        self.transact(move |transaction| transaction.discard(&hold, &key)).await
    }

    async fn release(&self, hold: &Hold) -> Result<(), StoreError> {
        let hold = hold.clone();
        self.transact(move |transaction| transaction.release(&hold)).await
    }

    async fn finish(&self, hold: &Hold, ended: Ended) -> Result<(), StoreError> {
        let hold = hold.clone();
        self.transact(move |transaction| transaction.finish(&hold, ended)).await
    }

    async fn answer(
        &self,
        id: &TaskId,
        principal: Option<&str>,
        answers: BTreeMap<String, RawJson>,
    ) -> Result<usize, StoreError> {
        let (id, principal) = (id.clone(), principal.map(str::to_owned));
        self.transact(move |transaction| transaction.answer(&id, principal.as_deref(), answers))
            .await
    }

    async fn cancel(&self, id: &TaskId, principal: Option<&str>) -> Result<(), StoreError> {
        let (id, principal) = (id.clone(), principal.map(str::to_owned));
        self.transact(move |transaction| transaction.cancel(&id, principal.as_deref())).await
    }

    async fn get(&self, id: &TaskId, principal: Option<&str>) -> Result<TaskRow, StoreError> {
        let recent = self.shared.recent().row(id);
        if let Some(row) = recent {
            let visible = row.is_visible_to(principal, self.shared.options.clock.now());
            // Cloned outside the lock.
            return visible.then(|| Arc::unwrap_or_clone(row)).ok_or(StoreError::NotFound);
        }
        let (id, principal) = (id.clone(), principal.map(str::to_owned));
        self.look(move |transaction| transaction.get(&id, principal.as_deref())).await
    }

    async fn view(
        &self,
        id: &TaskId,
        principal: Option<&str>,
    ) -> Result<Arc<TaskView>, StoreError> {
        let shared = &self.shared;
        let (view, row, commits) = {
            let recent = shared.recent();
            let view = recent.view(id);
            let row = if view.is_none() { recent.row(id) } else { None };
            (view, row, recent.commits())
        };
        let view = match (view, row) {
            (Some(view), _) => view,
            (None, Some(row)) => {
                let view = Arc::new(TaskView::of(&row)?);
                shared.recent().put_view(id, &view, commits);
                view
            }
            (None, None) => {
                let (id, principal) = (id.clone(), principal.map(str::to_owned));
                let keeper = Arc::clone(shared);
                let look = move |transaction: &Transaction<'_, Snapshot>| {
                    let row = transaction.get(&id, principal.as_deref())?;
                    let view = Arc::new(TaskView::of(&row)?);
                    keeper.recent().put_view(&id, &view, commits);
                    Ok(view)
                };
                self.look(look).await?
            }
        };
        let visible = view.is_visible_to(principal, shared.options.clock.now());
        visible.then_some(view).ok_or(StoreError::NotFound)
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.transact(move |transaction| transaction.sweep(limit)).await
    }

    fn hub(&self) -> &Hub {
        &self.shared.hub
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use redb::StorageBackend;
    use std::io;

    use super::*;
    use crate::store::TaskRequest;

    /// A disk in memory that can be full.
    #[derive(Debug, Default, Clone)]
    struct Disk {
        bytes: Arc<Mutex<Vec<u8>>>,
        full: Arc<AtomicBool>,
    }

    impl Disk {
        fn check(&self) -> io::Result<()> {
            match self.full.load(Ordering::SeqCst) {
                true => Err(io::ErrorKind::StorageFull.into()),
                false => Ok(()),
            }
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            Ok(self.bytes.lock().unwrap().len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let bytes = self.bytes.lock().unwrap();
            let offset = offset as usize;
            let part = bytes.get(offset..offset + out.len());
            out.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            let mut bytes = self.bytes.lock().unwrap();
            if len as usize > bytes.len() {
                self.check()?;
            }
            bytes.resize(len as usize, 0);
            Ok(())
        }

        fn sync_data(&self) -> io::Result<()> {
            self.check()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.check()?;
            let mut bytes = self.bytes.lock().unwrap();
            let offset = offset as usize;
            let part = bytes.get_mut(offset..offset + data.len());
            part.ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
            Ok(())
        }
    }

    fn task() -> NewTask {
        NewTask::new(TaskRequest {
            method: "tools/call".to_owned(),
            tool: "t".to_owned(),
            version: None,
            params: RawJson::null(),
        })
    }

    #[tokio::test]
    async fn a_full_disk_loses_nothing_and_the_store_works_again() {
        let disk = Disk::default();
        let opened = disk.clone();
        let opener: Opener =
            Box::new(move || Database::builder().create_with_backend(opened.clone()));
        let store = EmbeddedStore::start("disk".into(), opener, EmbeddedOptions::new()).unwrap();
        let before = store.create(task()).await.unwrap().row;
        let hold = store
            .claim(&Wanted::all(), Duration::from_secs(60), 1)
            .await
            .unwrap()
            .pop()
            .unwrap()
            .hold();
        for _ in 0..3 {
            disk.full.store(true, Ordering::SeqCst);
            for _ in 0..3 {
                let error = store.create(task()).await.unwrap_err();
                assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
                let error = store.heartbeat(&hold, Duration::from_secs(60), None).await;
                assert!(matches!(error, Err(StoreError::Unavailable(_))), "{error:?}");
            }
            disk.full.store(false, Ordering::SeqCst);
            assert_eq!(store.get(&before.id, None).await.unwrap().id, before.id);
            store.heartbeat(&hold, Duration::from_secs(60), None).await.unwrap();
            store.create(task()).await.unwrap();
        }
        // Three of those that were refused must not have come in.
        assert_eq!(
            store.claim(&Wanted::all(), Duration::from_secs(60), 100).await.unwrap().len(),
            3
        );
        store
            .finish(&hold, Ended::Failed(mcp_core::protocol::ErrorObject::new(-32603, "x")))
            .await
            .unwrap();
    }
}
