//! Tasks in a PostgreSQL database.
//!
//! Each change of one task reads the row, applies its transition here, and writes it only if nobody has written it since: two
//! short statements and no transaction that a process could die in or sleep in. Claims lock the rows that they take and skip
//! those that others are taking. The time is the database's.
//!
//! Here is what the store is; `rows.rs` reads and changes them, `claims.rs` gives them to workers, `views.rs` keeps what is
//! asked for again and again, `news.rs` is what instances tell each other.

mod claims;
mod connect;
mod news;
mod options;
mod rows;
mod tables;
mod views;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Object, Pool};
use mcp_core::RawJson;
use mcp_core::protocol::InputRequest;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use self::claims::Rhythm;
use self::connect::{Failure, Trouble};
use self::news::{News, Newsroom};
pub use self::options::{PostgresError, PostgresOptions};
use self::rows::Change;
use self::tables::Statements;
use self::views::Views;
use super::engine::Codec;
use super::{
    Clock, Created, Ended, Hold, Hub, NewTask, StoreError, TaskId, TaskRow, TaskStore, TaskView,
    Timestamp, Wanted,
};

/// Keeps tasks in a PostgreSQL database that many instances share, on as many machines.
///
/// A call returns when its change is durable, by the database's settings (leave `synchronous_commit` on). While the database
/// is away, calls try again for a while ([`PostgresOptions::patience`]). Leases go by the database's clock: those of the machines
/// do not matter. News of changes travel by `LISTEN` and `NOTIFY`, so a pooler in front must keep sessions.
///
/// # What a poll sees
///
/// [`TaskStore::view`], which answers `tasks/get`, keeps views of tasks that are asked for again and again, and drops them when
/// news of a change come. So:
///
/// - A change is seen at once by the instance that made it.
/// - Another instance sees it when the news have arrived: as a rule within milliseconds. It never answers with a state that ended
///   longer ago than [`PostgresOptions::views_within`] (2 s without), whatever is lost, slow or dead.
/// - One instance never shows an earlier state after a later one, and the end of a task never changes.
/// - A new task is found by all instances at once, one whose time is over by none: who does not find a task has asked the
///   database. So has everybody who is not the task's principal.
///
/// While views are asked for, the instance tells itself a heartbeat on the same way, twice within that time, and asks the database
/// in the same statement which of the tasks it keeps are unchanged. If that does not come back in time, or the connection is lost, it
/// drops all views, and each poll asks the database until it does. Zero asks the database always. The time is measured by this
/// machine's monotonic clock, which on some systems stands still while the machine is suspended. [`TaskStore::get`] always asks.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_tasks::Tasks;
/// use mcp_tasks::store::PostgresStore;
///
/// let store = PostgresStore::connect("postgres://mcp@db.example.com/mcp").await?;
/// let tasks = Tasks::new(store);
/// # let _ = tasks;
/// # Ok(()) }
/// ```
///
/// An address that does not lead to this machine means TLS, checked with the system's certificates, unless it says
/// `sslmode=disable`.
pub struct PostgresStore {
    pool: Pool,
    statements: Arc<Statements>,
    hub: Arc<Hub>,
    outgoing: mpsc::UnboundedSender<News>,
    codec: Box<dyn Codec>,
    clock: Option<Box<dyn Clock>>,
    max_row: usize,
    timeout: Duration,
    patience: Duration,
    views: Arc<Views>,
    rhythm: Mutex<Rhythm>,
}

impl PostgresStore {
    /// Connects to the database at an address, and creates the tables if they are not there.
    ///
    /// # Errors
    /// See [`PostgresError`].
    pub async fn connect(address: &str) -> Result<Self, PostgresError> {
        Self::connect_with(address, PostgresOptions::new()).await
    }

    /// Connects with options.
    ///
    /// # Errors
    /// See [`PostgresError`].
    pub async fn connect_with(
        address: &str,
        options: PostgresOptions,
    ) -> Result<Self, PostgresError> {
        if !options::is_schema_name(&options.schema) {
            return Err(PostgresError::Schema);
        }
        let config = connect::config(address, &options)?;
        let tls = connect::tls(&config)?;
        let pool = connect::pool(&config, &tls, &options)?;
        let mut client = pool.get().await.map_err(Failure::from)?;
        tables::prepare(&mut client, &options.schema, &*options.codec).await?;
        drop(client);

        let statements = Arc::new(Statements::new(&options.schema));
        let hub = Arc::new(Hub::default());
        let views = Arc::new(Views::new(options.views_within));
        let (outgoing, news) = mpsc::unbounded_channel();
        let own_name = TaskId::generate().map_err(PostgresError::Content)?.to_string();
        let newsroom = Newsroom {
            config,
            tls,
            statements: Arc::clone(&statements),
            hub: Arc::clone(&hub),
            views: Arc::clone(&views),
            own_name,
            timeout: options.timeout,
            look_every: options.look_every,
        };
        // Ends when the store is dropped: it holds the other end of the channel.
        tokio::spawn(newsroom.run(news));
        Ok(Self {
            pool,
            statements,
            hub,
            outgoing,
            codec: options.codec,
            clock: options.clock,
            max_row: options.max_row,
            timeout: options.timeout,
            patience: options.patience,
            views,
            rhythm: Mutex::default(),
        })
    }

