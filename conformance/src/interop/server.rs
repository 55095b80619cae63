//! The server that clients of others meet with tasks: the tools of `tests/interop/scenarios/tasks.json`
//! and `direct.json`, which `tests/interop/fastmcp_server.py` offers as well.

use std::time::Duration;

use mcp_core::Error;
use mcp_core::protocol::{CallToolResult, ElicitRequestFormParams};
use mcp_core::server::{Args, BuildErrors, Cx, HandlerError, InputError, Json, ServedTool, Server};
use mcp_tasks::store::MemoryStore;
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The server; its tasks are in memory.
///
/// # Errors
/// Those of [`ServerBuilder::build`](mcp_core::server::ServerBuilder::build).
pub fn build() -> Result<Server, BuildErrors> {
    let poll = Duration::from_millis(100);
    let allowed = || TaskPolicy::allowed().poll_interval(poll);
    let required = || TaskPolicy::required().poll_interval(poll);
    Server::builder("interop-tasks", env!("CARGO_PKG_VERSION"))
        .tool(ServedTool::new("never", add).task(TaskPolicy::never()))
        .tool(ServedTool::new("allowed", add).task(allowed()))
        .tool(ServedTool::new("required", add).task(required()))
        .tool(ServedTool::new("asks", asks).task(allowed()))
        .tool(ServedTool::new("asks_first", asks).task(asking_first(required())))
        .tool(ServedTool::new("endless", endless).task(required()))
        .tool(ServedTool::new("fails", async || CallToolResult::error("it failed")).task(allowed()))
        .tool(ServedTool::new("breaks", breaks).task(allowed()))
        .extension(Tasks::new(MemoryStore::new()).progress_every(Duration::from_millis(20)))
        .build()
}

/// The question of [`asks`], put before there is a task.
fn asking_first(policy: TaskPolicy) -> TaskPolicy {
    let form = serde_json::from_value::<ElicitRequestFormParams>(serde_json::json!({
        "mode": "form",
        "message": "Replace it?",
        "requestedSchema": {
            "type": "object",
            "properties": { "overwrite": { "type": "boolean" } },
            "required": ["overwrite"],
        },
    }));
    match form {
        Ok(form) => policy.ask_first("overwrite", form),
        Err(_) => policy,
    }
}

#[derive(Deserialize, JsonSchema)]
struct Summands {
    a: i64,
    b: i64,
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    sum: i64,
}

#[derive(Deserialize, JsonSchema)]
struct File {
    file: String,
}

#[derive(Deserialize, JsonSchema)]
struct Overwrite {
    overwrite: bool,
}

async fn add(Args(Summands { a, b }): Args<Summands>) -> Result<Json<Sum>, HandlerError> {
    let sum = a.checked_add(b).ok_or_else(|| HandlerError::tell("the sum is too large"))?;
    Ok(Json(Sum { sum }))
}

async fn asks(cx: Cx, Args(File { file }): Args<File>) -> Result<String, HandlerError> {
    match cx.elicit::<Overwrite>("overwrite", format!("Replace {file}?")).await {
        Ok(Overwrite { overwrite: true }) => Ok(format!("{file} is replaced.")),
        Ok(_) | Err(InputError::Declined | InputError::Cancelled) => Ok(format!("{file} stays.")),
        Err(InputError::Protocol(error)) => Err(HandlerError::Protocol(error)),
        Err(other) => Err(HandlerError::tell(other.to_string())),
    }
}

/// Ends when it is cancelled: then nobody waits for this future any more.
async fn endless(cx: Cx) -> String {
    cx.progress(3, 7, "files");
    std::future::pending().await
}

async fn breaks() -> Result<String, HandlerError> {
    Err(HandlerError::Protocol(Error::invalid_params("not like this")))
}
