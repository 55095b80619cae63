//! What a store does when nothing goes wrong but the callers.

use std::collections::BTreeMap;
use std::time::Duration;

use mcp_core::RawJson;
use mcp_core::protocol::{ElicitRequestUrlParams, ErrorObject, InputRequest, JsonObject};
use mcp_tasks::protocol::TaskStatus;
use mcp_tasks::store::{
    Ended, NewTask, Phase, StoreError, TaskId, TaskRequest, TaskRow, TaskStore, Wanted,
};
use serde_json::json;

use super::problem::{Problem, ensure, ensure_matches};
use super::{Check, TaskStoreHarness};

pub(super) const LEASE: Duration = Duration::from_secs(10);

pub(super) const ALL: &[(&str, Check)] = &[
    ("a task is there once it was created", |h| Box::pin(created(h))),
    ("a row keeps everything, byte for byte", |h| Box::pin(kept(h))),
    ("an idempotency key finds the first task", |h| Box::pin(idempotent(h))),
    ("an idempotency key is the principal's and the tool's own", |h| Box::pin(key_scope(h))),
    ("another principal finds nothing", |h| Box::pin(foreign(h))),
    ("unknown tasks are not found", |h| Box::pin(unknown(h))),
    ("tasks are claimed once, oldest first, up to the limit", |h| Box::pin(claimed(h))),
    ("tasks of other tools and versions are left to others, for a while", |h| Box::pin(wanted(h))),
    ("a heartbeat keeps a lease", |h| Box::pin(heartbeat(h))),
    ("questions park a task until all are answered", |h| Box::pin(asked(h))),
    ("a key of a question is never used again", |h| Box::pin(keys(h))),
    ("answers to nothing are ignored", |h| Box::pin(unknown_answers(h))),
    ("checkpoints are there for the next run, the first value stays", |h| Box::pin(checkpoints(h))),
    ("a task that is given back goes on at once, and keeps its attempts", |h| {
        Box::pin(released(h))
    }),
    ("results and errors are kept as they are", |h| Box::pin(finished(h))),
    ("a cancelled task has ended, whatever it was doing", |h| Box::pin(cancelled(h))),
    ("a task that has ended never changes", |h| Box::pin(terminal(h))),
    ("a task that has outlived its ttl is gone, and swept", |h| Box::pin(expired(h))),
    ("a task without a ttl stays", |h| Box::pin(unlimited(h))),
    ("each visible change is counted", |h| Box::pin(revisions(h))),
    ("each visible change is told", |h| Box::pin(told(h))),
    ("work is told", |h| Box::pin(work_told(h))),
    ("too large is refused, and the task goes on", |h| Box::pin(too_large(h))),
];

pub(super) fn request(tool: &str) -> TaskRequest {
    TaskRequest {
        method: "tools/call".to_owned(),
        tool: tool.to_owned(),
        version: None,
        params: json!({ "name": tool, "arguments": {} }).into(),
    }
}

pub(super) fn task() -> NewTask {
    NewTask::new(request("t"))
}

fn task_of(principal: &str) -> NewTask {
    let mut new = task();
    new.principal = Some(principal.to_owned());
    new
}

pub(super) fn question(text: &str) -> InputRequest {
    InputRequest::elicit(ElicitRequestUrlParams::new(text, "https://example.com/"))
}

pub(super) fn result(text: &str) -> Result<Ended, Problem> {
    Ok(Ended::Completed(JsonObject::from_serialize(&json!({ "content": [], "text": text }))?))
}

fn answers(of: &[(&str, &str)]) -> BTreeMap<String, RawJson> {
    of.iter().map(|(key, text)| ((*key).to_owned(), json!(text).into())).collect()
}

/// Claims the only task there is.
pub(super) async fn claim_one(store: &dyn TaskStore) -> Result<TaskRow, Problem> {
    let mut claimed = store.claim(&Wanted::all(), LEASE, 10).await?;
    match (claimed.pop(), claimed.len()) {
        (Some(row), 0) => Ok(row),
        (_, more) => Err(Problem(format!("one task should be there to claim, not {more}"))),
    }
}

