//! Measures task stores: `cargo run --release -p mcp-tasks --example figures`.
//!
//! Prints, for each store, durable creations and completions of tasks that do nothing, the cost of a
//! poll against that of a plain call, and what ten thousand parked tasks take.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program to look at")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_core::server::{Cx, HandlerError, ServedTool, Server};
use mcp_core::server::{RequestContext, ServerMessage};
use mcp_core::{ClientMessage, Shutdown};
use mcp_tasks::store::{EmbeddedStore, MemoryStore, NewTask, TaskRequest, TaskStore};
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

const LANES: usize = 64;
const TASKS: usize = 6400;

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

async fn asks(cx: Cx) -> Result<String, HandlerError> {
    let name: Name = cx.elicit("name", "?").await.map_err(|_| HandlerError::tell("no"))?;
    Ok(name.name)
}

fn task(tool: &str) -> NewTask {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
    });
    NewTask::new(TaskRequest {
        method: "tools/call".to_owned(),
        tool: tool.to_owned(),
        version: None,
        params: json!({ "name": tool, "arguments": {}, "_meta": meta }).into(),
    })
}

async fn create(store: &Arc<dyn TaskStore>, tool: &'static str, count: usize) -> Duration {
    let start = Instant::now();
    let mut lanes = tokio::task::JoinSet::new();
    for _ in 0..LANES {
        let store = Arc::clone(store);
        lanes.spawn(async move {
            for _ in 0..count / LANES {
                store.create(task(tool)).await.unwrap();
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.unwrap();
    }
    start.elapsed()
}

fn server(store: &Arc<dyn TaskStore>) -> Server {
    Server::builder("figures", "1")
        .tool(ServedTool::new("plain", async || "done"))
        .tool(ServedTool::new("nothing", async || "done").task(TaskPolicy::allowed()))
        .tool(ServedTool::new("asks", asks).task(TaskPolicy::allowed()))
        .extension(Tasks::shared(Arc::clone(store)).workers(LANES))
        .build()
        .unwrap()
}

/// Waits until nothing waits for a worker any more.
async fn drained(store: &Arc<dyn TaskStore>, server: Server) -> Duration {
    let start = Instant::now();
    let (trigger, shutdown) = Shutdown::new();
    let last = store.create(task("nothing")).await.unwrap().row.id;
    let running = tokio::spawn(async move { server.run_extensions(shutdown).await });
    let mut watcher = store.hub().watch([last.clone()]);
    while !store.get(&last, None).await.unwrap().status().is_terminal() {
        watcher.changed().await;
    }
    let elapsed = start.elapsed();
    trigger.request();
    running.await.unwrap();
    elapsed
}

async fn calls(server: &Server, method: &str, mut params: serde_json::Value) -> f64 {
    const CALLS: u32 = 20_000;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":
            { "extensions": { "io.modelcontextprotocol/tasks": {} } },
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let start = Instant::now();
    for _ in 0..CALLS {
        let Ok(ClientMessage::Request(request)) = ClientMessage::parse(body.clone().into_bytes())
        else {
            return f64::NAN;
        };
        let mut exchange = server.dispatch(request, RequestContext::new());
        while let Some(message) = exchange.next().await {
            if let ServerMessage::Response(response) = message {
                assert!(response.body.windows(8).any(|part| part == b"complete"));
            }
        }
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
}

/// Resident memory in MiB, where the system tells.
fn memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(f64::NAN) * 4096.0 / 1024.0 / 1024.0
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let stores: [(&str, Arc<dyn TaskStore>); 2] = [
        ("embedded", Arc::new(EmbeddedStore::open(folder.path().join("tasks.redb")).unwrap())),
        ("memory", Arc::new(MemoryStore::new())),
    ];
    for (name, store) in stores {
        let created = create(&store, "nothing", TASKS).await;
        println!("{name:<9} {:>8.0} creations/s", TASKS as f64 / created.as_secs_f64());
        let done = drained(&store, server(&store)).await;
        println!("{name:<9} {:>8.0} completions/s", TASKS as f64 / done.as_secs_f64());
        let server = server(&store);
        let id = store.create(task("nothing")).await.unwrap().row.id;
        let poll = calls(&server, "tasks/get", json!({ "taskId": id })).await;
        let plain = calls(&server, "tools/call", json!({ "name": "plain", "arguments": {} })).await;
        println!("{name:<9} {poll:>8.1} us for a poll, {plain:.1} us for a plain call");
        let before = memory();
        create(&store, "asks", 10_000).await;
        drained(&store, server).await;
        println!("{name:<9} {:>8.1} MiB more for 10,000 parked tasks", memory() - before);
    }
}
