//! The stores that can be measured.

use std::path::Path;
use std::sync::Arc;

use bench_support::Result;
use mcp_tasks::store::{EmbeddedStore, MemoryStore, PostgresOptions, PostgresStore, TaskStore};
use mcp_testkit::TestPostgres;

/// A store, and the database that it is in, if it is in one.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn TaskStore>,
    /// Ends with the process.
    _database: Option<TestPostgres>,
}

/// Opens a store by its name; `folder` is for those that keep files.
pub(crate) async fn open(name: &str, folder: &Path) -> Result<Opened> {
    let alone = |store: Arc<dyn TaskStore>| Opened { store, _database: None };
    Ok(match name {
        "memory" => alone(Arc::new(MemoryStore::new())),
        "embedded" => alone(Arc::new(EmbeddedStore::open(folder.join("tasks.redb"))?)),
        "postgres" => {
            let database = TestPostgres::start_synced()?;
            let options = PostgresOptions::new().connections(32);
            let store = PostgresStore::connect_with(&database.address(), options).await?;
            Opened { store: Arc::new(store), _database: Some(database) }
        }
        other => return Err(format!("no store is called {other:?}").into()),
    })
}