fn open_questions(row: &TaskRow) -> Vec<String> {
    match &row.phase {
        Phase::Parked { questions } => questions.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

async fn created(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let created = store.create(task()).await?;
    ensure!(!created.existed, "a new task existed");
    let row = store.get(&created.row.id, None).await?;
    ensure!(row == created.row, "read {row:?}, created {:?}", created.row);
    ensure!(row.status() == TaskStatus::Working, "a new task is {}", row.status());
    ensure!(row.created_at == row.updated_at, "a new task was changed before it was created");
    let second = store.create(task()).await?;
    ensure!(second.row.id != row.id, "two tasks have one id");
    Ok(true)
}

async fn kept(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let mut new = task_of("https://issuer.example|älice \u{0}'\"");
    let text = r#"{"name":"t","arguments":{"b":1.50,"a":[1E400,"\u0000 ü"],"__proto__":null},"_meta":{"x/y":0.1}}"#;
    new.request.params = RawJson::from_string(text.to_owned())?;
    new.request.version = Some("2".to_owned());
    new.idempotency_key = Some("'; drop table tasks; --".to_owned());
    new.answers = answers(&[("first", "yes")]);
    new.ttl = Some(Duration::from_millis(123_456_789));
    new.poll_interval = Duration::from_millis(77);
    let created = store.create(new).await?.row;
    let row = store.get(&created.id, created.principal.as_deref()).await?;
    ensure!(row == created, "{row:?}");
    ensure!(row.request.params.get() == text, "the parameters are {}", row.request.params.get());
    ensure!(row.ttl_ms == Some(123_456_789) && row.poll_interval_ms == 77, "{row:?}");
    let claimed = claim_one(&*store).await?;
    ensure!(claimed.request == created.request, "{claimed:?}");
    ensure!(claimed.answers == created.answers, "{claimed:?}");
    Ok(true)
}

async fn idempotent(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let mut new = task_of("a");
    new.idempotency_key = Some("k".to_owned());
    let first = store.create(new.clone()).await?;
    let mut retried = new.clone();
    retried.request.params =
        json!({ "name": "t", "arguments": {}, "_meta": { "trace": "another" } }).into();
    let second = store.create(retried).await?;
    ensure!(second.existed && second.row.id == first.row.id, "{second:?}");
    // The answer is the task as it is now, even when it has ended.
    let hold = claim_one(&*store).await?.hold();
    store.finish(&hold, result("done")?).await?;
    let third = store.create(new.clone()).await?;
    ensure!(third.row.status() == TaskStatus::Completed, "{third:?}");
    let mut other = new.clone();
    other.request.params = json!({ "name": "t", "arguments": { "a": 1 } }).into();
    ensure_matches!(store.create(other).await, Err(StoreError::Conflict));
    // At the same time: one task, whoever was first.
    new.idempotency_key = Some("k2".to_owned());
    let (left, right) = tokio::join!(store.create(new.clone()), store.create(new.clone()));
    let (left, right) = (left?, right?);
    ensure!(left.row.id == right.row.id, "two tasks with one key");
    ensure!(left.existed != right.existed, "both or none were first");
    // The key lives as long as its task.
    harness.pass(Duration::from_secs(24 * 60 * 60)).await;
    let later = store.create(new).await?;
    ensure!(!later.existed && later.row.id != left.row.id, "a task that is gone was found");
    Ok(true)
}

async fn key_scope(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let with_key = |mut new: NewTask, key: &str| {
        new.idempotency_key = Some(key.to_owned());
        new
    };
    let mut tool = task_of("a");
    tool.request = request("u");
    let all = [
        with_key(task_of("a"), "k"),
        with_key(task_of("b"), "k"),
        with_key(task_of("a"), "k2"),
        with_key(task(), "k"),
        with_key(tool, "k"),
        task_of("a"),
        task_of("a"),
    ];
    for new in all {
        let created = store.create(new).await?;
        ensure!(!created.existed, "found {:?}", created.row);
    }
    Ok(true)
}

async fn foreign(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let id = store.create(task_of("alice")).await?.row.id;
    let hold = claim_one(&*store).await?.hold();
    store.ask(&hold, [("q".to_owned(), question("?"))].into()).await?;
    let before = store.get(&id, Some("alice")).await?;
    for other in [None, Some("mallory"), Some("Alice"), Some("")] {
        ensure_matches!(store.get(&id, other).await, Err(StoreError::NotFound));
        ensure_matches!(store.cancel(&id, other).await, Err(StoreError::NotFound));
        let answered = store.answer(&id, other, answers(&[("q", "x")])).await;
        ensure_matches!(answered, Err(StoreError::NotFound));
    }
    ensure!(store.get(&id, Some("alice")).await? == before, "a stranger changed the task");
    // Without a principal, the id is the key.
    let open = store.create(task()).await?.row.id;
    store.get(&open, None).await?;
    store.get(&open, Some("anybody")).await?;
    Ok(true)
}

async fn unknown(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let id = TaskId::generate()?;
    ensure_matches!(store.get(&id, None).await, Err(StoreError::NotFound));
    ensure_matches!(store.cancel(&id, None).await, Err(StoreError::NotFound));
    ensure_matches!(store.answer(&id, None, BTreeMap::new()).await, Err(StoreError::NotFound));
    let hold = mcp_tasks::store::Hold { id, fence: 1 };
    ensure_matches!(store.heartbeat(&hold, LEASE, None).await, Err(StoreError::Stale));
    ensure_matches!(store.finish(&hold, result("x")?).await, Err(StoreError::Stale));
    ensure!(store.claim(&Wanted::all(), LEASE, 10).await?.is_empty(), "an empty store has work");
    ensure!(store.sweep(10).await? == 0, "an empty store has something to sweep");
    Ok(true)
}

async fn claimed(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(store.create(task()).await?.row.id);
        harness.pass(Duration::from_millis(10)).await;
    }
    ensure!(
        store.claim(&Wanted::all(), LEASE, 0).await?.is_empty(),
        "a claim of nothing got something"
    );
    let first = store.claim(&Wanted::all(), LEASE, 2).await?;
    let second = store.claim(&Wanted::all(), LEASE, 10).await?;
    let got: Vec<_> = first.iter().chain(&second).map(|row| row.id.clone()).collect();
    ensure!(first.len() == 2 && got == ids, "claimed {got:?} of {ids:?}");
    ensure!(store.claim(&Wanted::all(), LEASE, 10).await?.is_empty(), "a task was claimed twice");
    for row in first {
        ensure!(row.fence == 1 && row.attempt == 1, "{row:?}");
        ensure!(store.get(&row.id, None).await?.status() == TaskStatus::Working, "{row:?}");
    }
    Ok(true)
}

async fn wanted(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let mut newer = task();
    newer.request.version = Some("2".to_owned());
    let other = store.create(task()).await?.row.id;
    let newer = store.create(newer).await?.row.id;
    harness.pass(Duration::from_millis(10)).await;
    let own = store.create(NewTask::new(request("own"))).await?.row.id;
    let patience = LEASE * 3;
    let wanted = Wanted::tools([("own", None), ("t", Some("2")), ("gone", None)], patience);
    let claimed = async |limit| {
        let rows = store.claim(&wanted, LEASE, limit).await?;
        Ok::<_, Problem>(rows.into_iter().map(|row| row.id).collect::<Vec<_>>())
    };
    let first = claimed(1).await?;
    ensure!(
        first == [newer.clone()],
        "the oldest that is wanted is {newer}, claimed was {first:?}"
    );
    let second = claimed(10).await?;
    ensure!(second == [own.clone()], "only {own} is wanted, claimed was {second:?}");
    ensure!(claimed(10).await?.is_empty(), "another's task was claimed at once");
    harness.pass(patience + Duration::from_millis(1)).await;
    let late = claimed(10).await?;
    ensure!(
        late.len() == 3 && late.contains(&other),
        "what nobody takes is everybody's, and leases that are over are; claimed was {late:?}"
    );
    Ok(true)
}

async fn heartbeat(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    store.create(task()).await?;
    let hold = claim_one(&*store).await?.hold();
    for step in 0..4 {
        harness.pass(LEASE * 3 / 4).await;
        store.heartbeat(&hold, LEASE, Some(format!("step {step}"))).await?;
        ensure!(store.claim(&Wanted::all(), LEASE, 10).await?.is_empty(), "a live lease was taken");
    }
    let row = store.get(&hold.id, None).await?;
    ensure!(row.status_message.as_deref() == Some("step 3"), "{row:?}");
    store.heartbeat(&hold, LEASE, None).await?;
    ensure!(store.get(&hold.id, None).await?.status_message == row.status_message, "forgotten");
    Ok(true)
}

async fn asked(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let id = store.create(task()).await?.row.id;
    let hold = claim_one(&*store).await?.hold();
    let both = [("a".to_owned(), question("A?")), ("b".to_owned(), question("B?"))];
    store.ask(&hold, both.into()).await?;
    let row = store.get(&id, None).await?;
    ensure!(row.status() == TaskStatus::InputRequired, "{row:?}");
    ensure!(open_questions(&row) == ["a", "b"], "{row:?}");
    ensure_matches!(store.heartbeat(&hold, LEASE, None).await, Err(StoreError::Stale));
    // However long it takes.
    harness.pass(LEASE * 100).await;
    ensure!(store.claim(&Wanted::all(), LEASE, 10).await?.is_empty(), "a parked task was claimed");
    ensure!(store.answer(&id, None, answers(&[("a", "1")])).await? == 1, "not taken");
    let row = store.get(&id, None).await?;
    ensure!(row.status() == TaskStatus::InputRequired && open_questions(&row) == ["b"], "{row:?}");
    ensure!(
        store.claim(&Wanted::all(), LEASE, 10).await?.is_empty(),
        "claimed with an open question"
    );
    ensure!(store.answer(&id, None, answers(&[("b", "2")])).await? == 1, "not taken");
    ensure!(store.get(&id, None).await?.status() == TaskStatus::Working, "still waiting");
    let row = claim_one(&*store).await?;
    ensure!(row.answers == answers(&[("a", "1"), ("b", "2")]), "{row:?}");
    // What is answered is not asked again.
    store.ask(&row.hold(), [("a".to_owned(), question("A?"))].into()).await?;
    ensure!(store.get(&id, None).await?.status() == TaskStatus::Working, "asked again");
    claim_one(&*store).await?;
    Ok(true)
}

async fn keys(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let id = store.create(task()).await?.row.id;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let hold = claim_one(&*store).await?.hold();
        store.discard(&hold, "a").await?;
        store.ask(&hold, [("a".to_owned(), question("A?"))].into()).await?;
        let open = open_questions(&store.get(&id, None).await?);
        ensure!(open.len() == 1, "{open:?}");
        for key in open {
            ensure!(!seen.contains(&key), "the key {key} was used twice");
            // An old key answers nothing.
            for old in &seen {
                let taken = store.answer(&id, None, answers(&[(old, "late")])).await?;
                ensure!(taken == 0, "an answer to {old} was taken for {key}");
            }
            store.answer(&id, None, answers(&[(&key, "x")])).await?;
            seen.push(key);
        }
    }
    let row = claim_one(&*store).await?;
    ensure!(row.answers == answers(&[("a", "x")]), "{row:?}");
    Ok(true)
}

