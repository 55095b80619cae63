//! Instances that share a database, as real processes: killed at any moment, and stopped past their lease.
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
        ["instance", address] => runtime.block_on(instance(address)),
        // What libtest would list, for the tools that ask.
        ["--list", ..] => println!("instances: test"),
        _ => runtime.block_on(tests()),
    }
}

/// In the words of libtest, for those who read them. A test that fails ends it all.
async fn tests() {
    println!("\nrunning 2 tests");
    match TestPostgres::start_if_installed() {
        None => {
            for name in [
                "instances_that_are_killed_finish_everything",
                "an_instance_that_slept_changes_nothing",
            ] {
                println!("test {name} ... ignored");
            }
            println!(
                "\ntest result: ok. 0 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out\n"
            );
        }
        Some(server) => {
            instances_that_are_killed_finish_everything(&server.address()).await;
            println!("test instances_that_are_killed_finish_everything ... ok");
            an_instance_that_slept_changes_nothing(&server.address()).await;
            println!("test an_instance_that_slept_changes_nothing ... ok");
            println!(
                "\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n"
            );
        }
    }
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

/// One instance: nothing but its workers.
async fn instance(address: &str) {
    let store = PostgresStore::connect(address).await.unwrap();
    let server = Server::builder("instance", "1")
        .tool(ServedTool::new("steps", steps).task(TaskPolicy::allowed()))
        .extension(Tasks::new(store).lease(LEASE))
        .build()
        .unwrap();
    let (_trigger, shutdown) = Shutdown::new();
    println!("ready");
    server.run_extensions(shutdown).await;
}

async fn start(address: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["instance", address])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
    child
}

fn task(name: &str, folder: &Path, pause: u64) -> NewTask {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let arguments = json!({ "name": name, "folder": folder, "pause": pause });
    let mut task = NewTask::new(TaskRequest {
        method: "tools/call".to_owned(),
        tool: "steps".to_owned(),
        version: None,
        params: json!({ "name": "steps", "arguments": arguments, "_meta": meta }).into(),
    });
    task.max_attempts = 1000; // It is not the task that kills here.
    task
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
