//! Instances that share a database, as real processes: killed at any moment, stopped past their lease, and with clocks that are
//! hours apart.
//!
//! The program starts itself as the instances. With `MCP_CHAOS_TASKS=1000` in the environment it is the long run: a kill of a
//! random instance each second until all tasks have ended.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mcp_core::server::{Args, Cx, HandlerError, ServedTool, Server};
use mcp_core::{RawJson, Shutdown};
use mcp_tasks::protocol::TaskStatus;
use mcp_tasks::store::{NewTask, Phase, PostgresStore, TaskId, TaskRequest, TaskRow, TaskStore};
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use mcp_testkit::TestPostgres;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const STEPS: u32 = 4;
const LEASE: Duration = Duration::from_secs(2);
/// Only a test that hangs takes so long.
const AGES: Duration = Duration::from_secs(900);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["instance", address, lease] => runtime.block_on(instance(address, lease)),
        ["creator", address] => runtime.block_on(creator(address)),
        // What libtest would list, for the tools that ask.
        ["--list", ..] => println!("instances: test"),
        _ => runtime.block_on(tests()),
    }
}

/// In the words of libtest, for those who read them. A test that fails ends it all.
async fn tests() {
    const KILLED: &str = "instances_that_are_killed_finish_everything";
    const SLEPT: &str = "an_instance_that_slept_changes_nothing";
    const POISON: &str = "a_task_that_kills_its_instances_is_given_up";
    const CREATED: &str = "acknowledged_tasks_survive_a_kill_and_are_not_doubled";
    const CLOCKS: &str = "instances_whose_clocks_are_wrong_agree";
    println!("\nrunning 5 tests");
    let mut passed = 0;
    if let Some(server) = TestPostgres::start_if_installed() {
        instances_that_are_killed_finish_everything(&server.address()).await;
        println!("test {KILLED} ... ok");
        an_instance_that_slept_changes_nothing(&server.address()).await;
        println!("test {SLEPT} ... ok");
        a_task_that_kills_its_instances_is_given_up(&server.address()).await;
        println!("test {POISON} ... ok");
        acknowledged_tasks_survive_a_kill_and_are_not_doubled(&server.address()).await;
        println!("test {CREATED} ... ok");
        passed += 4;
        match wrong_clocks() {
            Some(library) => {
                instances_whose_clocks_are_wrong_agree(&server.address(), &library).await;
                println!("test {CLOCKS} ... ok");
                passed += 1;
            }
            None => println!("test {CLOCKS} ... ignored"),
        }
    } else {
        for name in [KILLED, SLEPT, POISON, CREATED, CLOCKS] {
            println!("test {name} ... ignored");
        }
    }
    println!(
        "\ntest result: ok. {passed} passed; 0 failed; {} ignored; 0 measured; 0 filtered out\n",
        5 - passed
    );
}

/// The library that gives a process another clock. With `MCP_TEST_FAKETIME=required` in the environment, as in this project's own
/// test run, it has to be there.
fn wrong_clocks() -> Option<PathBuf> {
    let architectures = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = architectures
        .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
        .find(|file| file.is_file());
    let required = std::env::var_os("MCP_TEST_FAKETIME").is_some_and(|value| value == "required");
    assert!(found.is_some() || !required, "libfaketime is not installed");
    if found.is_none() {
        println!("skipped: libfaketime is not installed");
    }
    found
}

/// Appends a line, in one write, to the record of what happened.
fn record(folder: &Path, line: &str) {
    let path = folder.join("record.txt");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn recorded(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("record.txt")).unwrap_or_default()
}

#[derive(Deserialize, JsonSchema)]
struct Job {
    name: String,
    folder: PathBuf,
    /// How long each step takes, in milliseconds.
    pause: u64,
}

/// Says that the handler is no more.
struct Gone(PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        record(&self.0, &format!("gone {}", std::process::id()));
    }
}

/// A job of some steps, each kept. A step says what it did after it was kept.
async fn steps(cx: Cx, Args(job): Args<Job>) -> Result<String, HandlerError> {
    let process = std::process::id();
    record(&job.folder, &format!("begun {process}"));
    let _gone = Gone(job.folder.clone());
    for step in 0..STEPS {
        let line = cx
            .once(&format!("step {step}"), async {
                tokio::time::sleep(Duration::from_millis(job.pause)).await;
                Ok::<_, HandlerError>(format!("{} {step} {process}", job.name))
            })
            .await?;
        record(&job.folder, &format!("step {line}"));
    }
    Ok(format!("{} by {process}", job.name))
}