async fn unknown_answers(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let id = store.create(task()).await?.row.id;
    let unknown = || answers(&[("never", "x")]);
    ensure!(store.answer(&id, None, unknown()).await? == 0, "taken while queued");
    let hold = claim_one(&*store).await?.hold();
    ensure!(store.answer(&id, None, unknown()).await? == 0, "taken while running");
    store.ask(&hold, [("a".to_owned(), question("?"))].into()).await?;
    let before = store.get(&id, None).await?;
    ensure!(store.answer(&id, None, unknown()).await? == 0, "taken while parked");
    ensure!(store.answer(&id, None, BTreeMap::new()).await? == 0, "nothing was taken");
    ensure!(store.get(&id, None).await? == before, "an answer to nothing changed something");
    store.answer(&id, None, answers(&[("a", "1")])).await?;
    let taken = store.answer(&id, None, answers(&[("a", "2")])).await?;
    ensure!(taken == 0, "a second answer was taken");
    let row = claim_one(&*store).await?;
    ensure!(row.answers == answers(&[("a", "1")]), "the second answer won: {row:?}");
    Ok(true)
}

async fn checkpoints(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    store.create(task()).await?;
    let hold = claim_one(&*store).await?.hold();
    store.checkpoint(&hold, "one", json!({ "a": 1 }).into()).await?;
    store.checkpoint(&hold, "two", json!(null).into()).await?;
    store.checkpoint(&hold, "one", json!("later").into()).await?;
    harness.pass(LEASE).await;
    let row = claim_one(&*store).await?;
    let expected: BTreeMap<String, RawJson> =
        [("one".to_owned(), json!({ "a": 1 }).into()), ("two".to_owned(), json!(null).into())]
            .into();
    ensure!(row.checkpoints == expected, "{row:?}");
    Ok(true)
}

