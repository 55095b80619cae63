//! What polls see when several instances share a database: kept views, and what becomes of them when news are lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mcp_core::RawJson;
use mcp_core::protocol::JsonObject;
use mcp_tasks::protocol::TaskStatus;
use mcp_tasks::store::{
    Ended, Hold, NewTask, PostgresOptions, PostgresStore, StoreError, TaskId, TaskRequest,
    TaskStore, Wanted,
};
use mcp_testkit::TestPostgres;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::Client;

const LEASE: Duration = Duration::from_secs(600);
/// Only a test that hangs takes so long.
const AGES: Duration = Duration::from_secs(120);
/// Longer than a test takes: no view is dropped for its age, and nothing is asked for that reason.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(400);

fn task() -> NewTask {
    NewTask::new(TaskRequest {
        method: "tools/call".to_owned(),
        tool: "t".to_owned(),
        version: None,
        params: RawJson::null(),
    })
}

async fn open(server: &TestPostgres, within: Duration) -> PostgresStore {
    // What a lost change costs its listeners is not what is tested here.
    let options = PostgresOptions::new().views_within(within).look_every(LONG).timeout(AGES);
    PostgresStore::connect_with(&server.address(), options).await.unwrap()
}

/// A connection beside the store's, to look and to meddle.
async fn look(server: &TestPostgres) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&server.address(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A task that runs.
async fn running(store: &PostgresStore) -> Hold {
    store.create(task()).await.unwrap();
    store.claim(&Wanted::all(), LEASE, 1).await.unwrap().pop().unwrap().hold()
}

async fn say(store: &PostgresStore, hold: &Hold, text: &str) {
    store.heartbeat(hold, LEASE, Some(text.to_owned())).await.unwrap();
}

async fn shows(store: &PostgresStore, id: &TaskId, text: &str) -> bool {
    store.view(id, None).await.unwrap().json().contains(text)
}

/// Waits until polls of a task are answered without the database.
async fn until_kept(store: &PostgresStore, meddler: &Client, id: &TaskId) {
    let kept = async {
        while !is_kept(store, meddler, id, None).await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(AGES, kept).await.expect("it is kept");
}

/// Whether a poll is answered without the database: what is there is changed behind the store's back, as no store does, so that whoever asks
/// shows it. While nobody else writes.
async fn is_kept(
    store: &PostgresStore,
    meddler: &Client,
    id: &TaskId,
    principal: Option<&str>,
) -> bool {
    static NUMBERS: AtomicU64 = AtomicU64::new(7_000_000_000);
    let number = NUMBERS.fetch_add(1, Ordering::SeqCst);
    let meddle = "UPDATE mcp_tasks.task SET body = convert_to(
            jsonb_set(convert_from(body, 'UTF8')::jsonb, '{poll_interval_ms}', to_jsonb($1::bigint))::text, 'UTF8')
        WHERE id = $2";
    let written = meddler.execute(meddle, &[&(number as i64), &id.as_str()]).await.unwrap();
    assert_eq!(written, 1);
    !store.view(id, principal).await.unwrap().json().contains(&number.to_string())
}

/// The process ids of the connections for news, the oldest first.
async fn news_connections(meddler: &Client) -> Vec<i32> {
    let query = "SELECT pid FROM pg_stat_activity
        WHERE application_name = 'mcp-tasks' AND query LIKE '%pg_notify%' ORDER BY backend_start";
    meddler.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_view_is_dropped_by_news_and_by_writes_of_its_own() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let (here, there) = (open(&server, LONG).await, open(&server, LONG).await);
    let meddler = look(&server).await;
    let hold = running(&there).await;
    for round in 0..20 {
        until_kept(&here, &meddler, &hold.id).await;
        until_kept(&there, &meddler, &hold.id).await;
        let text = format!("{round} of 20");
        say(&there, &hold, &text).await;
        assert!(shows(&there, &hold.id, &text).await, "what an instance wrote it shows");
        let told = async { while !shows(&here, &hold.id, &text).await {} };
        timeout(AGES, told).await.expect("the change is told");
    }
    until_kept(&here, &meddler, &hold.id).await;
    here.cancel(&hold.id, None).await.unwrap();
    assert_eq!(here.view(&hold.id, None).await.unwrap().status(), TaskStatus::Cancelled);
    let ended = async {
        while there.view(&hold.id, None).await.unwrap().status() != TaskStatus::Cancelled {}
    };
    timeout(AGES, ended).await.expect("the end is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_poll_asks_where_nothing_may_be_kept() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let (here, there) = (open(&server, Duration::ZERO).await, open(&server, LONG).await);
    let meddler = look(&server).await;
    let hold = running(&there).await;
    for round in 0..20 {
        let text = format!("{round} of 20");
        say(&there, &hold, &text).await;
        assert!(shows(&here, &hold.id, &text).await, "it asks");
        assert!(!is_kept(&here, &meddler, &hold.id, None).await);
    }
    let beats = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_notify%ARRAY%'
        AND pid <> pg_backend_pid()";
    let beats: i64 = meddler.query_one(beats, &[]).await.unwrap().get(0);
    assert_eq!(beats, 0, "and tells no heartbeats");
}

/// Who dies between a change and its news tells nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_nobody_tells_is_seen_within_the_bound() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let here = open(&server, SHORT).await;
    let meddler = look(&server).await;
    let hold = running(&here).await;
    let mut watcher = here.hub().watch([hold.id.clone()]);
    let mut told = 0;
    for round in 0..10 {
        until_kept(&here, &meddler, &hold.id).await;
        let row = meddler
            .query_one("SELECT body FROM mcp_tasks.task WHERE id = $1", &[&hold.id.as_str()])
            .await
            .unwrap();
        // As another instance would, but for the news.
        let mut body: serde_json::Value = serde_json::from_slice(row.get(0)).unwrap();
        let revision = body["revision"].as_i64().unwrap() + 1;
        body["revision"] = revision.into();
        body["status_message"] = format!("untold {round}").into();
        let bytes = serde_json::to_vec(&body).unwrap();
        let write = "UPDATE mcp_tasks.task SET body = $1, revision = $2, version = version + 1 WHERE id = $3";
        while timeout(Duration::ZERO, watcher.changed()).await.is_ok() {}
        meddler.execute(write, &[&bytes, &revision, &hold.id.as_str()]).await.unwrap();
        let written = Instant::now();
        let text = format!("untold {round}");
        let seen = async {
            loop {
                let asked = Instant::now();
                if shows(&here, &hold.id, &text).await {
                    return;
                }
                assert!(asked - written < SHORT, "older than the bound: {:?}", asked - written);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(AGES, seen).await.expect("it is seen");
        // Unless the view was dropped for another reason before that was found out.
        told += u32::from(timeout(2 * SHORT, watcher.changed()).await.is_ok());
    }
    assert!(told > 0, "listeners are told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_view_outlives_the_connection_for_news() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    // The bound would keep them for ever: it is the loss of the connection that ends them.
    let (here, there) = (open(&server, LONG).await, open(&server, Duration::ZERO).await);
    let meddler = look(&server).await;
    let hold = running(&there).await;
    for round in 0..10 {
        until_kept(&here, &meddler, &hold.id).await;
        let connections = news_connections(&meddler).await;
        assert!(!connections.is_empty());
        for process in connections {
            let cut = "SELECT pg_terminate_backend($1, 60000)";
            assert!(meddler.query_one(cut, &[&process]).await.unwrap().get::<_, bool>(0));
        }
        // Nobody hears of it by news: both are without their connection, or have a new one and no views.
        let text = format!("after cut {round}");
        say(&there, &hold, &text).await;
        let seen = async { while !shows(&here, &hold.id, &text).await {} };
        timeout(AGES, seen).await.expect("it is seen");
        assert!(shows(&here, &hold.id, &text).await);
    }
}

/// The connection is there, and nothing comes: the process at its other end is stopped.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_news_do_not_come_each_poll_asks() {
    struct Stopped(i32);
    fn signal(name: &str, process: i32) {
        let kill = std::process::Command::new("kill").args([name, &process.to_string()]).status();
        assert!(kill.unwrap().success());
    }
    impl Drop for Stopped {
        fn drop(&mut self) {
            signal("-CONT", self.0);
        }
    }

    let Some(server) = TestPostgres::start_if_installed() else { return };
    let here = open(&server, SHORT).await;
    let meddler = look(&server).await;
    let hold = running(&here).await;
    until_kept(&here, &meddler, &hold.id).await;
    let [process] = news_connections(&meddler).await[..] else { panic!("one connection for news") };
    let there = open(&server, Duration::ZERO).await;
    let stopped = Stopped(process);
    signal("-STOP", process);
    for round in 0..20 {
        let text = format!("unheard {round}");
        say(&there, &hold, &text).await;
        let written = Instant::now();
        loop {
            let asked = Instant::now();
            if shows(&here, &hold.id, &text).await {
                break;
            }
            assert!(asked - written < SHORT, "older than the bound: {:?}", asked - written);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if round > 0 {
            // What was kept is gone by the first change; from then on nothing is.
            assert!(!is_kept(&here, &meddler, &hold.id, None).await);
        }
    }
    drop(stopped);
    until_kept(&here, &meddler, &hold.id).await;
}

/// Thousands of changes by two instances, and readers of a third that keeps views: whatever the timing, nobody there sees a state
/// that is older than one that somebody there was shown before.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_sees_a_task_go_back() {
    const TASKS: usize = 6;
    const CHANGES: u64 = 600;
    const READERS: usize = 3;
    let Some(server) = TestPostgres::start_if_installed() else { return };
    for within in [Duration::from_millis(100), LONG] {
        let meddler = look(&server).await;
        let reads = Arc::new(open(&server, within).await);
        let writes = [Arc::clone(&reads), Arc::new(open(&server, within).await)];
        let mut holds = Vec::new();
        for _ in 0..TASKS {
            holds.push(running(&reads).await);
        }
        let over = Arc::new(AtomicBool::new(false));
        let shown: Arc<Vec<AtomicU64>> = Arc::new((0..TASKS).map(|_| AtomicU64::new(0)).collect());
        let mut reading = JoinSet::new();
        for reader in 0..READERS {
            let ids: Vec<TaskId> = holds.iter().map(|hold| hold.id.clone()).collect();
            let (store, over, shown) = (Arc::clone(&reads), Arc::clone(&over), Arc::clone(&shown));
            reading.spawn(async move {
                let mut polls = 0_u64;
                while !over.load(Ordering::SeqCst) {
                    for (id, shown) in ids.iter().zip(shown.iter()) {
                        let before = shown.load(Ordering::SeqCst);
                        // Now and then the whole task, which is asked for each time.
                        let revision = match (polls + reader as u64) % 17 {
                            0 => store.get(id, None).await.unwrap().revision,
                            _ => store.view(id, None).await.unwrap().revision(),
                        };
                        assert!(revision >= before, "{revision} after {before}");
                        shown.fetch_max(revision, Ordering::SeqCst);
                        polls += 1;
                    }
                    tokio::task::yield_now().await;
                }
                polls
            });
        }
        let mut writing = JoinSet::new();
        for (number, hold) in holds.iter().cloned().enumerate() {
            let (writes, shown) = (writes.clone(), Arc::clone(&shown));
            writing.spawn(async move {
                for change in 0..CHANGES {
                    let instance = (number as u64 + change) as usize % 2;
                    say(&writes[instance], &hold, &format!("change {change}")).await;
                    if instance == 0 {
                        // Its own writes an instance shows at once: so many changes were made before.
                        shown[number].fetch_max(change + 2, Ordering::SeqCst);
                    }
                }
            });
        }
        while let Some(written) = writing.join_next().await {
            written.unwrap();
        }
        for (hold, shown) in holds.iter().zip(shown.iter()) {
            let all = async {
                while reads.view(&hold.id, None).await.unwrap().revision() < CHANGES + 1 {}
            };
            timeout(AGES, all).await.expect("the last change is told");
            assert!(shown.load(Ordering::SeqCst) <= CHANGES + 1);
        }
        over.store(true, Ordering::SeqCst);
        while let Some(polls) = reading.join_next().await {
            assert!(polls.unwrap() > 0);
        }
        until_kept(&reads, &meddler, &holds[0].id).await;
        for hold in &holds {
            reads.finish(hold, Ended::Completed(result())).await.unwrap();
        }
    }
}

fn result() -> JsonObject {
    JsonObject::from_serialize(&json!({ "content": [] })).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_view_ends_with_its_task_and_is_shown_to_nobody_else() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let (here, there) = (open(&server, LONG).await, open(&server, LONG).await);
    let meddler = look(&server).await;
    let mut new = task();
    new.principal = Some("alice".to_owned());
    new.ttl = Some(Duration::from_secs(4));
    let row = here.create(new).await.unwrap().row;
    let kept = async { while !is_kept(&here, &meddler, &row.id, Some("alice")).await {} };
    timeout(AGES, kept).await.expect("it is kept");
    for stranger in [None, Some("bob"), Some("")] {
        let error = here.view(&row.id, stranger).await.map(drop);
        assert!(matches!(error, Err(StoreError::NotFound)), "{stranger:?}: {error:?}");
    }
    // Its time ends by the database's clock.
    let expires = i64::try_from(row.expires_at().unwrap().as_millis()).unwrap();
    let past = "SELECT extract(epoch FROM clock_timestamp()) * 1000 > $1::bigint";
    let over = async {
        while !meddler.query_one(past, &[&expires]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(AGES, over).await.expect("time passes");
    let gone = here.view(&row.id, Some("alice")).await.map(drop);
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    // Swept by another.
    assert_eq!(there.sweep(10).await.unwrap(), 1);
    let gone = here.view(&row.id, Some("alice")).await.map(drop);
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
}
