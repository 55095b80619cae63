//! Load with tasks: calls that become tasks, polls until they have ended, polls of one that goes on.

use std::{cell::RefCell, collections::VecDeque, net::SocketAddr, rc::Rc, time::Duration};

use bench_support::{Error, Result, tasks, workload::PROTOCOL_VERSION};
use serde_json::Value;
use tokio::{task::LocalSet, time::Instant};

use super::{Connection, FIRST_ID, sse};

/// A task that has not ended is asked for again after so long.
const AGAIN: Duration = Duration::from_millis(5);
/// So long may all tasks of a run take together.
const LIMIT: Duration = Duration::from_secs(300);

/// How long the tasks of a run took.
pub(crate) struct Times {
    /// Until the last was created.
    pub(crate) created: Duration,
    /// Until the client knew that the last was completed.
    pub(crate) completed: Duration,
    /// So many polls that took.
    pub(crate) polls: u64,
}

/// An HTTP request of a body.
fn http(address: SocketAddr, method: &str, name: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: {PROTOCOL_VERSION}\r\nMcp-Method: {method}\r\nMcp-Name: {name}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The request that calls a tool.
pub(crate) fn call(address: SocketAddr, tool: &str) -> Vec<u8> {
    http(address, "tools/call", tool, &tasks::call(FIRST_ID, tool))
}

/// The request that polls a task.
pub(crate) fn poll(address: SocketAddr, task: &str) -> Vec<u8> {
    http(address, "tasks/get", task, &tasks::poll(FIRST_ID, task))
}

/// The result of an answer, whether it came alone or as the last event of a stream.
async fn result(connection: &mut Connection, request: &[u8]) -> Result<Value> {
    let (is_sse, body) = connection.exchange(request).await?;
    let mut message: Value = if is_sse {
        serde_json::from_str(sse::data(body).last().ok_or("a stream without events")?)?
    } else {
        serde_json::from_slice(body)?
    };
    match message["result"].take() {
        Value::Null => Err(format!("refused: {message}").into()),
        result => Ok(result),
    }
}

/// Calls a tool that becomes a task, and returns the task's id.
async fn create(connection: &mut Connection, request: &[u8]) -> Result<String> {
    let created = result(connection, request).await?;
    match (created["resultType"].as_str(), created["taskId"].as_str()) {
        (Some("task"), Some(id)) => Ok(id.to_owned()),
        _ => Err(format!("that is no task: {created}").into()),
    }
}

/// Creates `count` tasks of a tool over so many connections, then polls until all are completed. Each
/// connection has had one task completed when the clock starts.
pub(crate) fn complete(
    address: SocketAddr,
    tool: &str,
    connections: usize,
    count: usize,
) -> Result<Times> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async {
        let request = call(address, tool);
        let mut open = Vec::new();
        for _ in 0..connections {
            let mut connection = Connection::open(address).await?;
            let first = create(&mut connection, &request).await?;
            completed(&mut connection, address, &first).await?;
            open.push(connection);
        }
        let clock = Instant::now();
        let ids = Rc::new(RefCell::new(VecDeque::with_capacity(count)));
        let lanes: Vec<_> = open
            .into_iter()
            .enumerate()
            .map(|(lane, mut connection)| {
                let (request, ids) = (request.clone(), ids.clone());
                local.spawn_local(async move {
                    for _ in (lane..count).step_by(connections) {
                        let id = create(&mut connection, &request).await?;
                        ids.borrow_mut().push_back(id);
                    }
                    Ok::<_, Error>(connection)
                })
            })
            .collect();
        let mut open = Vec::new();
        for lane in lanes {
            open.push(lane.await??);
        }
        let created = clock.elapsed();
        let polls = Rc::new(RefCell::new(0));
        let lanes: Vec<_> = open
            .into_iter()
            .map(|connection| {
                local.spawn_local(until_completed(connection, address, ids.clone(), polls.clone()))
            })
            .collect();
        for lane in lanes {
            tokio::time::timeout(LIMIT, lane)
                .await
                .map_err(|_| format!("tasks were not completed in {LIMIT:?}"))???;
        }
        let polls = *polls.borrow();
        Ok(Times { created, completed: clock.elapsed(), polls })
    }))
}

async fn until_completed(
    mut connection: Connection,
    address: SocketAddr,
    ids: Rc<RefCell<VecDeque<String>>>,
    polls: Rc<RefCell<u64>>,
) -> Result<()> {
    loop {
        let Some(id) = ids.borrow_mut().pop_front() else { return Ok(()) };
        *polls.borrow_mut() += completed(&mut connection, address, &id).await?;
    }
}

/// Polls until a task is completed, and says how often it had to.
async fn completed(connection: &mut Connection, address: SocketAddr, id: &str) -> Result<u64> {
    let request = poll(address, id);
    let mut polls = 0;
    loop {
        let polled = result(connection, &request).await?;
        polls += 1;
        match polled["status"].as_str() {
            Some("completed") => return Ok(polls),
            Some("working") => tokio::time::sleep(AGAIN).await,
            _ => return Err(format!("a task was not completed: {polled}").into()),
        }
    }
}

/// Creates a task and waits until it has a status, and is left alone.
pub(crate) fn settled(address: SocketAddr, tool: &str, status: &str) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(address).await?;
        let id = create(&mut connection, &call(address, tool)).await?;
        let request = poll(address, &id);
        let clock = Instant::now();
        loop {
            // Long enough for a worker to claim what waits.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let polled = result(&mut connection, &request).await?;
            match polled["status"].as_str() {
                Some(now) if now == status => return Ok(id),
                Some("working") if clock.elapsed() < LIMIT => {}
                _ => return Err(format!("a task is not {status}: {polled}").into()),
            }
        }
    })
}

/// Sends the same request again and again over so many connections. All answers must be the same.
pub(crate) fn repeat(
    address: SocketAddr,
    request: &[u8],
    connections: usize,
    count: u64,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async {
        let left = Rc::new(RefCell::new(count));
        let mut first = Connection::open(address).await?;
        // The first is parsed: only a result that is complete counts.
        let parsed = result(&mut first, request).await?;
        if parsed["resultType"] != "complete" {
            return Err(format!("not complete: {parsed}").into());
        }
        let (_, expected) = first.exchange(request).await?;
        let expected: Rc<[u8]> = expected.into();
        let lanes: Vec<_> = (0..connections)
            .map(|_| {
                let (request, left, expected) =
                    (request.to_vec(), left.clone(), Rc::clone(&expected));
                local.spawn_local(async move {
                    let mut connection = Connection::open(address).await?;
                    while *left.borrow() > 0 {
                        *left.borrow_mut() -= 1;
                        let (_, body) = connection.exchange(&request).await?;
                        if *body != *expected {
                            let body = String::from_utf8_lossy(body).into_owned();
                            return Err(format!("another answer: {body}").into());
                        }
                    }
                    Ok::<_, Error>(())
                })
            })
            .collect();
        for lane in lanes {
            lane.await??;
        }
        Ok(())
    }))
}