async fn released(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    store.create(task()).await?;
    for round in 0..10 {
        let row = claim_one(&*store).await?;
        ensure!(row.attempt == 1, "attempt {} in round {round}", row.attempt);
        store.release(&row.hold()).await?;
        ensure_matches!(store.release(&row.hold()).await, Err(StoreError::Stale));
    }
    Ok(true)
}

async fn finished(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let text = r#"{"content":[],"isError":true,"_meta":{"a/b":1.50},"x":1E400}"#;
    let result: JsonObject = serde_json::from_str(text)?;
    let error = ErrorObject::new(-32602, "no such thing").with_data(json!({ "a": [1] }));
    for ended in [Ended::Completed(result), Ended::Failed(error)] {
        let id = store.create(task()).await?.row.id;
        let hold = claim_one(&*store).await?.hold();
        harness.pass(Duration::from_secs(1)).await;
        store.finish(&hold, ended.clone()).await?;
        let row = store.get(&id, None).await?;
        ensure!(row.updated_at > row.created_at, "{row:?}");
        match (&row.phase, &ended) {
            (Phase::Completed { result }, Ended::Completed(expected)) => {
                ensure!(result.get() == expected.get(), "{}", result.get());
            }
            (Phase::Failed { error }, Ended::Failed(expected)) => {
                ensure!(error == expected, "{error:?}");
                ensure!(row.status_message.is_some(), "no word on why it failed");
            }
            _ => return Err(Problem(format!("{ended:?} became {row:?}"))),
        }
    }
    Ok(true)
}

