//! What a store does when workers die, sleep too long, or come back, and when many act at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mcp_tasks::protocol::TaskStatus;
use mcp_tasks::store::{Phase, StoreError, TaskStore, Wanted};
use serde_json::json;

use super::checks::{LEASE, claim_one, question, result, task};
use super::problem::{Problem, ensure, ensure_matches};
use super::{Check, TaskStoreHarness};

pub(super) const ALL: &[(&str, Check)] = &[
    ("a dead worker's task is taken over after its lease", |h| Box::pin(taken_over(h))),
    ("a worker that slept past its lease changes nothing", |h| Box::pin(stale(h))),
    ("a worker that slept past its lease goes on if nobody took over", |h| Box::pin(late(h))),
    ("a task that kills its workers fails in the end", |h| Box::pin(poison(h))),
    ("many instances share the work, and each task is had once", |h| Box::pin(many(h))),
    ("the first of many ends wins, and nothing follows it", |h| Box::pin(races(h))),
    ("a dropped call is done or not done", |h| Box::pin(dropped(h))),
    ("everything is there after a restart", |h| Box::pin(restarted(h))),
];

async fn taken_over(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let other = harness.another(&store).await.unwrap_or_else(|| store.clone());
    store.create(task()).await?;
    let first = claim_one(&*store).await?;
    harness.pass(LEASE - Duration::from_millis(100)).await;
    ensure!(
        other.claim(&Wanted::all(), LEASE, 10).await?.is_empty(),
        "taken before its lease was over"
    );
    harness.pass(Duration::from_millis(200)).await;
    let second = claim_one(&*other).await?;
    ensure!(second.id == first.id && second.fence > first.fence, "{second:?}");
    ensure!(second.attempt == 2, "{second:?}");
    Ok(true)
}

async fn stale(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let id = store.create(task()).await?.row.id;
    let old = claim_one(&*store).await?.hold();
    harness.pass(LEASE * 2).await;
    let new = claim_one(&*store).await?.hold();
    let before = store.get(&id, None).await?;
    ensure_matches!(store.heartbeat(&old, LEASE, Some("x".into())).await, Err(StoreError::Stale));
    let kept = store.checkpoint(&old, "k", json!(1).into()).await;
    ensure_matches!(kept, Err(StoreError::Stale));
    let asked = store.ask(&old, [("a".to_owned(), question("?"))].into()).await;
    ensure_matches!(asked, Err(StoreError::Stale));
    ensure_matches!(store.discard(&old, "a").await, Err(StoreError::Stale));
    ensure_matches!(store.release(&old).await, Err(StoreError::Stale));
    ensure_matches!(store.finish(&old, result("old")?).await, Err(StoreError::Stale));
    ensure!(store.get(&id, None).await? == before, "the old worker changed something");
    store.finish(&new, result("new")?).await?;
    ensure_matches!(store.finish(&old, result("old")?).await, Err(StoreError::Stale));
    let row = store.get(&id, None).await?;
    let Phase::Completed { result } = &row.phase else {
        return Err(Problem(format!("{row:?}")));
    };
    ensure!(result.get().contains("new"), "the old worker won");
    Ok(true)
}

async fn late(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    store.create(task()).await?;
    let hold = claim_one(&*store).await?.hold();
    harness.pass(LEASE * 5).await;
    store.heartbeat(&hold, LEASE, None).await?;
    ensure!(store.claim(&Wanted::all(), LEASE, 10).await?.is_empty(), "the lease was not renewed");
    store.finish(&hold, result("late")?).await?;
    Ok(true)
}

async fn poison(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let id = store.create(task()).await?.row.id;
    for attempt in 1..=3 {
        let row = claim_one(&*store).await?;
        ensure!(row.attempt == attempt, "{row:?}");
        harness.pass(LEASE * 2).await;
    }
    ensure!(store.claim(&Wanted::all(), LEASE, 10).await?.is_empty(), "run a fourth time");
    let row = store.get(&id, None).await?;
    ensure_matches!(&row.phase, Phase::Failed { error } if error.code == -32603);
    ensure!(row.status_message.is_some(), "no word on why");
    Ok(true)
}

