//! Tasks in a PostgreSQL database.
//!
//! Each change of one task reads the row, applies its transition here, and writes it only if nobody has written it since: two
//! short statements and no transaction that a process could die in or sleep in. Claims lock the rows that they take and skip
//! those that others are taking. The time is the database's.

mod connect;
mod news;
mod options;
mod tables;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Object, Pool};
use mcp_core::RawJson;
use mcp_core::protocol::InputRequest;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_postgres::types::ToSql;

use self::connect::Failure;
use self::news::{News, Newsroom};
pub use self::options::{PostgresError, PostgresOptions};
use self::tables::Statements;
use super::engine::{self, Codec};
use super::{
    Claim, Clock, Created, Ended, Hold, Hub, NewTask, Phase, Stale, StoreError, TaskId, TaskRow,
    TaskStore, Timestamp, Wanted,
};

/// So often a change is tried that others get in the way of.
const TRIES: usize = 100;
/// A row that this instance cannot read is left to others for so long before anybody looks at it again.
const UNREADABLE: Duration = Duration::from_secs(15);
/// How often an instance says which tools it has, at least.
const SEEN_EVERY: Duration = Duration::from_secs(10);

/// Keeps tasks in a PostgreSQL database that many instances share, on as many machines.
///
/// A call returns when its change is durable, by the database's settings (leave `synchronous_commit` on). While the database
/// is away, calls try again for a while ([`PostgresOptions::patience`]). Leases go by the database's clock: those of the machines
/// do not matter. News of changes travel by `LISTEN` and `NOTIFY`, so a pooler in front must keep sessions.
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
    /// When this instance last said which tools it has, and which.
    seen: Mutex<Option<(Instant, Wanted)>>,
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
        let (outgoing, news) = mpsc::unbounded_channel();
        let own_name = TaskId::generate().map_err(PostgresError::Content)?.to_string();
        let newsroom = Newsroom {
            config,
            tls,
            statements: Arc::clone(&statements),
            hub: Arc::clone(&hub),
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
            seen: Mutex::default(),
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

    /// The time, if the database is asked for nothing else.
    async fn now(&self, client: &Object) -> Result<Timestamp, Trouble> {
        if let Some(clock) = &self.clock {
            return Ok(clock.now());
        }
        let statement = client.prepare_cached(&self.statements.now).await?;
        Ok(timestamp(client.query_one(&statement, &[]).await?.get(0)))
    }

    fn tell(&self, news: News) {
        news.tell(&self.hub);
        // Nobody is told when the newsroom is gone, which it is only after a panic.
        let _ = self.outgoing.send(news);
    }

    /// Tells what a write has changed.
    fn tell_of(&self, old: Option<&TaskRow>, row: &TaskRow) {
        if old.is_none_or(|old| old.revision != row.revision) {
            self.tell(News::Changed(row.id.clone()));
        }
        if matches!(row.phase, Phase::Queued { .. }) {
            self.tell(News::Work);
        }
    }

    fn decode(&self, id: &TaskId, body: Vec<u8>) -> Result<TaskRow, StoreError> {
        let plain = self.codec.decode(id, body)?;
        serde_json::from_slice(&plain).map_err(|error| {
            tracing::error!(%id, %error, "a stored task cannot be read");
            StoreError::unavailable("a stored task cannot be read")
        })
    }

    fn encode(&self, row: &TaskRow, limit: Option<usize>) -> Result<Vec<u8>, StoreError> {
        let plain = serde_json::to_vec(row).map_err(StoreError::unavailable)?;
        if limit.is_some_and(|limit| plain.len() > limit) {
            return Err(StoreError::TooLarge { size: plain.len(), limit: self.max_row });
        }
        self.codec.encode(&row.id, plain)
    }

    /// A row, how often it was written, and the time.
    async fn read(
        &self,
        client: &Object,
        id: &TaskId,
    ) -> Result<Option<(TaskRow, i64, Timestamp)>, Trouble> {
        let statement = client.prepare_cached(&self.statements.get).await?;
        let Some(found) = client.query_opt(&statement, &[&id.as_str()]).await? else {
            return Ok(None);
        };
        let row = self.decode(id, found.get(0))?;
        let now = self.clock.as_ref().map_or_else(|| timestamp(found.get(2)), |clock| clock.now());
        Ok(Some((row, found.get(1), now)))
    }

    /// Applies a transition to one row. `limit` is the most bytes that the row may then have.
    async fn change<R>(
        &self,
        id: &TaskId,
        missing: StoreError,
        limit: Option<usize>,
        transition: impl Fn(&mut TaskRow, Timestamp) -> Result<Change<R>, StoreError>,
    ) -> Result<R, StoreError> {
        self.patiently(async || {
            let client = self.client().await?;
            for _ in 0..TRIES {
                let Some((old, version, now)) = self.read(&client, id).await? else {
                    return Err(missing.clone().into());
                };
                let mut row = old.clone();
                let result = match transition(&mut row, now)? {
                    Change::Write(result) => result,
                    Change::Leave(result) => return Ok(result),
                };
                let body = self.encode(&row, limit)?;
                let (due, due_at) = due(&row);
                let values: [&(dyn ToSql + Sync); 5] =
                    [&id.as_str(), &version, &due, &due_at, &body];
                let statement = client.prepare_cached(&self.statements.update).await?;
                if client.execute(&statement, &values).await? == 1 {
                    self.tell_of(Some(&old), &row);
                    return Ok(result);
                }
            }
            Err(Failure::contended().into())
        })
        .await
    }

    /// Applies a worker's transition.
    async fn work(
        &self,
        hold: &Hold,
        limit: Option<usize>,
        transition: impl Fn(&mut TaskRow, Timestamp) -> Result<(), Stale>,
    ) -> Result<(), StoreError> {
        let write = |row: &mut TaskRow, now| Ok(Change::Write(transition(row, now)?));
        self.change(&hold.id, StoreError::Stale, limit, write).await
    }

    async fn insert(
        &self,
        client: &impl deadpool_postgres::GenericClient,
        row: &TaskRow,
        key_hash: Option<i64>,
    ) -> Result<bool, Trouble> {
        let body = self.encode(row, Some(self.max_row))?;
        let (due, due_at) = due(row);
        let values: [&(dyn ToSql + Sync); 8] = [
            &row.id.as_str(),
            &row.request.tool,
            &row.request.version.as_deref().unwrap_or_default(),
            &due,
            &due_at,
            &row.expires_at().map(millis),
            &key_hash,
            &body,
        ];
        let statement = client.prepare_cached(&self.statements.insert).await?;
        // None are inserted if the same call had done it before it lost its connection.
        Ok(client.execute(&statement, &values).await? == 1)
    }

    async fn try_create(&self, id: &TaskId, task: &NewTask) -> Result<Created, Trouble> {
        let mut client = self.client().await?;
        let now = self.now(&client).await?;
        let row = TaskRow::new(id.clone(), task.clone(), now);
        let Some(hash) = engine::idempotency_hash(&row).map(i64::from_be_bytes) else {
            let row = match self.insert(&client, &row, None).await? {
                true => row,
                false => self.read(&client, id).await?.map_or(row, |(row, ..)| row),
            };
            self.tell_of(None, &row);
            return Ok(Created { row, existed: false });
        };
        let transaction = client.transaction().await?;
        // One after the other, all who bring this key.
        let lock = transaction.prepare_cached(&self.statements.lock_key).await?;
        transaction.execute(&lock, &[&hash]).await?;
        let by_key = transaction.prepare_cached(&self.statements.by_key).await?;
        for found in transaction.query(&by_key, &[&hash]).await? {
            let Some(first) = TaskId::parse(found.get(0)) else { continue };
            let first = self.decode(&first, found.get(1))?;
            // The same call, which had done it before it lost its connection.
            let ours = first.id == row.id;
            if ours || engine::is_first_of(&first, &row, now) {
                return match ours || engine::same_request(&first, &row) {
                    true => Ok(Created { row: first, existed: !ours }),
                    false => Err(StoreError::Conflict.into()),
                };
            }
        }
        self.insert(&transaction, &row, Some(hash)).await?;
        transaction.commit().await?;
        self.tell_of(None, &row);
        Ok(Created { row, existed: false })
    }

    async fn try_claim(
        &self,
        wanted: &Wanted,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<TaskRow>, Trouble> {
        let mut client = self.client().await?;
        let now = self.now(&client).await?;
        let (tools, versions): (Vec<&str>, Vec<&str>) = match wanted.names() {
            Some(names) => names.unzip(),
            None => Default::default(),
        };
        let (time, all) = (millis(now), wanted.names().is_none());
        let patience = i64::try_from(wanted.others_after().as_millis()).unwrap_or(i64::MAX);
        let others_since = time.saturating_sub(patience);
        if !all {
            self.say_tools(&client, wanted, &tools, &versions, time).await?;
        }
        if limit == 0 {
            return Ok(Vec::new());
        }
        let values: [&(dyn ToSql + Sync); 5] = [&time, &all, &tools, &versions, &others_since];
        // Most claims find nothing, and need no transaction.
        let any = client.prepare_cached(&self.statements.any_due).await?;
        if !client.query_one(&any, &values).await?.get::<_, bool>(0) {
            return Ok(Vec::new());
        }

        let transaction = client.transaction().await?;
        let mut taken = Taken::default();
        for statement in [&self.statements.queued, &self.statements.over] {
            let left = i64::try_from(limit - taken.found).unwrap_or(i64::MAX);
            if left == 0 {
                break;
            }
            let statement = transaction.prepare_cached(statement).await?;
            let values = [&values[..], &[&left]].concat();
            for found in transaction.query(&statement, &values).await? {
                taken.found += 1;
                self.take(&mut taken, found.get(0), found.get(1), now, lease)?;
            }
        }
        let values: [&(dyn ToSql + Sync); 4] =
            [&taken.ids, &taken.due, &taken.due_at, &taken.bodies];
        let take = transaction.prepare_cached(&self.statements.take).await?;
        transaction.execute(&take, &values).await?;
        transaction.commit().await?;
        for id in taken.failed {
            self.tell(News::Changed(id));
        }
        Ok(taken.claimed)
    }

    /// Says now and then which tools this instance has: others then leave their tasks to it, however long they wait.
    async fn say_tools(
        &self,
        client: &Object,
        wanted: &Wanted,
        tools: &[&str],
        versions: &[&str],
        now: i64,
    ) -> Result<(), Trouble> {
        let every = SEEN_EVERY.min(wanted.others_after() / 4);
        let said = |seen: &Option<(Instant, Wanted)>| {
            seen.as_ref().is_some_and(|(at, said)| at.elapsed() < every && said == wanted)
        };
        if said(&self.seen.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let statement = client.prepare_cached(&self.statements.seen).await?;
        client.execute(&statement, &[&tools, &versions, &now]).await?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), wanted.clone()));
        Ok(())
    }

    /// Claims one row that is locked.
    fn take(
        &self,
        taken: &mut Taken,
        id: String,
        body: Vec<u8>,
        now: Timestamp,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let row = TaskId::parse(&id).and_then(|id| self.decode(&id, body).ok());
        let Some(mut row) = row else {
            // It must not keep workers from the others; who has its key, or a newer library, may have it later.
            tracing::warn!(id, "a task that this instance cannot read is left to others");
            taken.leave(id, millis(now.after(UNREADABLE)));
            return Ok(());
        };
        match row.claim(now, lease) {
            Claim::Refused => return Ok(()),
            claim => {
                taken.push(id, &row, self.encode(&row, None)?);
                match claim {
                    Claim::Exhausted => taken.failed.push(row.id),
                    _ => taken.claimed.push(row),
                }
            }
        }
        Ok(())
    }

    async fn try_sweep(&self, limit: usize) -> Result<usize, Trouble> {
        let client = self.client().await?;
        let now = millis(self.now(&client).await?);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let statement = client.prepare_cached(&self.statements.sweep).await?;
        let swept = client.query(&statement, &[&now, &limit]).await?;
        for id in swept.iter().filter_map(|row| TaskId::parse(row.get(0))) {
            self.tell(News::Changed(id));
        }
        Ok(swept.len())
    }
}

