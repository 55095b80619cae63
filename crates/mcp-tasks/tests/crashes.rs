//! The embedded store and real processes: killed at any moment, and stopped past their lease.
//!
//! The program starts itself as the server (`worker`), which runs tasks from a file, and kills it.
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
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mcp_core::server::{Args, Cx, HandlerError, ServedTool, Server};
use mcp_core::{RawJson, Shutdown};
use mcp_tasks::protocol::TaskStatus;
use mcp_tasks::store::{
    EmbeddedError, EmbeddedOptions, EmbeddedStore, NewTask, Phase, TaskId, TaskRequest, TaskRow,
    TaskStore,
};
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const STEPS: u32 = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["worker", folder] => runtime.block_on(worker(Path::new(folder))),
        ["creator", folder] => runtime.block_on(creator(Path::new(folder))),
        // What libtest would list, for the tools that ask.
        ["--list", ..] => println!("crashes: test"),
        _ => {
            // In the words of libtest, for those who read them. A test that fails ends it all.
            println!("\nrunning 4 tests");
            runtime.block_on(acknowledged_tasks_survive_a_kill());
            println!("test acknowledged_tasks_survive_a_kill ... ok");
            runtime.block_on(tasks_are_finished_by_processes_that_are_killed_all_the_time());
            println!("test tasks_are_finished_by_processes_that_are_killed_all_the_time ... ok");
            runtime.block_on(a_task_that_kills_its_process_is_given_up());
            println!("test a_task_that_kills_its_process_is_given_up ... ok");
            runtime.block_on(a_process_that_slept_past_its_leases_goes_on());
            println!("test a_process_that_slept_past_its_leases_goes_on ... ok");
            println!(
                "\ntest result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n"
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

fn open(folder: &Path) -> EmbeddedStore {
    // The process before may need a moment to be gone.
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let options = EmbeddedOptions::new();
        match EmbeddedStore::open_with(folder.join("tasks.redb"), options) {
            Ok(store) => return store,
            Err(error) if Instant::now() > until => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct Job {
    name: String,
    folder: PathBuf,
    /// How long each step takes, in milliseconds.
    #[serde(default = "three")]
    pause: u64,
}

fn three() -> u64 {
    3
}

/// A job of some steps, each kept. A step says what it did after it was kept.
async fn steps(cx: Cx, Args(job): Args<Job>) -> Result<String, HandlerError> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    // Which run of which process: two runs of one process would be as bad as two processes.
    let run = format!("{}.{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
    record(&job.folder, &format!("begun {run}"));
    for step in 0..STEPS {
        let key = format!("step {step}");
        let line = cx
            .once(&key, async {
                tokio::time::sleep(Duration::from_millis(job.pause)).await;
                Ok::<_, HandlerError>(format!("{} {step} {run}", job.name))
            })
            .await?;
        record(&job.folder, &format!("step {line}"));
    }
    Ok(job.name)
}

async fn poison(Args(job): Args<Job>) -> Result<String, HandlerError> {
    record(&job.folder, "poison");
    std::process::exit(7)
}

async fn worker(folder: &Path) {
    let policy = TaskPolicy::allowed();
    let server = Server::builder("worker", "1")
        .tool(ServedTool::new("steps", steps).task(policy.clone()))
        .tool(ServedTool::new("poison", poison).task(policy))
        .extension(Tasks::new(open(folder)).lease(Duration::from_secs(2)))
        .build()
        .unwrap();
    let (_trigger, shutdown) = Shutdown::new();
    println!("ready");
    server.run_extensions(shutdown).await;
}

/// Creates tasks as fast as it can, and says the id of each once it is durable.
async fn creator(folder: &Path) {
    let store = Arc::new(open(folder));
    let mut creating = tokio::task::JoinSet::new();
    for lane in 0..8 {
        let store = Arc::clone(&store);
        creating.spawn(async move {
            for number in 0.. {
                let mut task = task("nothing", &format!("{lane}-{number}"), Path::new(""));
                task.idempotency_key = Some(format!("{lane}-{number}"));
                let row = store.create(task).await.unwrap().row;
                println!("{} {lane}-{number}", row.id);
            }
        });
    }
    creating.join_next().await.unwrap().unwrap();
}

fn task(tool: &str, name: &str, folder: &Path) -> NewTask {
    slow_task(tool, name, folder, 3)
}

fn slow_task(tool: &str, name: &str, folder: &Path, pause: u64) -> NewTask {
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

fn start(role: &str, folder: &Path) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([role.as_ref(), folder.as_os_str()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

/// Whatever was acknowledged is there, wherever the kill hit.
async fn acknowledged_tasks_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut told: BTreeMap<String, TaskId> = BTreeMap::new();
    for round in 0..6 {
        let (mut child, mut lines) = start("creator", folder.path());
        // Killed after as many words as the round says: no clock is involved.
        for _ in 0..(round * 17 + 1) {
            let line = lines.next_line().await.unwrap().unwrap();
            let (id, key) = line.split_once(' ').unwrap();
            let id = TaskId::parse(id).unwrap();
            let first = told.entry(key.to_owned()).or_insert_with(|| id.clone());
            assert_eq!(*first, id, "a second task for the key {key}");
        }
        child.kill().await.unwrap();
        // What it said while it was being killed counts, too.
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some((id, key)) = line.split_once(' ')
                && let Some(id) = TaskId::parse(id)
            {
                told.entry(key.to_owned()).or_insert(id);
            }
        }
        let store = open(folder.path());
        for (key, id) in &told {
            let row = store.get(id, None).await.unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(row.idempotency_key.as_deref(), Some(key.as_str()));
        }
    }
    println!("acknowledged tasks survive a kill: {} tasks, 6 kills", told.len());
}

async fn ends(store: &EmbeddedStore, ids: &[TaskId]) -> Vec<TaskRow> {
    let mut rows = Vec::new();
    for id in ids {
        rows.push(store.get(id, None).await.unwrap());
    }
    rows
}

/// How many steps were kept. None was by two runs.
fn steps_done(folder: &Path) -> usize {
    let record = std::fs::read_to_string(folder.join("record.txt")).unwrap();
    // A line may be there twice (the record is not part of `once`), but not with two runs.
    let mut done: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in record.lines().filter(|line| line.starts_with("step ")) {
        let (step, run) = line.rsplit_once(' ').unwrap();
        done.entry(step).or_default().insert(run);
    }
    for (step, runs) in &done {
        assert_eq!(runs.len(), 1, "{step} was done by {runs:?}");
    }
    done.len()
}

/// Workers that are killed again and again finish everything: no end changes once it was read, and
/// no step that was kept is done again.
async fn tasks_are_finished_by_processes_that_are_killed_all_the_time() {
    const TASKS: usize = 400;
    let folder = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    {
        let store = open(folder.path());
        for number in 0..TASKS {
            let mut task = task("steps", &number.to_string(), folder.path());
            task.max_attempts = 1000; // It is not the task that kills here.
            ids.push(store.create(task).await.unwrap().row.id);
        }
    }
    let mut read: BTreeMap<TaskId, RawJson> = BTreeMap::new();
    let mut kills = 0;
    loop {
        let (mut child, mut lines) = start("worker", folder.path());
        lines.next_line().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(10 + 7 * (kills % 5))).await;
        child.kill().await.unwrap();
        kills += 1;
        let store = open(folder.path());
        let rows = ends(&store, &ids).await;
        for row in &rows {
            if row.status().is_terminal() {
                let now = RawJson::from_serialize(&row).unwrap();
                let first = read.entry(row.id.clone()).or_insert_with(|| now.clone());
                assert_eq!(*first, now, "an end changed");
            }
        }
        if read.len() == TASKS {
            break;
        }
        assert!(kills < 400, "{} of {TASKS} have ended", read.len());
    }
    let store = open(folder.path());
    let completed =
        ends(&store, &ids).await.iter().filter(|row| row.status() == TaskStatus::Completed).count();
    assert_eq!(completed, TASKS, "steps are progress: none is given up");
    assert_eq!(steps_done(folder.path()), TASKS * STEPS as usize);
    println!(
        "tasks are finished by processes that are killed all the time: {TASKS} tasks, {kills} kills"
    );
}

/// A tool that kills its process is run three times, then given up.
async fn a_task_that_kills_its_process_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let id = {
        let store = open(folder.path());
        store.create(task("poison", "x", folder.path())).await.unwrap().row.id
    };
    for _ in 0..3 {
        let (mut child, _lines) = start("worker", folder.path());
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
    }
    let (mut child, mut lines) = start("worker", folder.path());
    lines.next_line().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(child.try_wait().unwrap().is_none(), "the fourth process lives");
    child.kill().await.unwrap();
    let row = open(folder.path()).get(&id, None).await.unwrap();
    assert!(matches!(row.phase, Phase::Failed { .. }), "{row:?}");
    let record = std::fs::read_to_string(folder.path().join("record.txt")).unwrap();
    assert_eq!(record.lines().count(), 3);
    println!("a task that kills its process is given up");
}

/// The only process of a file sleeps (SIGSTOP) until its leases are over. Nobody else can take the file meanwhile, and when it
/// wakes up it finishes what it has begun: no kept step is done again, and no end changes.
#[cfg(unix)]
async fn a_process_that_slept_past_its_leases_goes_on() {
    const TASKS: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    {
        let store = open(folder.path());
        for number in 0..TASKS {
            let task = slow_task("steps", &number.to_string(), folder.path(), 300);
            ids.push(store.create(task).await.unwrap().row.id);
        }
    }
    let record = folder.path().join("record.txt");
    let wait_for = async |what: &str, times: usize| {
        let until = Instant::now() + Duration::from_secs(120);
        while std::fs::read_to_string(&record).unwrap_or_default().matches(what).count() < times {
            assert!(Instant::now() < until, "{what} {times} times");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (mut child, mut lines) = start("worker", folder.path());
    lines.next_line().await.unwrap().unwrap();
    let process = child.id().unwrap();
    let signal = async |name: &str| {
        let sent = Command::new("kill").args([name, &process.to_string()]).status().await;
        assert!(sent.unwrap().success());
    };
    // Some are in the middle, others have not begun.
    wait_for("step ", 1).await;
    signal("-STOP").await;
    let taken = EmbeddedStore::open(folder.path().join("tasks.redb"));
    assert!(matches!(taken, Err(EmbeddedError::InUse { .. })), "{:?}", taken.err());
    // Half as long again as the lease.
    tokio::time::sleep(Duration::from_secs(3)).await;
    signal("-CONT").await;
    wait_for(&format!(" {} ", STEPS - 1), TASKS).await;
    child.kill().await.unwrap();
    // The last end may not have been kept before the kill.
    let mut read = BTreeMap::new();
    for round in 0.. {
        let store = open(folder.path());
        for row in ends(&store, &ids).await {
            if row.status().is_terminal() {
                let first = read.entry(row.id.clone()).or_insert_with(|| row.clone());
                assert_eq!(*first, row, "an end changed");
            }
        }
        if read.len() == TASKS {
            break;
        }
        assert!(round < 20, "{} of {TASKS} have ended", read.len());
        drop(store);
        let (mut child, mut lines) = start("worker", folder.path());
        lines.next_line().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        child.kill().await.unwrap();
    }
    assert!(read.values().all(|row| row.status() == TaskStatus::Completed), "{read:?}");
    assert_eq!(steps_done(folder.path()), TASKS * STEPS as usize);
    println!("a process that slept past its leases goes on: {TASKS} tasks");
}

#[cfg(not(unix))]
async fn a_process_that_slept_past_its_leases_goes_on() {
    println!(
        "processes cannot be stopped here: shown by a store whose clock is moved, in `server`"
    );
}