    /// Runs a call again while the database is away. Each of them may be made twice: what was done the first time is found
    /// done the second.
    async fn patiently<R, F>(&self, call: impl Fn() -> F) -> Result<R, StoreError>
    where
        F: Future<Output = Result<R, Trouble>>,
    {
        let give_up = Instant::now() + self.patience;
        let mut pause = Duration::from_millis(20);
        loop {
            let called = timeout(self.timeout, call()).await;
            let failure = match called {
                Ok(Ok(result)) => return Ok(result),
                Ok(Err(Trouble::Store(error))) => return Err(error),
                Ok(Err(Trouble::Database(failure))) => failure,
                Err(_) => Failure::slow(self.timeout),
            };
            if !failure.passes || Instant::now() + pause >= give_up {
                tracing::error!(%failure, "a store of tasks failed");
                return Err(failure.into());
            }
            tracing::debug!(%failure, "a store of tasks is tried again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    async fn client(&self) -> Result<Object, Trouble> {
        Ok(self.pool.get().await?)
    }

    fn tell(&self, news: News) {
        news.tell(&self.hub, &self.views);
        // Nobody is told when the newsroom is gone, which it is only after a panic.
        let _ = self.outgoing.send(news);
    }
}

#[async_trait]
impl TaskStore for PostgresStore {
    async fn create(&self, task: NewTask) -> Result<Created, StoreError> {
        // The same in each try.
        let id = TaskId::generate()?;
        self.patiently(|| self.try_create(&id, &task)).await
    }

    async fn claim(
        &self,
        wanted: &Wanted,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<TaskRow>, StoreError> {
        self.patiently(|| self.try_claim(wanted, lease, limit)).await
    }

    async fn heartbeat(
        &self,
        hold: &Hold,
        lease: Duration,
        message: Option<String>,
    ) -> Result<(), StoreError> {
        let beat = |row: &mut TaskRow, now| row.heartbeat(hold.fence, now, lease, message.clone());
        self.work(hold, Some(self.max_row), beat).await
    }

    async fn checkpoint(&self, hold: &Hold, key: &str, value: RawJson) -> Result<(), StoreError> {
        let keep = |row: &mut TaskRow, now| row.checkpoint(hold.fence, now, key, value.clone());
        self.work(hold, Some(self.max_row), keep).await
    }

    async fn ask(
        &self,
        hold: &Hold,
        questions: BTreeMap<String, InputRequest>,
    ) -> Result<(), StoreError> {
        let ask = |row: &mut TaskRow, now| row.ask(hold.fence, now, questions.clone());
        self.work(hold, Some(self.max_row), ask).await
    }

    async fn discard(&self, hold: &Hold, key: &str) -> Result<(), StoreError> {
        let discard = |row: &mut TaskRow, now| row.discard(hold.fence, now, key);
        self.work(hold, Some(self.max_row), discard).await
    }

    async fn release(&self, hold: &Hold) -> Result<(), StoreError> {
        self.work(hold, None, |row, now| row.release(hold.fence, now)).await
    }

    async fn finish(&self, hold: &Hold, ended: Ended) -> Result<(), StoreError> {
        let finish = |row: &mut TaskRow, now| row.finish(hold.fence, now, ended.clone());
        self.work(hold, Some(self.max_row), finish).await
    }

    async fn answer(
        &self,
        id: &TaskId,
        principal: Option<&str>,
        answers: BTreeMap<String, RawJson>,
    ) -> Result<usize, StoreError> {
        let answer = |row: &mut TaskRow, now| {
            if !row.is_visible_to(principal, now) {
                return Err(StoreError::NotFound);
            }
            Ok(match row.answer(now, answers.clone()) {
                0 => Change::Leave(0),
                taken => Change::Write(taken),
            })
        };
        self.change(id, StoreError::NotFound, Some(self.max_row), answer).await
    }

    async fn cancel(&self, id: &TaskId, principal: Option<&str>) -> Result<(), StoreError> {
        let cancel = |row: &mut TaskRow, now| {
            if !row.is_visible_to(principal, now) {
                return Err(StoreError::NotFound);
            }
            Ok(match row.cancel(now) {
                true => Change::Write(()),
                false => Change::Leave(()),
            })
        };
        self.change(id, StoreError::NotFound, None, cancel).await
    }

    async fn get(&self, id: &TaskId, principal: Option<&str>) -> Result<TaskRow, StoreError> {
        let found = self
            .patiently(async || {
                let client = self.client().await?;
                self.read(&client, id).await
            })
            .await?;
        let visible = |(row, _, now): (TaskRow, i64, Timestamp)| {
            row.is_visible_to(principal, now).then_some(row)
        };
        found.and_then(visible).ok_or(StoreError::NotFound)
    }

    async fn view(
        &self,
        id: &TaskId,
        principal: Option<&str>,
    ) -> Result<Arc<TaskView>, StoreError> {
        if let Some(view) = self.views.get(id, principal, self.clock.as_deref()) {
            return Ok(view);
        }
        self.patiently(async || {
            let client = self.client().await?;
            let ticket = self.views.ticket(id);
            let Some((row, _, now)) = self.read_apart(&client, id).await? else {
                self.views.changed(id);
                return Err(StoreError::NotFound.into());
            };
            let view = Arc::new(TaskView::of(&row)?);
            if !view.is_visible_to(principal, now) {
                return Err(StoreError::NotFound.into());
            }
            self.views.put(id, &view, ticket);
            Ok(view)
        })
        .await
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.patiently(|| self.try_sweep(limit)).await
    }

    fn hub(&self) -> &Hub {
        &self.hub
    }

    fn is_shared(&self) -> bool {
        true
    }
}
