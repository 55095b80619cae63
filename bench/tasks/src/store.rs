//! The stores that can be measured.

use std::path::Path;
use std::sync::Arc;

use bench_support::Result;
use mcp_tasks::store::{EmbeddedStore, MemoryStore, TaskStore};

/// Opens a store by its name; `folder` is for those that keep files.
pub(crate) fn open(name: &str, folder: &Path) -> Result<Arc<dyn TaskStore>> {
    Ok(match name {
        "memory" => Arc::new(MemoryStore::new()),
        "embedded" => Arc::new(EmbeddedStore::open(folder.join("tasks.redb"))?),
        other => return Err(format!("no store is called {other:?}").into()),
    })
}
