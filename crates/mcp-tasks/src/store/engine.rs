//! What the stores of this crate share: a task store over a few sorted tables of bytes.
//!
//! Each function is one transaction. It reads, applies one transition of the row, and only then
//! writes, so that an error leaves the tables as they were.

use std::collections::BTreeMap;
use std::time::Duration;

use mcp_core::RawJson;
use mcp_core::protocol::InputRequest;

use super::{
    Claim, Created, Ended, Hold, NewTask, Phase, Stale, StoreError, TaskId, TaskRow, Timestamp,
    Wanted,
};

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    /// Rows by id.
    Rows,
    /// Tasks that wait for a worker, or may do so later: [`due_key`].
    Due,
    /// Tasks by the end of their life: [`timed_key`].
    Expiry,
    /// Tasks with an idempotency key: a hash of what makes it unique, then the id.
    Keys,
}

/// Sorted tables within one transaction.
pub(super) trait Tables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError>;
    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError>;
    /// Up to `limit` keys from `from` on and before `to`, in order.
    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError>;
}

/// How rows become bytes; sealed, if the store is encrypted.
pub(super) trait Codec: Send + Sync + 'static {
    fn encode(&self, id: &TaskId, plain: Vec<u8>) -> Result<Vec<u8>, StoreError>;
    fn decode(&self, id: &TaskId, bytes: Vec<u8>) -> Result<Vec<u8>, StoreError>;
}

/// Rows as plain JSON.
pub(super) struct Plain;

impl Codec for Plain {
    fn encode(&self, _: &TaskId, plain: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(plain)
    }

    fn decode(&self, _: &TaskId, bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(bytes)
    }
}

/// The most bytes that one task may have, unless the store says otherwise.
pub(super) const MAX_ROW: usize = 8 * 1024 * 1024;

/// The place of the mark by which the right key is known. Shorter than the keys of tasks.
pub(super) const CHECK_KEY: &[u8] = b"mark";
/// The mark belongs to a task that never is.
pub(super) const CHECK_ID: &str = "---------------------------";

/// What a transaction is about to tell, once it is durable.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) changed: Vec<TaskId>,
    pub(super) work: bool,
    /// Every row that was written, with its size; `None` for one that was forgotten.
    pub(super) written: Vec<(TaskId, Option<(TaskRow, usize)>)>,
}

/// One transaction.
pub(super) struct Transaction<'a, T> {
    pub(super) tables: &'a mut T,
    pub(super) codec: &'a dyn Codec,
    pub(super) now: Timestamp,
    pub(super) max_row: usize,
    pub(super) news: &'a mut News,
}

pub(super) const QUEUED: u8 = 0;
pub(super) const LEASED: u8 = 1;

fn timed_key(time: Timestamp, id: &TaskId) -> Vec<u8> {
    [&time.as_millis().to_be_bytes()[..], id.as_str().as_bytes()].concat()
}

/// Tasks that wait come first; a lease that is over is found by its time.
pub(super) fn due(row: &TaskRow) -> Option<(u8, Timestamp)> {
    match row.phase {
        Phase::Queued { since } => Some((QUEUED, since)),
        Phase::Running { lease_until } => Some((LEASED, lease_until)),
        _ => None,
    }
}

fn due_key(row: &TaskRow) -> Option<Vec<u8>> {
    let (kind, time) = due(row)?;
    Some([&[kind][..], &timed_key(time, &row.id)].concat())
}

fn id_at_end(key: &[u8], start: usize) -> Result<TaskId, StoreError> {
    let text = key.get(start..).and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.and_then(TaskId::parse).ok_or_else(|| StoreError::unavailable("an index is damaged"))
}

/// FNV-1a: stable over versions and programs, which the hashes of the standard library are not. A
/// collision costs a look at a row.
fn hash(parts: &[Option<&str>]) -> [u8; 8] {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |byte: u8| {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    };
    for part in parts {
        eat(u8::from(part.is_some()));
        part.unwrap_or_default().bytes().for_each(&mut eat);
        eat(0xff); // Not a byte of UTF-8: parts cannot run together.
    }
    hash.to_be_bytes()
}

