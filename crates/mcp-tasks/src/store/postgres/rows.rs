//! Rows: each change reads one, applies its transition here, and writes it only if nobody has written it since.

use deadpool_postgres::{GenericClient, Object};
use tokio_postgres::types::ToSql;

use super::PostgresStore;
use super::connect::{Failure, Trouble};
use super::news::News;
use crate::store::{
    Created, Hold, NewTask, Phase, Stale, StoreError, TaskId, TaskRow, Timestamp, engine,
};

/// So often a change is tried that others get in the way of.
const TRIES: usize = 100;

impl PostgresStore {
    /// The time, if the database is asked for nothing else.
    pub(super) async fn now(&self, client: &Object) -> Result<Timestamp, Trouble> {
        if let Some(clock) = &self.clock {
            return Ok(clock.now());
        }
        let statement = client.prepare_cached(&self.statements.now).await?;
        Ok(timestamp(client.query_one(&statement, &[]).await?.get(0)))
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

    pub(super) fn decode(&self, id: &TaskId, body: Vec<u8>) -> Result<TaskRow, StoreError> {
        let plain = self.codec.decode(id, body)?;
        serde_json::from_slice(&plain).map_err(|error| {
            tracing::error!(%id, %error, "a stored task cannot be read");
            StoreError::unavailable("a stored task cannot be read")
        })
    }

    pub(super) fn encode(
        &self,
        row: &TaskRow,
        limit: Option<usize>,
    ) -> Result<Vec<u8>, StoreError> {
        let plain = serde_json::to_vec(row).map_err(StoreError::unavailable)?;
        if limit.is_some_and(|limit| plain.len() > limit) {
            return Err(StoreError::TooLarge { size: plain.len(), limit: self.max_row });
        }
        self.codec.encode(&row.id, plain)
    }

    /// A row, how often it was written, and the time.
    pub(super) async fn read(
        &self,
        client: &Object,
        id: &TaskId,
    ) -> Result<Option<(TaskRow, i64, Timestamp)>, Trouble> {
        let read = self.read_apart(client, id).await?;
        match &read {
            Some((row, ..)) => self.views.saw(id, row.revision),
            None => self.views.changed(id),
        }
        Ok(read)
    }

    /// The same, when whoever reads sees to the view that is kept.
    pub(super) async fn read_apart(
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
    pub(super) async fn change<R>(
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
                let values: [&(dyn ToSql + Sync); 6] =
                    [&id.as_str(), &version, &due, &due_at, &body, &revision(row.revision)];
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
    pub(super) async fn work(
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
        client: &impl GenericClient,
        row: &TaskRow,
        key_hash: Option<i64>,
    ) -> Result<bool, Trouble> {
        let body = self.encode(row, Some(self.max_row))?;
        let (due, due_at) = due(row);
        let values: [&(dyn ToSql + Sync); 9] = [
            &row.id.as_str(),
            &row.request.tool,
            &row.request.version.as_deref().unwrap_or_default(),
            &due,
            &due_at,
            &row.expires_at().map(millis),
            &key_hash,
            &body,
            &revision(row.revision),
        ];
        let statement = client.prepare_cached(&self.statements.insert).await?;
        // None are inserted if the same call had done it before it lost its connection.
        Ok(client.execute(&statement, &values).await? == 1)
    }

    pub(super) async fn try_create(&self, id: &TaskId, task: &NewTask) -> Result<Created, Trouble> {
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
                self.views.saw(&first.id, first.revision);
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

    pub(super) async fn try_sweep(&self, limit: usize) -> Result<usize, Trouble> {
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
pub(super) enum Change<R> {
    Write(R),
    Leave(R),
}

pub(super) fn millis(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// The columns by which a row is found to be claimed.
pub(super) fn due(row: &TaskRow) -> (Option<i16>, Option<i64>) {
    engine::due(row).map(|(kind, at)| (i16::from(kind), millis(at))).unzip()
}

/// How often a client can have seen it change, as the table has it.
pub(super) fn revision(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}
