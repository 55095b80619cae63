//! The server: tools that become tasks, and one that does not.

use std::sync::Arc;

use bench_support::{
    Result,
    tasks::{ASKS, DONE, FOREVER, LARGE, LARGE_BYTES, NOTHING, PLAIN},
};
use mcp_core::server::{Cx, HandlerError, ServedTool, Server};
use mcp_tasks::store::TaskStore;
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use serde::Deserialize;

#[derive(Deserialize, schemars::JsonSchema)]
struct Name {
    name: String,
}

async fn asks(cx: Cx) -> Result<String, HandlerError> {
    let name: Name = cx.elicit("name", "?").await.map_err(|_| HandlerError::tell("no"))?;
    Ok(name.name)
}

async fn forever() -> String {
    std::future::pending().await
}

/// Builds the server.
pub(crate) fn server(store: &Arc<dyn TaskStore>, workers: usize) -> Result<Server> {
    let task = TaskPolicy::required;
    Ok(Server::builder("bench", "1.0.0")
        .tool(ServedTool::new(PLAIN, async || DONE))
        .tool(ServedTool::new(NOTHING, async || DONE).task(task()))
        .tool(ServedTool::new(FOREVER, forever).task(task()))
        .tool(ServedTool::new(LARGE, async || "x".repeat(LARGE_BYTES)).task(task()))
        .tool(ServedTool::new(ASKS, asks).task(task()))
        .extension(Tasks::shared(Arc::clone(store)).workers(workers))
        .build()?)
}