async fn many(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    const TASKS: usize = 60;
    let store = harness.fresh().await;
    let mut ids = BTreeSet::new();
    for _ in 0..TASKS {
        ids.insert(store.create(task()).await?.row.id);
    }
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let store: Arc<dyn TaskStore> =
            harness.another(&store).await.unwrap_or_else(|| store.clone());
        workers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let claimed = store.claim(&Wanted::all(), LEASE, 3).await?;
                if claimed.is_empty() {
                    return Ok::<_, Problem>(done);
                }
                for row in claimed {
                    store.finish(&row.hold(), result(row.id.as_str())?).await?;
                    done.push(row.id);
                }
            }
        });
    }
    let mut done = Vec::new();
    while let Some(ended) = workers.join_next().await {
        done.extend(ended.map_err(|error| Problem(error.to_string()))??);
    }
    ensure!(done.len() == TASKS, "{} of {TASKS} were run", done.len());
    ensure!(done.into_iter().collect::<BTreeSet<_>>() == ids, "not the tasks that were there");
    for id in &ids {
        ensure!(store.get(id, None).await?.status() == TaskStatus::Completed, "not completed");
    }
    Ok(true)
}

async fn races(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    for _ in 0..20 {
        let store = harness.fresh().await;
        let id = store.create(task()).await?.row.id;
        let hold = claim_one(&*store).await?.hold();
        let (finished, cancelled, asked) = tokio::join!(
            store.finish(&hold, result("done")?),
            store.cancel(&id, None),
            store.ask(&hold, [("a".to_owned(), question("?"))].into()),
        );
        cancelled?;
        let row = store.get(&id, None).await?;
        match (&finished, &asked, row.status()) {
            (Ok(()), Err(StoreError::Stale), TaskStatus::Completed)
            | (Err(StoreError::Stale), _, TaskStatus::Cancelled) => {}
            _ => return Err(Problem(format!("{finished:?}, {asked:?}, {row:?}"))),
        }
    }
    Ok(true)
}

async fn dropped(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let id = store.create(task()).await?.row.id;
    let hold = claim_one(&*store).await?.hold();
    // A future that is polled once and dropped.
    {
        let mut finishing = std::pin::pin!(store.finish(&hold, result("done")?));
        std::future::poll_fn(|context| {
            let _ = finishing.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
    }
    // Whatever came of it, the store goes on, and knows which.
    let (after, status) =
        (store.heartbeat(&hold, LEASE, None).await, store.get(&id, None).await?.status());
    match (after, status) {
        (Ok(()), TaskStatus::Working) => store.finish(&hold, result("done")?).await?,
        (Err(StoreError::Stale), TaskStatus::Completed) => {}
        other => return Err(Problem(format!("{other:?}"))),
    }
    ensure!(store.get(&id, None).await?.status() == TaskStatus::Completed, "not completed");
    Ok(true)
}

async fn restarted(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let mut new = task();
    new.idempotency_key = Some("k".to_owned());
    let queued = store.create(new.clone()).await?.row;
    let parked = store.create(task()).await?.row.id;
    let done = store.create(task()).await?.row.id;
    let running = store.create(task()).await?.row.id;
    let mut dead = None;
    for row in store.claim(&Wanted::all(), LEASE, 10).await? {
        if row.id == parked {
            store.checkpoint(&row.hold(), "step", json!(1).into()).await?;
            store.ask(&row.hold(), [("a".to_owned(), question("?"))].into()).await?;
        } else if row.id == done {
            store.finish(&row.hold(), result("done")?).await?;
        } else if row.id == running {
            dead = Some(row.hold());
        } else {
            store.release(&row.hold()).await?;
        }
    }
    let mut before = Vec::new();
    for id in [&queued.id, &parked, &done] {
        before.push(store.get(id, None).await?);
    }
    let Some(store) = harness.reopened(store).await else { return Ok(false) };
    for row in before {
        let after = store.get(&row.id, None).await?;
        ensure!(after == row, "{row:?} became {after:?}");
    }
    ensure!(store.create(new).await?.existed, "the idempotency key was forgotten");
    harness.pass(LEASE * 2).await;
    let claimed = store.claim(&Wanted::all(), LEASE, 10).await?;
    let ids: BTreeSet<_> = claimed.iter().map(|row| row.id.clone()).collect();
    ensure!(ids == [queued.id, running].into(), "claimed {ids:?}");
    if let Some(dead) = dead {
        ensure_matches!(store.finish(&dead, result("dead")?).await, Err(StoreError::Stale));
    }
    store.answer(&parked, None, [("a".to_owned(), json!("x").into())].into()).await?;
    let row = claim_one(&*store).await?;
    ensure!(row.checkpoints.contains_key("step"), "a checkpoint was lost");
    Ok(true)
}
