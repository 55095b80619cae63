//! The client's side, against servers of ours and against servers that are no good.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use mcp_core::client::{Client, ClientBuilder, ClientError, ElicitAnswer};
use mcp_core::protocol::{CallToolResult, ElicitRequestFormParams};
use mcp_core::server::{Cx, HandlerError, InputError, ServedTool, Server};
use mcp_core::{Error, Shutdown};
use mcp_tasks::client::{RunningTask, Started, TaskHandle};
use mcp_tasks::protocol::{DetailedTask, TaskStatus};
use mcp_tasks::store::MemoryStore;
use mcp_tasks::{TaskPolicy, TaskTool, Tasks, TasksClient};
use mcp_testkit::{FakeServer, Pair};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

fn no(error: InputError) -> HandlerError {
    match error {
        InputError::Protocol(error) => HandlerError::Protocol(error),
        no => HandlerError::tell(no.to_string()),
    }
}

async fn greet(cx: Cx) -> Result<String, HandlerError> {
    let Name { name } = cx.elicit("name", "Who are you?").await.map_err(no)?;
    cx.progress(1, 1, "greeting");
    Ok(format!("Hello, {name}!"))
}

/// A server whose workers run as long as the test does.
fn server(gate: Arc<Semaphore>) -> Server {
    let form: ElicitRequestFormParams = serde_json::from_value(json!({
        "mode": "form", "message": "Who are you?", "requestedSchema": {
            "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] }
    }))
    .unwrap();
    let policy = TaskPolicy::required().poll_interval(Duration::from_millis(20));
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("greet", greet).task(policy.clone()))
        .tool(ServedTool::new("first", greet).task(policy.clone().ask_first("name", form)))
        .tool(ServedTool::new("plain", async || "plain"))
        .tool(
            ServedTool::new("refuses", async || -> Result<String, HandlerError> {
                Err(Error::invalid_params("not like this").into())
            })
            .task(policy.clone()),
        )
        .tool(
            ServedTool::new("fails", async || CallToolResult::error("it failed"))
                .task(policy.clone()),
        )
        .tool(
            ServedTool::new("gate", move || {
                let gate = Arc::clone(&gate);
                async move {
                    gate.acquire().await.unwrap().forget();
                    "through"
                }
            })
            .task(policy),
        )
        .extension(Tasks::new(MemoryStore::new()).progress_every(Duration::from_millis(10)))
        .build()
        .unwrap();
    let background = server.clone();
    let (trigger, shutdown) = Shutdown::new();
    tokio::spawn(async move {
        background.run_extensions(shutdown).await;
        drop(trigger);
    });
    server
}

fn app(asked: &Arc<AtomicUsize>) -> ClientBuilder {
    let asked = Arc::clone(asked);
    Client::builder("test", "1").on_elicit_form(move |_| {
        asked.fetch_add(1, Ordering::SeqCst);
        async { ElicitAnswer::accept(&json!({ "name": "Ada" })) }
    })
}

fn task(started: Started) -> RunningTask {
    match started {
        Started::Task(task) => *task,
        Started::Done(result) => panic!("no task, but {result:?}"),
    }
}

#[tokio::test]
async fn a_call_is_driven_to_its_result_as_if_there_were_no_task() {
    let server = server(Arc::new(Semaphore::new(0)));
    let asked = Arc::default();
    for tasks in [TasksClient::new(), TasksClient::new().listening()] {
        let Pair { client, wire, .. } = Pair::new(&server, app(&asked).extension(tasks)).unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let progress = Arc::clone(&told);
        let result = client
            .call("greet")
            .progress(move |progress_now| {
                progress.lock().unwrap().push(progress_now.message.unwrap());
            })
            .send()
            .await
            .unwrap();
        assert_eq!(result.all_text(), "Hello, Ada!");
        assert_eq!(asked.swap(0, Ordering::SeqCst), 1, "asked once");
        assert_eq!(wire.messages_of("tasks/update").len(), 1);
        assert_eq!(client.call_tool("plain", &json!({})).await.unwrap().all_text(), "plain");
        let first = client.call_tool("first", &json!({})).await.unwrap();
        assert_eq!(first.all_text(), "Hello, Ada!");
        assert_eq!(asked.swap(0, Ordering::SeqCst), 1);
        wire.assert_published();
    }
}