pub(super) fn idempotency_hash(row: &TaskRow) -> Option<[u8; 8]> {
    let key = row.idempotency_key.as_deref()?;
    Some(hash(&[row.principal.as_deref(), Some(&row.request.tool), Some(key)]))
}

impl<T: Tables> Transaction<'_, T> {
    fn read(&self, id: &TaskId) -> Result<Option<TaskRow>, StoreError> {
        let Some(bytes) = self.tables.get(Table::Rows, id.as_str().as_bytes())? else {
            return Ok(None);
        };
        let plain = self.codec.decode(id, bytes)?;
        serde_json::from_slice(&plain).map(Some).map_err(|error| {
            tracing::error!(%id, %error, "a stored task cannot be read");
            StoreError::unavailable("a stored task cannot be read")
        })
    }

    /// Writes what a client or a worker brings.
    fn write(&mut self, old: Option<&TaskRow>, row: &TaskRow) -> Result<(), StoreError> {
        self.write_up_to(Some(self.max_row), old, row)
    }

    /// Writes what the store brings of its own: that a task is claimed or cancelled must not fail
    /// because it is full.
    fn write_own(&mut self, old: &TaskRow, row: &TaskRow) -> Result<(), StoreError> {
        self.write_up_to(None, Some(old), row)
    }

    /// Writes `row` in the place of `old`, indexes included.
    fn write_up_to(
        &mut self,
        limit: Option<usize>,
        old: Option<&TaskRow>,
        row: &TaskRow,
    ) -> Result<(), StoreError> {
        let plain = serde_json::to_vec(row).map_err(StoreError::unavailable)?;
        if limit.is_some_and(|limit| plain.len() > limit) {
            return Err(StoreError::TooLarge { size: plain.len(), limit: self.max_row });
        }
        let bytes = self.codec.encode(&row.id, plain)?;
        let id = row.id.as_str().as_bytes();
        let (before, after) = (old.and_then(due_key), due_key(row));
        if before != after {
            if let Some(before) = before {
                self.tables.remove(Table::Due, &before)?;
            }
            if let Some(after) = after {
                self.tables.put(Table::Due, &after, &[])?;
            }
        }
        if old.is_none() {
            if let Some(expires) = row.expires_at() {
                self.tables.put(Table::Expiry, &timed_key(expires, &row.id), &[])?;
            }
            if let Some(hash) = idempotency_hash(row) {
                self.tables.put(Table::Keys, &[&hash[..], id].concat(), &[])?;
            }
        }
        self.tables.put(Table::Rows, id, &bytes)?;
        self.news.written.push((row.id.clone(), Some((row.clone(), bytes.len()))));
        if old.is_none_or(|old| old.revision != row.revision) {
            self.news.changed.push(row.id.clone());
        }
        if matches!(row.phase, Phase::Queued { .. }) {
            self.news.work = true;
        }
        Ok(())
    }

    fn forget(&mut self, row: &TaskRow) -> Result<(), StoreError> {
        let id = row.id.as_str().as_bytes();
        if let Some(due) = due_key(row) {
            self.tables.remove(Table::Due, &due)?;
        }
        if let Some(expires) = row.expires_at() {
            self.tables.remove(Table::Expiry, &timed_key(expires, &row.id))?;
        }
        if let Some(hash) = idempotency_hash(row) {
            self.tables.remove(Table::Keys, &[&hash[..], id].concat())?;
        }
        self.tables.remove(Table::Rows, id)?;
        self.news.written.push((row.id.clone(), None));
        self.news.changed.push(row.id.clone());
        Ok(())
    }

    /// Applies a worker's transition.
    fn work(
        &mut self,
        hold: &Hold,
        transition: impl FnOnce(&mut TaskRow, u64, Timestamp) -> Result<(), Stale>,
    ) -> Result<(), StoreError> {
        let old = self.read(&hold.id)?.ok_or(StoreError::Stale)?;
        let mut row = old.clone();
        transition(&mut row, hold.fence, self.now)?;
        self.write(Some(&old), &row)
    }

    fn find(&self, id: &TaskId, principal: Option<&str>) -> Result<TaskRow, StoreError> {
        self.read(id)?
            .filter(|row| row.is_visible_to(principal, self.now))
            .ok_or(StoreError::NotFound)
    }

    pub(super) fn create(&mut self, id: TaskId, task: NewTask) -> Result<Created, StoreError> {
        let row = TaskRow::new(id, task, self.now);
        if let Some(hash) = idempotency_hash(&row) {
            let end = [&hash[..], &[0xff]].concat();
            for key in self.tables.scan(Table::Keys, &hash, &end, usize::MAX)? {
                let Some(first) = self.read(&id_at_end(&key, hash.len())?)? else { continue };
                if is_first_of(&first, &row, self.now) {
                    return match same_request(&first, &row) {
                        true => Ok(Created { row: first, existed: true }),
                        false => Err(StoreError::Conflict),
                    };
                }
            }
        }
        self.write(None, &row)?;
        Ok(Created { row, existed: false })
    }

    /// Whether a claim would find something.
    pub(super) fn has_due(&self) -> Result<bool, StoreError> {
        Ok(!self.due(1)?.is_empty())
    }

    fn due(&self, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut keys = self.tables.scan(Table::Due, &[QUEUED], &[LEASED], limit)?;
        let until = [&[LEASED][..], &self.now.as_millis().saturating_add(1).to_be_bytes()].concat();
        let left = limit - keys.len();
        keys.extend(self.tables.scan(Table::Due, &[LEASED], &until, left)?);
        Ok(keys)
    }

    pub(super) fn claim(
        &mut self,
        wanted: &Wanted,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<TaskRow>, StoreError> {
        let mut claimed = Vec::new();
        // Which of them are wanted is seen in the rows only.
        let seen = if wanted.names().is_some() { usize::MAX } else { limit };
        for key in self.due(seen)? {
            if claimed.len() == limit {
                break;
            }
            let id = id_at_end(&key, 9)?;
            let old = match self.read(&id) {
                Ok(Some(old)) => old,
                // One row that cannot be read must not keep workers from the others.
                Ok(None) | Err(_) => {
                    self.tables.remove(Table::Due, &key)?;
                    continue;
                }
            };
            if !wanted.wants(&old, self.now) {
                continue;
            }
            let mut row = old.clone();
            match row.claim(self.now, lease) {
                Claim::Taken => {
                    self.write_own(&old, &row)?;
                    claimed.push(row);
                }
                Claim::Exhausted => self.write_own(&old, &row)?,
                Claim::Refused => self.tables.remove(Table::Due, &key)?, // Expired; swept later.
            }
        }
        Ok(claimed)
    }

    pub(super) fn heartbeat(
        &mut self,
        hold: &Hold,
        lease: Duration,
        message: Option<String>,
    ) -> Result<(), StoreError> {
        self.work(hold, |row, fence, now| row.heartbeat(fence, now, lease, message))
    }

    pub(super) fn checkpoint(
        &mut self,
        hold: &Hold,
        key: &str,
        value: RawJson,
    ) -> Result<(), StoreError> {
        self.work(hold, |row, fence, now| row.checkpoint(fence, now, key, value))
    }

    pub(super) fn ask(
        &mut self,
        hold: &Hold,
        questions: BTreeMap<String, InputRequest>,
    ) -> Result<(), StoreError> {
        self.work(hold, |row, fence, now| row.ask(fence, now, questions))
    }

    pub(super) fn discard(&mut self, hold: &Hold, key: &str) -> Result<(), StoreError> {
        self.work(hold, |row, fence, now| row.discard(fence, now, key))
    }

    pub(super) fn release(&mut self, hold: &Hold) -> Result<(), StoreError> {
        let old = self.read(&hold.id)?.ok_or(StoreError::Stale)?;
        let mut row = old.clone();
        row.release(hold.fence, self.now)?;
        self.write_own(&old, &row)
    }

    pub(super) fn finish(&mut self, hold: &Hold, ended: Ended) -> Result<(), StoreError> {
        self.work(hold, |row, fence, now| row.finish(fence, now, ended))
    }

    pub(super) fn answer(
        &mut self,
        id: &TaskId,
        principal: Option<&str>,
        answers: BTreeMap<String, RawJson>,
    ) -> Result<usize, StoreError> {
        let old = self.find(id, principal)?;
        let mut row = old.clone();
        let taken = row.answer(self.now, answers);
        if taken > 0 {
            self.write(Some(&old), &row)?;
        }
        Ok(taken)
    }

    pub(super) fn cancel(
        &mut self,
        id: &TaskId,
        principal: Option<&str>,
    ) -> Result<(), StoreError> {
        let old = self.find(id, principal)?;
        let mut row = old.clone();
        if row.cancel(self.now) {
            self.write_own(&old, &row)?;
        }
        Ok(())
    }

    pub(super) fn get(&self, id: &TaskId, principal: Option<&str>) -> Result<TaskRow, StoreError> {
        self.find(id, principal)
    }

    pub(super) fn sweep(&mut self, limit: usize) -> Result<usize, StoreError> {
        let until = self.now.as_millis().saturating_add(1).to_be_bytes();
        let keys = self.tables.scan(Table::Expiry, &[], &until, limit)?;
        for key in &keys {
            let id = id_at_end(key, 8)?;
            match self.read(&id) {
                Ok(Some(row)) => self.forget(&row)?,
                Ok(None) | Err(_) => {
                    self.tables.remove(Table::Rows, id.as_str().as_bytes())?;
                    self.tables.remove(Table::Expiry, key)?;
                }
            }
        }
        Ok(keys.len())
    }

    /// Finds out whether the tables were written in the way that they are read now: with the same
    /// key, that is. The first time, it leaves the mark by which it is known later.
    pub(super) fn check_codec(&mut self) -> Result<(), StoreError> {
        let id = TaskId::parse(CHECK_ID).ok_or_else(|| StoreError::unavailable("no mark"))?;
        if let Some(mark) = self.tables.get(Table::Keys, CHECK_KEY)?
            && !self.codec.decode(&id, mark).is_ok_and(|mark| mark == CHECK_KEY)
        {
            return Err(StoreError::unavailable(
                "it is encrypted with a key that was not given, or not at all",
            ));
        }
        // Anew each time, with the current key: an old one can be retired once no task needs it.
        let mark = self.codec.encode(&id, CHECK_KEY.to_vec())?;
        self.tables.put(Table::Keys, CHECK_KEY, &mark)
    }

    /// Ends all leases: for a store that only this process can have open, when it opens it.
    pub(super) fn end_leases(&mut self) -> Result<usize, StoreError> {
        let keys = self.tables.scan(Table::Due, &[LEASED], &[LEASED + 1], usize::MAX)?;
        for key in &keys {
            let id = id_at_end(key, 9)?;
            let Ok(Some(old)) = self.read(&id) else {
                self.tables.remove(Table::Due, key)?;
                continue;
            };
            let mut row = old.clone();
            row.phase = Phase::Running { lease_until: Timestamp::default() };
            self.write_own(&old, &row)?;
        }
        Ok(keys.len())
    }
}

/// Whether `first` is the task that the key of `row` means.
pub(super) fn is_first_of(first: &TaskRow, row: &TaskRow, now: Timestamp) -> bool {
    first.idempotency_key == row.idempotency_key
        && first.principal == row.principal
        && first.request.tool == row.request.tool
        && !first.is_expired(now)
}

/// Whether a repeated request is the same: the arguments count, `_meta` (trace ids, say) does not.
pub(super) fn same_request(first: &TaskRow, second: &TaskRow) -> bool {
    let essence = |row: &TaskRow| {
        let params: Option<BTreeMap<String, RawJson>> = row.request.params.parse().ok();
        params.map(|mut params| {
            params.retain(|name, _| {
                !matches!(name.as_str(), "_meta" | "inputResponses" | "requestState")
            });
            params
        })
    };
    first.request.method == second.request.method && essence(first) == essence(second)
}
