//! What only a database that many share can do wrong: it goes away, comes back, and has others in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mcp_core::protocol::JsonObject;
use mcp_core::sealed::{Key, KeyRing};
use mcp_core::server::{ServedTool, Server};
use mcp_core::{RawJson, Shutdown};
use mcp_tasks::protocol::TaskStatus;
use mcp_tasks::store::{
    Ended, ManualClock, NewTask, PostgresError, PostgresOptions, PostgresStore, StoreError, TaskId,
    TaskRequest, TaskStore, Wanted,
};
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use mcp_testkit::{Message, RawClient, TestPostgres, call_tool, request};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

const LEASE: Duration = Duration::from_secs(60);
/// Only a test that hangs takes so long.
const AGES: Duration = Duration::from_secs(120);

fn task(tool: &str) -> NewTask {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    NewTask::new(TaskRequest {
        method: "tools/call".to_owned(),
        tool: tool.to_owned(),
        version: None,
        params: json!({ "name": tool, "arguments": {}, "_meta": meta }).into(),
    })
}

fn result(text: &str) -> Ended {
    Ended::Completed(JsonObject::from_serialize(&json!({ "content": [], "text": text })).unwrap())
}

async fn open(server: &TestPostgres) -> PostgresStore {
    PostgresStore::connect(&server.address()).await.unwrap()
}