#[tokio::test]
async fn errors_come_as_those_of_direct_calls() {
    let server = server(Arc::new(Semaphore::new(0)));
    let asked = Arc::default();
    let client = Pair::new(&server, app(&asked).extension(TasksClient::new())).unwrap().client;
    let error = client.call_tool("refuses", &json!({})).await.unwrap_err();
    assert!(matches!(&error, ClientError::Rpc(error) if error.code == -32602), "{error}");
    let result = client.call_tool("fails", &json!({})).await.unwrap();
    assert_eq!((result.is_error, result.all_text().as_str()), (Some(true), "it failed"));
    // Without a handler, the task's question is an error of the call.
    let mute = Client::builder("test", "1").extension(TasksClient::new());
    let client = Pair::new(&server, mute).unwrap().client;
    let error = client.call_tool("greet", &json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some(-32021), "{error}");
    // Without the extension, the server says what to declare.
    let plain = Pair::new(&server, app(&asked)).unwrap().client;
    let error = plain.call_tool("gate", &json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some(-32021), "{error}");
}

#[tokio::test]
async fn a_task_is_gone_on_with_after_a_restart() {
    let gate = Arc::new(Semaphore::new(0));
    let server = server(Arc::clone(&gate));
    let tasks = TasksClient::new();
    let asked = Arc::default();
    let client = Pair::new(&server, app(&asked).extension(tasks.clone())).unwrap().client;
    let mut running = task(tasks.start(&client, "gate", &json!({})).await.unwrap());
    let state = running.changed().await.unwrap().unwrap();
    assert_eq!(state.status(), TaskStatus::Working);
    let saved = serde_json::to_string(running.handle()).unwrap();
    assert!(!format!("{running:?}").contains(&running.handle().task_id), "ids are no log lines");
    drop((running, client));
    gate.add_permits(1);
    let client = Pair::new(&server, app(&asked).extension(tasks.clone())).unwrap().client;
    let handle: TaskHandle = serde_json::from_str(&saved).unwrap();
    assert_eq!((handle.tool.as_str(), handle.poll_interval_ms), ("gate", 20));
    let result = tasks.resume(&client, handle).result().await.unwrap();
    assert_eq!(result.all_text(), "through");
    let unknown = TaskHandle::of("unknown", "gate");
    let error = tasks.resume(&client, unknown).result().await.unwrap_err();
    assert_eq!(error.code(), Some(-32602), "{error}");
}

#[tokio::test]
async fn states_are_a_stream_that_ends_with_the_task() {
    let server = server(Arc::new(Semaphore::new(0)));
    let asked = Arc::default();
    for tasks in [TasksClient::new(), TasksClient::new().listening()] {
        let client = Pair::new(&server, app(&asked).extension(tasks.clone())).unwrap().client;
        let running = task(tasks.start(&client, "greet", &json!({})).await.unwrap());
        let states: Vec<DetailedTask> = running.states().map(Result::unwrap).collect().await;
        let seen: Vec<_> = states.iter().map(DetailedTask::status).collect();
        assert!(seen.contains(&TaskStatus::InputRequired), "{seen:?}");
        assert_eq!(seen.iter().filter(|status| status.is_terminal()).count(), 1);
        assert_eq!(seen.last(), Some(&TaskStatus::Completed));
        assert!(states.windows(2).all(|pair| pair[0] != pair[1]), "a state came twice");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "each asked once");
}

#[tokio::test]
async fn who_listens_need_not_ask() {
    let gate = Arc::new(Semaphore::new(0));
    let server = server(Arc::clone(&gate));
    let hour = Duration::from_secs(3600);
    let tasks = TasksClient::new().listening().poll_between(hour, hour);
    let Pair { client, wire, .. } =
        Pair::new(&server, app(&Arc::default()).extension(tasks.clone())).unwrap();
    let mut running = task(tasks.start(&client, "gate", &json!({})).await.unwrap());
    running.changed().await.unwrap().unwrap();
    gate.add_permits(1);
    assert_eq!(running.result().await.unwrap().all_text(), "through");
    assert!(wire.messages_of("tasks/get").len() <= 1);
}

#[tokio::test]
async fn a_cancelled_task_is_an_error_of_its_own() {
    let server = server(Arc::new(Semaphore::new(0)));
    let tasks = TasksClient::new();
    let asked = Arc::default();
    let client = Pair::new(&server, app(&asked).extension(tasks.clone())).unwrap().client;
    let running = task(tasks.start(&client, "gate", &json!({})).await.unwrap());
    running.cancel().await.unwrap();
    assert!(matches!(running.result().await, Err(ClientError::Cancelled)));
    let Started::Done(result) = tasks.start(&client, "plain", &json!({})).await.unwrap() else {
        panic!("a task");
    };
    assert_eq!(result.all_text(), "plain");
}

#[tokio::test]
async fn a_key_against_doubles_gets_the_first_task() {
    let server = server(Arc::new(Semaphore::new(0)));
    let tasks = TasksClient::new();
    let asked = Arc::default();
    let client = Pair::new(&server, app(&asked).extension(tasks.clone())).unwrap().client;
    let start = async |key: &str| {
        let started = tasks.start_once(&client, "gate", &json!({}), key).await.unwrap();
        task(started).handle().task_id.clone()
    };
    let first = start("a").await;
    assert_eq!(start("a").await, first);
    assert_ne!(start("b").await, first);
}