async fn poison(Args(job): Args<Job>) -> Result<String, HandlerError> {
    record(&job.folder, "poison");
    std::process::exit(7)
}

/// Creates tasks as fast as it can, and says the id of each once it is durable.
async fn creator(address: &str) {
    let store = std::sync::Arc::new(PostgresStore::connect(address).await.unwrap());
    let mut creating = tokio::task::JoinSet::new();
    for lane in 0..8 {
        let store = std::sync::Arc::clone(&store);
        creating.spawn(async move {
            for number in 0.. {
                let mut task = task_of("nothing", &format!("{lane}-{number}"), Path::new(""), 0);
                task.idempotency_key = Some(format!("{lane}-{number}"));
                let row = store.create(task).await.unwrap().row;
                println!("{} {lane}-{number}", row.id);
            }
        });
    }
    creating.join_next().await.unwrap().unwrap();
}

/// One instance: nothing but its workers. It says what time it believes it to be.
async fn instance(address: &str, lease: &str) {
    let store = PostgresStore::connect(address).await.unwrap();
    let server = Server::builder("instance", "1")
        .tool(ServedTool::new("steps", steps).task(TaskPolicy::allowed()))
        .tool(ServedTool::new("poison", poison).task(TaskPolicy::allowed()))
        .extension(Tasks::new(store).lease(Duration::from_secs(lease.parse().unwrap())))
        .build()
        .unwrap();
    let (_trigger, shutdown) = Shutdown::new();
    println!("ready {}", now());
    server.run_extensions(shutdown).await;
}

/// Seconds since 1970, as this process believes.
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

async fn start(address: &str) -> Child {
    start_with(address, LEASE, &[]).await.0
}

/// Starts an instance; gives the time by its clock.
async fn start_with(
    address: &str,
    lease: Duration,
    environment: &[(&str, &std::ffi::OsStr)],
) -> (Child, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["instance", address, &lease.as_secs().to_string()])
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    (child, line.strip_prefix("ready ").unwrap().parse().unwrap())
}

fn task(name: &str, folder: &Path, pause: u64) -> NewTask {
    let mut task = task_of("steps", name, folder, pause);
    task.max_attempts = 1000; // It is not the task that kills here.
    task
}

fn task_of(tool: &str, name: &str, folder: &Path, pause: u64) -> NewTask {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let arguments = json!({ "name": name, "folder": folder, "pause": pause });
    NewTask::new(TaskRequest {
        method: "tools/call".to_owned(),
        tool: tool.to_owned(),
        version: None,
        params: json!({ "name": tool, "arguments": arguments, "_meta": meta }).into(),
    })
}

/// Two instances; one of them, whichever, is killed again and again. No end changes once it was read, and no step that was kept
/// is done again.
async fn instances_that_are_killed_finish_everything(address: &str) {
    let long = std::env::var("MCP_CHAOS_TASKS").ok().and_then(|tasks| tasks.parse::<usize>().ok());
    let (tasks, pause, kill_every) = match long {
        Some(tasks) => (tasks, 200, Duration::from_secs(1)),
        None => (120, 40, Duration::from_millis(400)),
    };
    let folder = tempfile::tempdir().unwrap();
    let store = PostgresStore::connect(address).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..tasks {
        let new = task(&number.to_string(), folder.path(), pause);
        ids.push(store.create(new).await.unwrap().row.id);
    }
    let mut instances = [start(address).await, start(address).await];
    let mut kills: u32 = 0;
    let mut killing = tokio::time::interval(kill_every);
    killing.reset();
    let mut read: BTreeMap<TaskId, RawJson> = BTreeMap::new();
    let everything = async {
        while read.len() < tasks || kills == 0 {
            tokio::select! {
                _ = killing.tick() => {
                    // As good as random: by the digits of an identifier.
                    let which = usize::from(ids[kills as usize % tasks].as_str().as_bytes()[0] % 2);
                    instances[which].kill().await.unwrap();
                    kills += 1;
                    instances[which] = start(address).await;
                }
                row = async {
                    let id = &ids[usize::try_from(rand(read.len())).unwrap() % tasks];
                    store.get(id, None).await.unwrap()
                } => check_end(&mut read, row),
            }
            if kills.is_multiple_of(5) || read.len() + 5 > tasks {
                for id in &ids {
                    check_end(&mut read, store.get(id, None).await.unwrap());
                }
            }
        }
    };
    tokio::time::timeout(AGES, everything).await.expect("everything ends");
    for id in &ids {
        let row = store.get(id, None).await.unwrap();
        assert_eq!(row.status(), TaskStatus::Completed, "{row:?}");
        check_end(&mut read, row);
    }
    drop(instances);
    // A line may be there twice (the record is not part of `once`), but not with two processes.
    let record = recorded(folder.path());
    let mut done: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in record.lines().filter(|line| line.starts_with("step ")) {
        let (step, process) = line.rsplit_once(' ').unwrap();
        done.entry(step).or_default().insert(process);
    }
    assert_eq!(done.len(), tasks * STEPS as usize);
    for (step, processes) in done {
        assert_eq!(processes.len(), 1, "{step} was done by {processes:?}");
    }
    println!("instances that are killed finish everything: {tasks} tasks, {kills} kills");
}

