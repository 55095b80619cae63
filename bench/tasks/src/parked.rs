//! What tasks take that wait for their clients.

use std::sync::Arc;

use bench_support::{
    HeapProbe, Result,
    tasks::{ASKS, NOTHING},
};
use mcp_tasks::protocol::TaskStatus;
use mcp_tasks::store::TaskStore;
use serde_json::json;

use crate::rates::{create, new_task, work_until};

/// Prints the bytes that `count` parked tasks add, resident and allocated, one JSON object; and shows
/// that they hold no worker: there is only one, and it does another task afterwards.
pub(crate) async fn measure(
    store: &Arc<dyn TaskStore>,
    heap: Option<HeapProbe>,
    count: usize,
) -> Result<()> {
    // What the first tasks of a process need once is not what parked tasks take.
    park(store, 64).await?;
    let memory = || {
        let resident = memory_stats::memory_stats().map(|memory| memory.physical_mem);
        (resident, heap.map(HeapProbe::live_bytes))
    };
    let before = memory();
    park(store, count).await?;
    let after = memory();
    let added = |before: Option<usize>, after: Option<usize>| {
        before.zip(after).map(|(before, after)| after.saturating_sub(before))
    };
    // Only a worker that nobody holds can do it.
    let id = store.create(new_task(NOTHING)?).await?.row.id;
    work_until(store, &id, 1, TaskStatus::is_terminal).await?;
    println!(
        "{}",
        json!({"resident": added(before.0, after.0), "allocated": added(before.1, after.1)})
    );
    Ok(())
}

async fn park(store: &Arc<dyn TaskStore>, count: usize) -> Result<()> {
    create(store, ASKS, count - 1).await?;
    let last = store.create(new_task(ASKS)?).await?.row.id;
    // Few workers for many tasks: each is free again as soon as its task asks.
    work_until(store, &last, 4, |status| status == TaskStatus::InputRequired).await
}