async fn cancelled(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let queued = store.create(task()).await?.row.id;
    store.cancel(&queued, None).await?;
    let running = store.create(task()).await?.row.id;
    let hold = claim_one(&*store).await?.hold();
    store.cancel(&running, None).await?;
    ensure_matches!(store.heartbeat(&hold, LEASE, None).await, Err(StoreError::Stale));
    ensure_matches!(store.finish(&hold, result("late")?).await, Err(StoreError::Stale));
    let parked = store.create(task()).await?.row.id;
    let hold = claim_one(&*store).await?.hold();
    store.ask(&hold, [("a".to_owned(), question("?"))].into()).await?;
    store.cancel(&parked, None).await?;
    ensure!(store.answer(&parked, None, answers(&[("a", "x")])).await? == 0, "answered");
    for id in [queued, running, parked] {
        let status = store.get(&id, None).await?.status();
        ensure!(status == TaskStatus::Cancelled, "{status}");
    }
    harness.pass(LEASE * 2).await;
    ensure!(
        store.claim(&Wanted::all(), LEASE, 10).await?.is_empty(),
        "a cancelled task was claimed"
    );
    Ok(true)
}

async fn terminal(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let failed = Ended::Failed(ErrorObject::new(-32603, "no"));
    for ended in [Some(result("first")?), Some(failed), None] {
        let id = store.create(task()).await?.row.id;
        let hold = claim_one(&*store).await?.hold();
        match ended {
            Some(ended) => store.finish(&hold, ended).await?,
            None => store.cancel(&id, None).await?,
        }
        let row = store.get(&id, None).await?;
        harness.pass(LEASE * 2).await;
        ensure_matches!(store.finish(&hold, result("second")?).await, Err(StoreError::Stale));
        let kept = store.checkpoint(&hold, "k", json!(1).into()).await;
        ensure_matches!(kept, Err(StoreError::Stale));
        let asked = store.ask(&hold, [("a".to_owned(), question("?"))].into()).await;
        ensure_matches!(asked, Err(StoreError::Stale));
        ensure_matches!(store.release(&hold).await, Err(StoreError::Stale));
        ensure_matches!(store.discard(&hold, "a").await, Err(StoreError::Stale));
        store.cancel(&id, None).await?;
        store.answer(&id, None, answers(&[("a", "x")])).await?;
        ensure!(store.claim(&Wanted::all(), LEASE, 10).await?.is_empty(), "claimed after its end");
        let now = store.get(&id, None).await?;
        ensure!(now == row, "{row:?} became {now:?}");
    }
    Ok(true)
}