/// Some number: which task is looked at next does not matter, if only it is not always the same.
fn rand(seed: usize) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(seed)
}

fn check_end(read: &mut BTreeMap<TaskId, RawJson>, row: TaskRow) {
    if row.status().is_terminal() {
        let now = RawJson::from_serialize(&row).unwrap();
        let first = read.entry(row.id).or_insert_with(|| now.clone());
        assert_eq!(*first, now, "an end changed");
    }
}

async fn until(what: &str, is: impl AsyncFn() -> bool) {
    let waited = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(120), waited).await.is_ok(), "{what}");
}

/// An instance is stopped (SIGSTOP) in the middle of a task; another takes over and finishes it. What the first still writes when
/// it goes on changes nothing, and its handler is stopped.
#[cfg(unix)]
async fn an_instance_that_slept_changes_nothing(address: &str) {
    let signal = async |name: &str, process: u32| {
        let sent = Command::new("kill").args([name, &process.to_string()]).status().await;
        assert!(sent.unwrap().success());
    };
    let folder = tempfile::tempdir().unwrap();
    let store = PostgresStore::connect(address).await.unwrap();
    let first = start(address).await;
    let sleeper = first.id().unwrap();
    let id = store.create(task("x", folder.path(), 700)).await.unwrap().row.id;
    until("the first begins", async || recorded(folder.path()).contains("begun")).await;
    signal("-STOP", sleeper).await;
    let second = start(address).await;
    let taker = second.id().unwrap();
    let ended = async || store.get(&id, None).await.unwrap().status().is_terminal();
    until("the second finishes", ended).await;
    let before = store.get(&id, None).await.unwrap();
    signal("-CONT", sleeper).await;
    let gone = format!("gone {sleeper}\n");
    until("the first stops", async || recorded(folder.path()).contains(&gone)).await;
    // It was in the first step, which it may have ended; it began no other.
    let record = recorded(folder.path());
    for step in 1..STEPS {
        assert!(!record.contains(&format!("step x {step} {sleeper}")), "{record}");
    }
    // Whatever it still had to say, it has said before it does something else.
    drop(second);
    let other = store.create(task("y", folder.path(), 1)).await.unwrap().row.id;
    let ended = async || store.get(&other, None).await.unwrap().status().is_terminal();
    until("the first works again", ended).await;
    let after = store.get(&id, None).await.unwrap();
    assert_eq!(before, after, "a late write changed an end");
    let Phase::Completed { result } = &after.phase else { panic!("{after:?}") };
    assert!(result.get().contains(&format!("x by {taker}")), "{result:?}");
    assert!(after.fence >= 2);
    println!("an instance that slept changes nothing");
}

#[cfg(not(unix))]
async fn an_instance_that_slept_changes_nothing(_: &str) {
    println!(
        "processes cannot be stopped here: shown by a store whose clock is moved, in `server`"
    );
}

