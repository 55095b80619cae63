//! Durable creations and completions a second, and what the disk does without us.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bench_support::{
    Result,
    tasks::{self, NOTHING},
};
use cpu_time::ProcessTime;
use mcp_core::Shutdown;
use mcp_tasks::store::{NewTask, TaskId, TaskRequest, TaskStore};
use serde_json::{Value, json};

/// So many clients at the same time.
const LANES: usize = 64;
/// How long the disk is tried.
const TIME: Duration = Duration::from_secs(2);

/// A task to be created, as a call of `tool` makes it.
pub(crate) fn new_task(tool: &str) -> Result<NewTask> {
    let mut message: Value = serde_json::from_str(&tasks::call(1, tool))?;
    Ok(NewTask::new(TaskRequest {
        method: "tools/call".to_owned(),
        tool: tool.to_owned(),
        version: None,
        params: message["params"].take().into(),
    }))
}

/// Creates tasks, each lane one after the other.
pub(crate) async fn create(
    store: &Arc<dyn TaskStore>,
    tool: &'static str,
    count: usize,
) -> Result<()> {
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..LANES {
        let store = Arc::clone(store);
        lanes.spawn(async move {
            for _ in (lane..count).step_by(LANES) {
                store.create(new_task(tool)?).await?;
            }
            Ok::<_, bench_support::Error>(())
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane??;
    }
    Ok(())
}

/// Runs workers until a task has a status that satisfies.
pub(crate) async fn work_until(
    store: &Arc<dyn TaskStore>,
    id: &TaskId,
    workers: usize,
    reached: impl Fn(mcp_tasks::protocol::TaskStatus) -> bool,
) -> Result<()> {
    let server = crate::server::server(store, workers)?;
    let (trigger, shutdown) = Shutdown::new();
    let running = tokio::spawn(async move { server.run_extensions(shutdown).await });
    let mut watcher = store.hub().watch([id.clone()]);
    while !reached(store.view(id, None).await?.status()) {
        watcher.changed().await;
    }
    trigger.request();
    running.await?;
    Ok(())
}

/// Prints the rates, one JSON object.
pub(crate) async fn measure(store: &Arc<dyn TaskStore>, folder: &Path, count: usize) -> Result<()> {
    let mut rates = serde_json::Map::new();
    rates.insert("synchronisations/s".to_owned(), synchronisations(folder)?.into());
    // One client, one after the other: what a single caller waits for.
    let (clock, single) = (Instant::now(), (count / 32).max(1));
    for _ in 0..single {
        store.create(new_task(NOTHING)?).await?;
    }
    rates.insert("creations/s, 1 client".to_owned(), per_second(single, clock));
    for (name, step) in [("creations", 0), ("completions", 1)] {
        let (clock, cpu) = (Instant::now(), ProcessTime::try_now()?);
        if step == 0 {
            create(store, NOTHING, count).await?;
        } else {
            // Oldest first: when the last is done, at most those are left that run beside it.
            let last = store.create(new_task(NOTHING)?).await?.row.id;
            work_until(store, &last, crate::WORKERS, |status| status.is_terminal()).await?;
        }
        let micros = cpu.try_elapsed()?.as_secs_f64() * 1e6;
        let done = if step == 0 { count } else { count + single + 1 };
        rates.insert(format!("{name}/s"), per_second(done, clock));
        rates.insert(format!("{name}, µs of CPU"), json!(micros / done as f64));
    }
    println!("{}", Value::Object(rates));
    Ok(())
}

fn per_second(count: usize, since: Instant) -> Value {
    json!(count as f64 / since.elapsed().as_secs_f64())
}

/// Bare writes of a few hundred bytes, each brought to the disk.
fn synchronisations(folder: &Path) -> Result<f64> {
    let path = folder.join("bare");
    let mut file = File::create(&path)?;
    let (clock, mut count) = (Instant::now(), 0_u32);
    while clock.elapsed() < TIME {
        file.write_all(&[b'x'; 500])?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / clock.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(rate)
}