/// What a transition makes of a row.
enum Change<R> {
    Write(R),
    Leave(R),
}

/// What a claim is about to write.
#[derive(Default)]
struct Taken {
    found: usize,
    ids: Vec<String>,
    due: Vec<Option<i16>>,
    due_at: Vec<Option<i64>>,
    bodies: Vec<Option<Vec<u8>>>,
    claimed: Vec<TaskRow>,
    failed: Vec<TaskId>,
}

impl Taken {
    /// Not before then.
    fn leave(&mut self, id: String, until: i64) {
        self.ids.push(id);
        self.due.push(Some(i16::from(engine::LEASED)));
        self.due_at.push(Some(until));
        self.bodies.push(None);
    }

    fn push(&mut self, id: String, row: &TaskRow, body: Vec<u8>) {
        let (due, due_at) = due(row);
        self.ids.push(id);
        self.due.push(due);
        self.due_at.push(due_at);
        self.bodies.push(Some(body));
    }
}

/// Why a call came to nothing: by the rules, or because the database did not do it.
enum Trouble {
    Store(StoreError),
    Database(Failure),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E: Into<Failure>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

fn millis(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// The columns by which a row is found to be claimed.
fn due(row: &TaskRow) -> (Option<i16>, Option<i64>) {
    engine::due(row).map(|(kind, at)| (i16::from(kind), millis(at))).unzip()
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