/// A connection beside the store's, to look and to meddle.
async fn look(server: &TestPostgres) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(&server.address(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn changed(watcher: &mut mcp_tasks::store::Watcher) -> TaskId {
    timeout(AGES, watcher.changed()).await.expect("the change was told")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_crashes_under_load_loses_nothing() {
    const LANES: usize = 8;
    const EACH: usize = 40;
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let server = Arc::new(server);
    let stores = [Arc::new(open(&server).await), Arc::new(open(&server).await)];
    let done = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));

    let mut creating = JoinSet::new();
    for lane in 0..LANES {
        let store = Arc::clone(&stores[lane % 2]);
        creating.spawn(async move {
            let mut ids = Vec::new();
            for number in 0..EACH {
                let mut new = task("t");
                // With a key and without, by turns.
                new.idempotency_key = (number % 2 == 0).then(|| format!("{lane}-{number}"));
                ids.push(store.create(new).await.unwrap().row.id);
            }
            ids
        });
    }
    let mut working = JoinSet::new();
    for lane in 0..LANES {
        let store = Arc::clone(&stores[lane % 2]);
        let (done, over) = (Arc::clone(&done), Arc::clone(&over));
        working.spawn(async move {
            while !over.load(Ordering::SeqCst) {
                // A claim whose answer was lost is found again when its lease is over.
                let lease = Duration::from_millis(1500);
                let claimed = store.claim(&Wanted::all(), lease, 3).await.unwrap();
                for row in claimed {
                    let hold = row.hold();
                    let kept = async {
                        store.checkpoint(&hold, "step", json!(hold.fence).into()).await?;
                        store.heartbeat(&hold, lease, Some("halfway".to_owned())).await?;
                        store.finish(&hold, result(&format!("{}", hold.fence))).await
                    };
                    match kept.await {
                        Ok(()) => done.fetch_add(1, Ordering::SeqCst),
                        // Another took over, or the call was made twice.
                        Err(StoreError::Stale) => 0,
                        Err(error) => panic!("{error}"),
                    };
                }
                tokio::task::yield_now().await;
            }
        });
    }
    for crash in 0..4 {
        // After so many tasks more, not after some time.
        let goal = (crash + 1) * LANES * EACH / 8;
        while done.load(Ordering::SeqCst) < goal {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || {
            if crash % 2 == 0 {
                server.crash().unwrap()
            } else {
                server.stop().unwrap()
            }
            server.up().unwrap();
        })
        .await
        .unwrap();
    }
    let mut ids = Vec::new();
    while let Some(created) = creating.join_next().await {
        ids.extend(created.unwrap());
    }
    assert_eq!(ids.len(), LANES * EACH);
    let mut first_read: BTreeMap<TaskId, RawJson> = BTreeMap::new();
    let all = async {
        while first_read.len() < ids.len() {
            for (number, id) in ids.iter().enumerate() {
                let row = stores[number % 2].get(id, None).await.unwrap();
                if row.status().is_terminal() {
                    assert_eq!(row.status(), TaskStatus::Completed, "{row:?}");
                    let now = RawJson::from_serialize(&row).unwrap();
                    let first = first_read.entry(id.clone()).or_insert_with(|| now.clone());
                    assert_eq!(*first, now, "an end changed");
                }
            }
        }
    };
    timeout(AGES, all).await.expect("everything ends");
    over.store(true, Ordering::SeqCst);
    while let Some(worked) = working.join_next().await {
        worked.unwrap();
    }
    // Nothing was created twice.
    let count = look(&server).await.query_one("SELECT count(*) FROM mcp_tasks.task", &[]).await;
    assert_eq!(count.unwrap().get::<_, i64>(0), (LANES * EACH) as i64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_travel_between_instances_also_after_their_connection_was_cut() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let (here, there) = (open(&server).await, open(&server).await);
    let id = here.create(task("t")).await.unwrap().row.id;
    let mut watcher = there.hub().watch([id.clone()]);
    let mut work = there.hub().work();
    let hold = here.claim(&Wanted::all(), LEASE, 1).await.unwrap().pop().unwrap().hold();
    let say = async |text: &str| here.heartbeat(&hold, LEASE, Some(text.to_owned())).await.unwrap();
    // There may be marks of before; what counts is that the row is looked at after the change.
    let hear = async |watcher: &mut mcp_tasks::store::Watcher, text: &str| loop {
        assert_eq!(changed(watcher).await, id);
        let row = there.get(&id, None).await.unwrap();
        if row.status_message.as_deref() == Some(text) {
            break;
        }
    };
    say("one").await;
    hear(&mut watcher, "one").await;

    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'mcp-tasks' AND pid <> pg_backend_pid()";
    let count: i64 = look(&server).await.query_one(cut, &[]).await.unwrap().get(0);
    assert!(count >= 2, "both instances listen");
    say("two").await;
    hear(&mut watcher, "two").await;
    work.mark_unchanged();
    here.release(&hold).await.unwrap();
    timeout(AGES, work.changed()).await.expect("work is told").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_run_the_tasks_of_their_own_tools() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let store = open(&server).await;
    let mut running = JoinSet::new();
    let (trigger, shutdown) = Shutdown::new();
    for own in ["a", "b"] {
        let tasks = Tasks::new(open(&server).await).orphaned_after(Duration::from_millis(300));
        let instance = Server::builder(own, "1")
            .tool(ServedTool::new(own, move || async move { own }).task(TaskPolicy::allowed()))
            .extension(tasks)
            .build()
            .unwrap();
        let shutdown = shutdown.clone();
        running.spawn(async move { instance.run_extensions(shutdown).await });
    }
    let mut ids = Vec::new();
    for number in 0..20 {
        let tool = ["a", "b", "nobody's"][number % 3];
        ids.push((tool, store.create(task(tool)).await.unwrap().row.id));
    }
    for (tool, id) in ids {
        let ended = async {
            loop {
                let row = store.get(&id, None).await.unwrap();
                if row.status().is_terminal() {
                    return serde_json::to_value(&row).unwrap();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let row = timeout(AGES, ended).await.expect("it ends");
        if tool == "nobody's" {
            let error = row["phase"]["failed"]["error"]["message"].as_str().unwrap();
            assert!(error.contains("nobody's") && error.contains("no longer there"), "{error}");
        } else {
            assert_eq!(row["phase"]["completed"]["result"]["content"][0]["text"], tool, "{row}");
        }
    }
    trigger.request();
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_a_named_error_and_then_there_again() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let options =
        PostgresOptions::new().patience(Duration::from_millis(200)).timeout(Duration::from_secs(2));
    let store = PostgresStore::connect_with(&server.address(), options).await.unwrap();
    let id = store.create(task("t")).await.unwrap().row.id;
    server.stop().unwrap();
    let ended = [
        store.get(&id, None).await.map(drop),
        store.create(task("t")).await.map(drop),
        store.claim(&Wanted::all(), LEASE, 1).await.map(drop),
        store.cancel(&id, None).await,
        store.sweep(1).await.map(drop),
    ];
    for error in ended {
        assert!(matches!(error, Err(StoreError::Unavailable(_))), "{error:?}");
    }
    let nobody = PostgresStore::connect(&server.address()).await.map(drop);
    assert!(matches!(nobody, Err(PostgresError::Database(_))), "{nobody:?}");
    server.up().unwrap();
    assert_eq!(store.get(&id, None).await.unwrap().id, id);
    store.create(task("t")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_others_are_refused_by_name() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let connect =
        async |options| PostgresStore::connect_with(&server.address(), options).await.map(drop);
    let keys = |byte| KeyRing::new(Key::from_bytes([byte; 32]));
    connect(PostgresOptions::new().encrypted(keys(1))).await.unwrap();
    for wrong in [PostgresOptions::new(), PostgresOptions::new().encrypted(keys(2))] {
        let error = connect(wrong).await;
        assert!(matches!(error, Err(PostgresError::Content(_))), "{error:?}");
    }
    connect(PostgresOptions::new().encrypted(keys(1))).await.unwrap();
    let error = connect(PostgresOptions::new().schema("a; DROP TABLE b")).await;
    assert!(matches!(error, Err(PostgresError::Schema)), "{error:?}");

    let client = look(&server).await;
    let later = "UPDATE mcp_tasks.about SET value = '99' WHERE name = 'version'";
    client.batch_execute(later).await.unwrap();
    let error = connect(PostgresOptions::new().encrypted(keys(1))).await;
    assert!(matches!(error, Err(PostgresError::Version { found: 99, .. })), "{error:?}");

    // Who may use a schema, and not make one, can use it.
    connect(PostgresOptions::new().schema("given")).await.unwrap();
    client
        .batch_execute(
            "CREATE ROLE guest LOGIN; GRANT USAGE ON SCHEMA given TO guest;
            GRANT ALL ON ALL TABLES IN SCHEMA given TO guest",
        )
        .await
        .unwrap();
    let as_guest = server.address().replace("//mcp@", "//guest@");
    let guest =
        |schema| PostgresStore::connect_with(&as_guest, PostgresOptions::new().schema(schema));
    guest("given").await.unwrap().create(task("t")).await.unwrap();
    let error = guest("forbidden").await.map(drop);
    assert!(
        matches!(&error, Err(PostgresError::Database(why)) if why.contains("42501")),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_table_shows_nothing() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let options = PostgresOptions::new().encrypted(KeyRing::new(Key::from_bytes([3; 32])));
    let store = PostgresStore::connect_with(&server.address(), options).await.unwrap();
    let mut new = task("t");
    new.request.params = json!({ "secret": "hunter2" }).into();
    new.principal = Some("alice@example.com".to_owned());
    new.idempotency_key = Some("once-only".to_owned());
    let first = store.create(new.clone()).await.unwrap();
    assert!(store.create(new).await.unwrap().existed);
    let query = "SELECT row_to_json(t)::text FROM mcp_tasks.task t";
    let text: String = look(&server).await.query_one(query, &[]).await.unwrap().get(0);
    // `bytea` is shown in hexadecimal digits.
    for secret in ["hunter2", "alice@example.com", "once-only"] {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(secret) && !text.contains(&hex), "{secret} can be read");
    }
    assert!(text.contains(first.row.id.as_str()));
}

/// One task, many who want it at the same time: it goes to one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_is_claimed_by_one_of_many() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let stores = [Arc::new(open(&server).await), Arc::new(open(&server).await)];
    for _ in 0..20 {
        for _ in 0..5 {
            stores[0].create(task("t")).await.unwrap();
        }
        let mut claiming = JoinSet::new();
        for number in 0..8 {
            let store = Arc::clone(&stores[number % 2]);
            claiming.spawn(async move { store.claim(&Wanted::all(), LEASE, 2).await.unwrap() });
        }
        let mut claimed = Vec::new();
        while let Some(rows) = claiming.join_next().await {
            claimed.extend(rows.unwrap().into_iter().map(|row| (row.id, row.fence)));
        }
        claimed.sort();
        claimed.dedup();
        assert_eq!(claimed.len(), 5);
        assert!(claimed.iter().all(|(_, fence)| *fence == 1), "{claimed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_found_by_every_instance_as_soon_as_it_is_told() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let mut clients = Vec::new();
    for _ in 0..3 {
        let instance = Server::builder("app", "1")
            .tool(ServedTool::new("a", async || "a").task(TaskPolicy::required()))
            // Nobody works: what the others find is what was created.
            .extension(Tasks::new(open(&server).await).workers(0))
            .build()
            .unwrap();
        clients.push(RawClient::new(&instance));
    }
    let declared = |message: Message| message.declaring_raw(mcp_tasks::ID.as_str(), json!({}));
    for number in 0..30 {
        let created = clients[number % 3].send(declared(call_tool("a", json!({})))).await;
        let id = &created.assert_result_type("task")["taskId"];
        for client in &clients {
            let get = declared(request("tasks/get").param("taskId", id));
            assert_eq!(client.send(get).await.assert_result()["status"], "working");
        }
        // Its end at once by the one that knows, by the others when they are told, and from then on.
        let cancel = declared(request("tasks/cancel").param("taskId", id));
        clients[(number + 1) % 3].send(cancel).await.assert_result();
        for other in 1..=3 {
            let status = async || {
                let get = declared(request("tasks/get").param("taskId", id));
                let answer = clients[(number + other) % 3].send(get).await;
                answer.assert_result()["status"].as_str().unwrap().to_owned()
            };
            if other > 1 {
                let told = async { while status().await != "cancelled" {} };
                timeout(AGES, told).await.expect("it is told");
            }
            for _ in 0..3 {
                assert_eq!(status().await, "cancelled");
            }
        }
    }
}

/// Keys are changed one instance after the other: what one cannot read yet, another can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_instance_cannot_read_is_left_to_others() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let clock = ManualClock::default();
    let open = async |ring: KeyRing| {
        let options = PostgresOptions::new().encrypted(ring).clock(clock.clone());
        PostgresStore::connect_with(&server.address(), options).await
    };
    let key = |byte| Key::from_bytes([byte; 32]);
    let old = open(KeyRing::new(key(1))).await.unwrap();
    let new = open(KeyRing::new(key(2)).with_previous(key(1))).await.unwrap();
    let id = new.create(task("t")).await.unwrap().row.id;
    assert!(old.claim(&Wanted::all(), LEASE, 10).await.unwrap().is_empty());
    old.create(task("t")).await.unwrap();
    assert_eq!(old.claim(&Wanted::all(), LEASE, 10).await.unwrap().len(), 1, "nothing is blocked");
    clock.advance(Duration::from_secs(20));
    let claimed = new.claim(&Wanted::all(), LEASE, 10).await.unwrap();
    assert!(claimed.iter().any(|row| row.id == id), "{claimed:?}");
    // The first key can be retired once no task needs it.
    drop((old, new));
    open(KeyRing::new(key(2))).await.unwrap();
}

/// A tool whose instances have too much to do is not a tool that nobody has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_a_busy_tool_wait_for_it() {
    let Some(server) = TestPostgres::start_if_installed() else { return };
    let store = open(&server).await;
    let (trigger, shutdown) = Shutdown::new();
    let mut running = JoinSet::new();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    for own in ["slow", "other"] {
        // Instances say what they have an eighth of a lease apart, which must be far less.
        let tasks = Tasks::new(open(&server).await)
            .workers(1)
            .lease(Duration::from_secs(2))
            .orphaned_after(Duration::from_secs(4));
        let gate = Arc::clone(&gate);
        let tool = ServedTool::new(own, move || {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                own
            }
        });
        let instance = Server::builder(own, "1")
            .tool(tool.task(TaskPolicy::allowed()))
            .extension(tasks)
            .build()
            .unwrap();
        let shutdown = shutdown.clone();
        running.spawn(async move { instance.run_extensions(shutdown).await });
    }
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(store.create(task("slow")).await.unwrap().row.id);
    }
    // Longer than `orphaned_after`; were the other instance to take them, they would have failed by then.
    tokio::time::sleep(Duration::from_secs(6)).await;
    gate.add_permits(10);
    for id in ids {
        let ended = async {
            while !store.get(&id, None).await.unwrap().status().is_terminal() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(AGES, ended).await.expect("it ends");
        assert_eq!(store.get(&id, None).await.unwrap().status(), TaskStatus::Completed);
    }
    trigger.request();
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}
