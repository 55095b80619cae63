//! Claims tasks and sees to them, as many at a time as there are workers.

use std::sync::Arc;
use std::time::Duration;

use mcp_core::Shutdown;
use mcp_core::server::ServerHandle;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::{Shared, TaskPolicy, run};
use crate::store::Wanted;

/// So many tasks are swept at once.
const SWEEP: usize = 500;

/// Works until `shutdown`, then gives back what is not done.
pub(super) async fn work(shared: Arc<Shared>, server: ServerHandle, shutdown: Shutdown) {
    let settings = &shared.settings;
    // Leases that are over are found by looking.
    let look_every = (settings.lease / 8).clamp(Duration::from_millis(20), Duration::from_secs(1));
    let mut look = tokio::time::interval(look_every);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work = shared.store.hub().work();
    let mut running = JoinSet::new();
    let mut sweep_at = Instant::now();
    while !shutdown.is_requested() {
        // Those that ended together make room for one claim, not for one each.
        tokio::task::yield_now().await;
        while let Some(ended) = running.try_join_next() {
            report(ended);
        }
        // Marked before the claim: what comes during it is not missed.
        work.mark_unchanged();
        let free = settings.workers - running.len();
        // Also when nothing is free: those who share the store want to know which tools are there.
        if free > 0 || shared.store.is_shared() {
            let wanted = wanted(&shared, &server);
            let claimed = tokio::select! {
                claimed = shared.store.claim(&wanted, settings.lease, free) => claimed,
                // What a claim that is dropped has taken is free again after its lease.
                () = after(&shutdown, settings.lease / 4) => break,
            };
            match claimed {
                Ok(claimed) => {
                    for row in claimed {
                        let run =
                            run::run(Arc::clone(&shared), server.clone(), row, shutdown.clone());
                        running.spawn(run);
                    }
                }
                Err(error) => tracing::warn!(%error, "no tasks can be claimed; trying again"),
            }
        }
        if Instant::now() >= sweep_at {
            sweep_at = match shared.store.sweep(SWEEP).await {
                // There may be more.
                Ok(SWEEP) => Instant::now(),
                Ok(_) => Instant::now() + settings.sweep_every,
                Err(error) => {
                    tracing::warn!(%error, "tasks cannot be swept; trying again");
                    Instant::now() + settings.sweep_every
                }
            };
        }
        let is_free = running.len() < settings.workers;
        tokio::select! {
            () = shutdown.requested() => {}
            Some(ended) = running.join_next(), if !running.is_empty() => report(ended),
            _ = work.changed(), if is_free => {}
            _ = look.tick() => {}
        }
    }
    while let Some(ended) = running.join_next().await {
        report(ended);
    }
}

/// Some time after the shutdown was asked for.
async fn after(shutdown: &Shutdown, time: Duration) {
    shutdown.requested().await;
    tokio::time::sleep(time).await;
}

/// What this instance can run. In a store of its own it takes everything: what it cannot run nobody can.
fn wanted(shared: &Shared, server: &ServerHandle) -> Wanted {
    if !shared.store.is_shared() {
        return Wanted::all();
    }
    let names = server.tool_names();
    let policies: Vec<_> = names.iter().map(|name| server.tool_value::<TaskPolicy>(name)).collect();
    let versions = policies.iter().map(|policy| policy.as_ref()?.version.as_deref());
    Wanted::tools(names.iter().map(String::as_str).zip(versions), shared.settings.orphaned_after)
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a worker of tasks ended without a word; its task will be taken over");
    }
}