async fn expired(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let mut new = task();
    new.ttl = Some(Duration::from_secs(60));
    let running = store.create(new.clone()).await?.row.id;
    let hold = claim_one(&*store).await?.hold();
    let queued = store.create(new).await?.row.id;
    let other = store.create(task()).await?.row.id;
    harness.pass(Duration::from_millis(59_900)).await;
    store.heartbeat(&hold, LEASE, None).await?;
    store.get(&queued, None).await?;
    ensure!(store.sweep(10).await? == 0, "swept before its time");
    harness.pass(Duration::from_millis(200)).await;
    for id in [&running, &queued] {
        ensure_matches!(store.get(id, None).await, Err(StoreError::NotFound));
        ensure_matches!(store.cancel(id, None).await, Err(StoreError::NotFound));
    }
    ensure_matches!(store.finish(&hold, result("late")?).await, Err(StoreError::Stale));
    ensure_matches!(store.heartbeat(&hold, LEASE, None).await, Err(StoreError::Stale));
    let claimed = claim_one(&*store).await?;
    ensure!(claimed.id == other, "a task that is gone was claimed");
    ensure!(store.sweep(1).await? == 1, "the limit of a sweep");
    ensure!(store.sweep(10).await? == 1, "the rest of a sweep");
    ensure!(store.sweep(10).await? == 0, "swept twice");
    store.get(&other, None).await?;
    Ok(true)
}

async fn unlimited(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let mut new = task();
    new.ttl = None;
    let id = store.create(new).await?.row.id;
    harness.pass(Duration::from_secs(1000 * 24 * 60 * 60)).await;
    ensure!(store.sweep(10).await? == 0, "swept");
    ensure!(store.get(&id, None).await?.ttl_ms.is_none(), "it has a ttl now");
    claim_one(&*store).await?;
    Ok(true)
}

async fn revisions(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let id = store.create(task()).await?.row.id;
    let hold = claim_one(&*store).await?.hold();
    let revision = async || store.get(&id, None).await.map(|row| row.revision);
    let mut last = revision().await?;
    store.heartbeat(&hold, LEASE, None).await?;
    store.checkpoint(&hold, "k", json!(1).into()).await?;
    ensure!(revision().await? == last, "counted what nobody sees");
    store.heartbeat(&hold, LEASE, Some("half".to_owned())).await?;
    ensure!(revision().await? > last, "a message was not counted");
    last = revision().await?;
    store.ask(&hold, [("a".to_owned(), question("?"))].into()).await?;
    ensure!(revision().await? > last, "a question was not counted");
    last = revision().await?;
    store.answer(&id, None, answers(&[("a", "x")])).await?;
    ensure!(revision().await? > last, "an answer was not counted");
    last = revision().await?;
    let hold = claim_one(&*store).await?.hold();
    store.finish(&hold, result("done")?).await?;
    ensure!(revision().await? > last, "the end was not counted");
    Ok(true)
}

