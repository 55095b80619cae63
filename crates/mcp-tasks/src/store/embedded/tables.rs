//! The engine's tables as tables of redb.

use redb::{ReadableTable, TableDefinition};

use crate::store::StoreError;
use crate::store::engine::{Table, Tables};

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) const ROWS: Definition = TableDefinition::new("tasks.rows.1");
pub(super) const DUE: Definition = TableDefinition::new("tasks.due.1");
pub(super) const EXPIRY: Definition = TableDefinition::new("tasks.expiry.1");
pub(super) const KEYS: Definition = TableDefinition::new("tasks.keys.1");

fn at(table: Table) -> usize {
    match table {
        Table::Rows => 0,
        Table::Due => 1,
        Table::Expiry => 2,
        Table::Keys => 3,
    }
}

/// The tables of a writing transaction.
pub(super) struct Open<'t> {
    pub(super) tables: [redb::Table<'t, &'static [u8], &'static [u8]>; 4],
    pub(super) written: bool,
    /// The first failure of the disk: nothing of the transaction may be committed then.
    pub(super) broken: Option<StoreError>,
}

/// The tables of a reading transaction.
pub(super) struct Snapshot(pub(super) [redb::ReadOnlyTable<&'static [u8], &'static [u8]>; 4]);

fn get(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = table.get(key).map_err(StoreError::unavailable)?;
    Ok(found.map(|bytes| bytes.value().to_vec()))
}

fn scan(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    from: &[u8],
    to: &[u8],
    limit: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let range = table.range::<&[u8]>(from..to).map_err(StoreError::unavailable)?;
    range
        .take(limit)
        .map(|entry| match entry {
            Ok((key, _)) => Ok(key.value().to_vec()),
            Err(error) => Err(StoreError::unavailable(error)),
        })
        .collect()
}

impl Open<'_> {
    fn failed<R>(
        &mut self,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> Result<R, StoreError> {
        let error = StoreError::unavailable(error);
        self.broken.get_or_insert(error.clone());
        Err(error)
    }
}

impl Tables for Open<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get(&self.tables[at(table)], key)
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.written = true;
        match self.tables[at(table)].insert(key, value).map(drop) {
            Ok(()) => Ok(()),
            Err(error) => self.failed(error),
        }
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.written = true;
        match self.tables[at(table)].remove(key).map(drop) {
            Ok(()) => Ok(()),
            Err(error) => self.failed(error),
        }
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        scan(&self.tables[at(table)], from, to, limit)
    }
}

impl Tables for Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get(&self.0[at(table)], key)
    }

    fn put(&mut self, _: Table, _: &[u8], _: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::unavailable("this transaction only reads"))
    }

    fn remove(&mut self, _: Table, _: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::unavailable("this transaction only reads"))
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        scan(&self.0[at(table)], from, to, limit)
    }
}