fn created(status: &str) -> Value {
    json!({
        "resultType": "task", "taskId": "t", "status": status, "ttlMs": null,
        "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z",
        "pollIntervalMs": 1,
    })
}

fn state(status: &str, more: Value) -> Value {
    let mut state = created(status);
    state["resultType"] = json!("complete");
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    state
}

fn faked(answer: impl Fn(&Value, usize) -> Vec<Value> + Send + Sync + 'static) -> Client {
    let polls = AtomicUsize::new(0);
    let fake = FakeServer::new(move |request| {
        let poll = match request["method"] == "tasks/get" {
            true => polls.fetch_add(1, Ordering::SeqCst),
            false => 0,
        };
        answer(request, poll)
    });
    app(&Arc::default()).extension(TasksClient::new().attempts(3)).connect(fake).unwrap()
}

#[tokio::test]
async fn connections_that_break_are_tried_again_and_answers_are_not_repeated() {
    let updates = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&updates);
    let client = faked(move |request, poll| {
        let ask = json!({ "inputRequests": { "name": { "method": "elicitation/create", "params": {
            "mode": "form", "message": "?", "requestedSchema": { "type": "object",
                "properties": { "name": { "type": "string" } } } } } } });
        let result = match request["method"].as_str().unwrap() {
            "tools/call" => created("working"),
            "tasks/update" => {
                counted.fetch_add(1, Ordering::SeqCst);
                json!({ "resultType": "complete" })
            }
            // Nothing: the connection broke.
            "tasks/get" if poll % 4 < 3 => return Vec::new(),
            // The question stays, as the server has not got to the answer yet.
            "tasks/get" if poll < 12 => state("input_required", ask),
            _ => state("completed", json!({ "result": { "content": [] } })),
        };
        vec![FakeServer::result(request, result)]
    });
    client.call_tool("x", &json!({})).await.unwrap();
    assert_eq!(updates.load(Ordering::SeqCst), 1);
    // Four in a row are too many.
    let dead = faked(|request, _| match request["method"] == "tools/call" {
        true => vec![FakeServer::result(request, created("working"))],
        false => Vec::new(),
    });
    let error = dead.call_tool("x", &json!({})).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(_)), "{error}");
}

/// There are servers that say a task changed when it was asked for it.
#[tokio::test]
async fn a_state_is_told_once_however_often_its_time_changes() {
    let connect = || {
        faked(|request, poll| {
            let result = match request["method"].as_str().unwrap() {
                "tools/call" => created("working"),
                _ => {
                    let now = json!(format!("2026-01-01T00:00:{poll:02}Z"));
                    let mut task = match poll {
                        0..4 => state("working", json!({ "statusMessage": "one" })),
                        4..8 => state("working", json!({ "statusMessage": "two" })),
                        _ => state("completed", json!({ "result": { "content": [] } })),
                    };
                    task["lastUpdatedAt"] = now;
                    task
                }
            };
            vec![FakeServer::result(request, result)]
        })
    };
    let Started::Task(task) = TasksClient::new().start(&connect(), "x", &json!({})).await.unwrap()
    else {
        panic!("it is a task")
    };
    let states: Vec<_> = task.states().map(|state| state.unwrap().task()).collect().await;
    let told: Vec<_> = states.iter().map(|state| state.status_message.as_deref()).collect();
    assert_eq!(told, [Some("one"), Some("two"), None]);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&reports);
    let client = connect();
    let call = client.call("x").progress(move |progress| {
        kept.lock().unwrap().push(progress.message.unwrap());
    });
    call.send().await.unwrap();
    assert_eq!(*reports.lock().unwrap(), ["one", "two"]);
}

#[tokio::test]
async fn what_is_no_task_is_an_unexpected_answer() {
    for nonsense in [
        json!({ "resultType": "task" }),
        json!({ "resultType": "task", "taskId": 7, "status": "working" }),
        json!({ "resultType": "task", "taskId": "t", "status": "sleeping", "ttlMs": null,
            "createdAt": "", "lastUpdatedAt": "" }),
    ] {
        let client = faked(move |request, _| vec![FakeServer::result(request, nonsense.clone())]);
        let error = client.call_tool("x", &json!({})).await.unwrap_err();
        assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{error}");
    }
    let client = faked(|request, _| {
        let result = match request["method"] == "tools/call" {
            true => created("working"),
            false => state("completed", json!({})),
        };
        vec![FakeServer::result(request, result)]
    });
    let error = client.call_tool("x", &json!({})).await.unwrap_err();
    assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{error}");
    // A task in answer to what is no call of a tool is invalid.
    let client = faked(|request, _| vec![FakeServer::result(request, created("working"))]);
    let error = client.get_prompt("x", &json!({})).await.unwrap_err();
    assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{error}");
}