/// One instance is two hours ahead, another two hours behind. Neither takes the other's tasks, nor gives up one whose time is not
/// over, and the times that clients see are the database's.
async fn instances_whose_clocks_are_wrong_agree(address: &str, library: &Path) {
    const TASKS: usize = 40;
    const HOUR: u64 = 60 * 60;
    // So long that only a wrong clock takes a task away, and no slow machine.
    let lease = Duration::from_secs(300);
    let folder = tempfile::tempdir().unwrap();
    let store = PostgresStore::connect(address).await.unwrap();
    let begun = now();
    let mut instances = Vec::new();
    for (offset, is_so) in [
        ("+2h", (|clock, now| clock > now + HOUR) as fn(u64, u64) -> bool),
        ("-2h", |clock, now| clock + HOUR < now),
    ] {
        let (child, clock) = start_with(
            address,
            lease,
            &[
                ("LD_PRELOAD", library.as_os_str()),
                ("FAKETIME", offset.as_ref()),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".as_ref()),
            ],
        )
        .await;
        assert!(is_so(clock, now()), "{offset}: the clock is {clock}");
        instances.push(child);
    }
    let mut ids = Vec::new();
    for number in 0..TASKS {
        let mut new = task(&number.to_string(), folder.path(), 100);
        // Over for whoever is ahead; not begun for whoever is behind.
        new.ttl = Some(Duration::from_secs(HOUR));
        ids.push(store.create(new).await.unwrap().row.id);
    }
    let mut read = BTreeMap::new();
    until("everything ends", async || {
        let mut ended = 0;
        for id in &ids {
            let row = store.get(id, None).await.expect("no task is given up");
            ended += usize::from(row.status().is_terminal());
        }
        ended == TASKS
    })
    .await;
    for id in &ids {
        let row = store.get(id, None).await.unwrap();
        assert_eq!(row.status(), TaskStatus::Completed, "{row:?}");
        assert_eq!(row.fence, 1, "taken from a process that has it: {row:?}");
        for time in [row.created_at, row.updated_at] {
            let seconds = time.as_millis() / 1000;
            assert!((begun - 1..=now() + 1).contains(&seconds), "{row:?}");
        }
        check_end(&mut read, row);
    }
    // Each did some, and nothing was done twice.
    let record = recorded(folder.path());
    let begun: Vec<&str> = record.lines().filter(|line| line.starts_with("begun ")).collect();
    assert_eq!(begun.len(), TASKS);
    for instance in &instances {
        let line = format!("begun {}", instance.id().unwrap());
        assert!(begun.contains(&line.as_str()), "{line}: it did nothing");
    }
    println!("instances whose clocks are wrong agree: {TASKS} tasks, four hours apart");
}

/// A tool that kills its process is run three times, whichever instance that is, then given up.
async fn a_task_that_kills_its_instances_is_given_up(address: &str) {
    let folder = tempfile::tempdir().unwrap();
    let store = PostgresStore::connect(address).await.unwrap();
    let id = store.create(task_of("poison", "x", folder.path(), 0)).await.unwrap().row.id;
    for _ in 0..3 {
        let mut child = start(address).await;
        let ended = tokio::time::timeout(AGES, child.wait()).await.expect("it is claimed");
        assert_eq!(ended.unwrap().code(), Some(7));
    }
    let mut survivor = start(address).await;
    let ended = async || store.get(&id, None).await.unwrap().status().is_terminal();
    until("it is given up", ended).await;
    assert!(survivor.try_wait().unwrap().is_none(), "the fourth process lives");
    let row = store.get(&id, None).await.unwrap();
    assert!(matches!(row.phase, Phase::Failed { .. }), "{row:?}");
    assert_eq!(recorded(folder.path()).lines().count(), 3);
    println!("a task that kills its instances is given up");
}

/// Whatever was acknowledged is there, wherever the kill hit, and who asks again with the same key gets the same task.
async fn acknowledged_tasks_survive_a_kill_and_are_not_doubled(address: &str) {
    let store = PostgresStore::connect(address).await.unwrap();
    let mut told: BTreeMap<String, TaskId> = BTreeMap::new();
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["creator", address])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut heard = 0;
        // Killed after as many words as the round says: no clock is involved. What it said while it was being killed counts, too.
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some((id, key)) = line.split_once(' ')
                && let Some(id) = TaskId::parse(id)
            {
                let first = told.entry(key.to_owned()).or_insert_with(|| id.clone());
                assert_eq!(*first, id, "a second task for the key {key}");
            }
            heard += 1;
            if heard == round * 17 + 1 {
                child.start_kill().unwrap();
            }
        }
        child.wait().await.unwrap();
        for (key, id) in &told {
            let row = store.get(id, None).await.unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(row.idempotency_key.as_deref(), Some(key.as_str()));
        }
    }
    println!("acknowledged tasks survive a kill: {} tasks, 6 kills", told.len());
}
