//! `task-server cluster`: two instances on one database behind a proxy, one of them killed again and again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mcp_core::client::{Client, ElicitAnswer};
use mcp_http::HttpTransport;
use mcp_tasks::TasksClient;
use mcp_tasks::client::Started;
use mcp_testkit::TestPostgres;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Builds the program, which `cargo test` does not do for examples that have tests of their own.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap();
    let mut build = std::process::Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked", "--package", "examples", "--examples"]);
    build.arg("--target-dir").arg(folder.parent().unwrap());
    assert!(build.status().unwrap().success());
    folder.join("examples").join(format!("task-server{}", std::env::consts::EXE_SUFFIX))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_finished_though_instances_are_killed() {
    let Some(database) = TestPostgres::start_if_installed() else { return };
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("texts");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..600 {
        std::fs::write(folder.join(format!("{number}.txt")), "some words\n".repeat(2000)).unwrap();
    }
    // One is there already: it asks.
    std::fs::write(root.path().join("texts.index.tsv"), "old").unwrap();
    let mut cluster = Command::new(program())
        .arg("cluster")
        .arg(root.path())
        .args(["--http", "127.0.0.1:0"])
        .env("TASK_SERVER_DATABASE", database.address())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(cluster.stdout.take().unwrap()).lines();
    let url = lines.next_line().await.unwrap().unwrap();
    let mut said = BufReader::new(cluster.stderr.take().unwrap()).lines();

    let tasks = TasksClient::new().listening();
    let client = Client::builder("tester", "1")
        .extension(tasks.clone())
        .on_elicit_form(async |_| ElicitAnswer::accept(&json!({ "overwrite": true })))
        .connect(HttpTransport::new(&url).unwrap())
        .unwrap();
    // Each instance that comes up is killed, two of them in all; then they may live.
    let killing = async {
        let mut kills = 0;
        while let Some(line) = said.next_line().await.unwrap() {
            let Some((_, rest)) = line.split_once("is process ") else { continue };
            if kills == 2 {
                continue;
            }
            kills += 1;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let process = rest.split(' ').next().unwrap();
            #[cfg(unix)]
            Command::new("kill").args(["-9", process]).status().await.unwrap();
            #[cfg(windows)]
            Command::new("taskkill").args(["/F", "/PID", process]).status().await.unwrap();
        }
    };
    let working = async {
        let result = loop {
            // Only what creates a task may be told of a server that is gone.
            match tasks.start(&client, "index", &json!({ "folder": "texts" })).await {
                Ok(Started::Done(result)) => break *result,
                Ok(Started::Task(task)) => break task.result().await.unwrap(),
                Err(error) => {
                    println!("{error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        };
        assert!(!result.is_error.unwrap_or_default(), "{result:?}");
    };
    let ended = async {
        tokio::select! {
            () = working => {}
            () = killing => panic!("the cluster ended"),
        }
    };
    tokio::time::timeout(Duration::from_secs(120), ended).await.expect("it ends");
    let index = std::fs::read_to_string(root.path().join("texts.index.tsv")).unwrap();
    assert_eq!(index.lines().filter(|line| line.contains(".txt")).count(), 600, "{index:.200}");
}