/// Waits for a change, but not for ever.
async fn soon<T>(waiting: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .map_err(|_| Problem("nothing was told within 20 s".to_owned()))
}

async fn told(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let watching = harness.another(&store).await.unwrap_or_else(|| store.clone());
    let id = store.create(task()).await?.row.id;
    let other = store.create(task()).await?.row.id;
    let mut watcher = watching.hub().watch([id.clone()]);
    let claimed = store.claim(&Wanted::all(), LEASE, 10).await?;
    for row in claimed {
        store.heartbeat(&row.hold(), LEASE, Some("half".to_owned())).await?;
        if row.id == id {
            ensure!(soon(watcher.changed()).await? == id, "another task was told");
            store.finish(&row.hold(), result("done")?).await?;
            ensure!(soon(watcher.changed()).await? == id, "another task was told");
            // What is told is there to be read.
            let seen = watching.get(&id, None).await?;
            ensure!(seen.status() == TaskStatus::Completed, "{seen:?}");
        }
    }
    drop(watcher);
    let mut watcher = watching.hub().watch([other.clone()]);
    store.cancel(&other, None).await?;
    ensure!(soon(watcher.changed()).await? == other, "another task was told");
    drop(watcher);
    ensure!(watching.hub().watched() == 0, "a watcher that is gone is still there");
    Ok(true)
}

async fn work_told(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let waiting = harness.another(&store).await.unwrap_or_else(|| store.clone());
    let mut work = waiting.hub().work();
    let wait = async |work: &mut tokio::sync::watch::Receiver<u64>| {
        soon(work.changed()).await?.map_err(|_| Problem("the hub has ended".to_owned()))
    };
    work.mark_unchanged();
    let id = store.create(task()).await?.row.id;
    wait(&mut work).await?;
    let hold = claim_one(&*waiting).await?.hold();
    work.mark_unchanged();
    store.release(&hold).await?;
    wait(&mut work).await?;
    let hold = claim_one(&*waiting).await?.hold();
    store.ask(&hold, [("a".to_owned(), question("?"))].into()).await?;
    work.mark_unchanged();
    store.answer(&id, None, answers(&[("a", "x")])).await?;
    wait(&mut work).await?;
    Ok(true)
}

async fn too_large(harness: &dyn TaskStoreHarness) -> Result<bool, Problem> {
    let store = harness.fresh().await;
    let large: RawJson = json!("x".repeat(harness.max_task_size())).into();
    let mut new = task();
    new.request.params = large.clone();
    ensure_matches!(store.create(new).await, Err(StoreError::TooLarge { .. }));
    ensure!(
        store.claim(&Wanted::all(), LEASE, 10).await?.is_empty(),
        "a task that was refused is there"
    );
    let id = store.create(task()).await?.row.id;
    let hold = claim_one(&*store).await?.hold();
    let kept = store.checkpoint(&hold, "k", large.clone()).await;
    ensure_matches!(kept, Err(StoreError::TooLarge { .. }));
    let text = "x".repeat(harness.max_task_size());
    ensure_matches!(store.finish(&hold, result(&text)?).await, Err(StoreError::TooLarge { .. }));
    let asked = store.ask(&hold, [("a".to_owned(), question(&text))].into()).await;
    ensure_matches!(asked, Err(StoreError::TooLarge { .. }));
    store.heartbeat(&hold, LEASE, None).await?;
    store.ask(&hold, [("a".to_owned(), question("?"))].into()).await?;
    let answered = store.answer(&id, None, [("a".to_owned(), large)].into()).await;
    ensure_matches!(answered, Err(StoreError::TooLarge { .. }));
    ensure!(store.get(&id, None).await?.status() == TaskStatus::InputRequired, "it went on");
    store.answer(&id, None, answers(&[("a", "small")])).await?;
    let hold = claim_one(&*store).await?.hold();
    store.finish(&hold, result("done")?).await?;
    Ok(true)
}
