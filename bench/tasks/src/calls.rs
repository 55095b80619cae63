//! Plain calls and polls, from bytes to bytes without a network.

use std::sync::Arc;

use bench_support::{
    Result,
    tasks::{self, FOREVER, LARGE, PLAIN},
};
use cpu_time::ProcessTime;
use mcp_core::{
    ClientMessage, Shutdown,
    server::{RequestContext, Server, ServerMessage},
};
use mcp_tasks::store::TaskStore;
use serde_json::Value;

/// Prints the nanoseconds of CPU that `count` requests took: `plain`, `live` or `large`.
pub(crate) async fn measure(store: &Arc<dyn TaskStore>, what: &str, count: u32) -> Result<()> {
    let server = crate::server::server(store, crate::WORKERS)?;
    let (trigger, shutdown) = Shutdown::new();
    let running = {
        let server = server.clone();
        tokio::spawn(async move { server.run_extensions(shutdown).await })
    };
    let line = match what {
        "plain" => tasks::call(1, PLAIN),
        "live" => tasks::poll(1, &task(&server, FOREVER, "working").await?),
        "large" => tasks::poll(1, &task(&server, LARGE, "completed").await?),
        other => return Err(format!("no request is called {other:?}").into()),
    };
    for _ in 0..100 {
        answer(&server, &line).await?;
    }
    let before = ProcessTime::try_now()?;
    for _ in 0..count {
        if !answer(&server, &line).await?.starts_with(br#"{"jsonrpc":"2.0","result""#) {
            return Err("a request was refused".into());
        }
    }
    println!("{}", before.try_elapsed()?.as_nanos());
    trigger.request();
    running.await?;
    Ok(())
}

/// Creates a task and waits until it has a status and rests.
async fn task(server: &Server, tool: &str, status: &str) -> Result<String> {
    let created: Value = serde_json::from_slice(&answer(server, &tasks::call(1, tool)).await?)?;
    let id = created["result"]["taskId"].as_str().ok_or_else(|| format!("no task: {created}"))?;
    loop {
        // Long enough for a worker to claim what waits.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let polled = answer(server, &tasks::poll(1, id)).await?;
        let polled: Value = serde_json::from_slice(&polled)?;
        match polled["result"]["status"].as_str() {
            Some(now) if now == status => return Ok(id.to_owned()),
            Some("working") => {}
            _ => return Err(format!("not {status}: {polled}").into()),
        }
    }
}

/// From the bytes of a request to the bytes of its answer.
pub(crate) async fn answer(server: &Server, line: &str) -> Result<Vec<u8>> {
    let request = match ClientMessage::parse(line.as_bytes().to_vec()) {
        Ok(ClientMessage::Request(request)) => request,
        Ok(ClientMessage::Notification(_)) => return Err("that is no request".into()),
        Err(rejection) => return Err(format!("refused: {:?}", rejection.error).into()),
    };
    let mut exchange = server.dispatch(request, RequestContext::new());
    while let Some(message) = exchange.next().await {
        if let ServerMessage::Response(response) = message {
            return Ok(response.body.into());
        }
    }
    Err("no answer".into())
}
