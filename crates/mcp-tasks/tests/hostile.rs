//! The client's side against servers that break the specification, and what the specification
//! demands of a client: the other end is scripted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mcp_core::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, TransportError,
};
use mcp_core::client::{Client, ClientBuilder, ClientError, ElicitAnswer};
use mcp_core::protocol::InputResponses;
use mcp_tasks::TasksClient;
use mcp_tasks::client::{RunningTask, Started, TaskHandle};
use mcp_tasks::protocol::{DetailedTask, TaskStatus};
use mcp_testkit::FakeServer;
use serde_json::{Value, json};
use tokio::time::Instant;

/// What the server was asked, in order, and when.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Instant, Value)>>>);

impl Log {
    fn of(&self, method: &str) -> Vec<(Instant, Value)> {
        let log = self.0.lock().unwrap();
        log.iter().filter(|(_, message)| message["method"] == method).cloned().collect()
    }

    fn gaps(&self, method: &str) -> Vec<Duration> {
        let times: Vec<_> = self.of(method).iter().map(|(at, _)| *at).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// A server that answers each method's requests with `answer`, counted from 0 for each method; `None`
/// is a connection that breaks.
fn scripted(
    tasks: TasksClient,
    answer: impl Fn(&Value, usize) -> Option<Value> + Send + Sync + 'static,
) -> (Client, Log) {
    scripted_with(app(), tasks, answer)
}

fn scripted_with(
    app: ClientBuilder,
    tasks: TasksClient,
    answer: impl Fn(&Value, usize) -> Option<Value> + Send + Sync + 'static,
) -> (Client, Log) {
    let log = Log::default();
    let kept = log.clone();
    let fake = FakeServer::new(move |request| {
        let method = request["method"].as_str().unwrap_or_default();
        let count = kept.of(method).len();
        kept.0.lock().unwrap().push((Instant::now(), request.clone()));
        match answer(request, count) {
            None => Vec::new(),
            Some(error) if error.get("code").is_some() => {
                vec![json!({ "jsonrpc": "2.0", "id": request["id"], "error": error })]
            }
            Some(result) => vec![FakeServer::result(request, result)],
        }
    });
    (app.extension(tasks).connect(fake).unwrap(), log)
}

fn app() -> ClientBuilder {
    Client::builder("test", "1")
        .on_elicit_form(|_| async { ElicitAnswer::accept(&json!({ "name": "Ada" })) })
}

fn task(status: &str, more: Value) -> Value {
    let mut task = json!({
        "resultType": "complete", "taskId": "t", "status": status, "ttlMs": null,
        "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z",
    });
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
}

fn created(more: Value) -> Value {
    let mut created = task("working", more);
    created["resultType"] = json!("task");
    created
}

fn completed() -> Value {
    task("completed", json!({ "result": { "content": [{ "type": "text", "text": "done" }] } }))
}

fn question(text: &str) -> Value {
    json!({ "method": "elicitation/create", "params": {
        "mode": "form", "message": text, "requestedSchema": {
            "type": "object", "properties": { "name": { "type": "string" } } } } })
}

fn asking(questions: Value) -> Value {
    task("input_required", json!({ "inputRequests": questions, "pollIntervalMs": 1000 }))
}

async fn call(client: &Client) -> Result<String, ClientError> {
    client.call_tool("x", &json!({})).await.map(|result| result.all_text())
}

async fn start(tasks: &TasksClient, client: &Client) -> RunningTask {
    match tasks.start(client, "x", &json!({})).await.unwrap() {
        Started::Task(task) => *task,
        Started::Done(result) => panic!("no task, but {result:?}"),
    }
}

fn is_unexpected(error: &ClientError) -> bool {
    matches!(error, ClientError::UnexpectedResult { .. })
}

#[tokio::test(start_paused = true)]
async fn a_task_is_asked_for_as_often_as_its_server_wishes() {
    let (client, log) = scripted(TasksClient::new(), |request, count| {
        Some(match (request["method"].as_str().unwrap(), count) {
            ("tools/call", _) => created(json!({ "pollIntervalMs": 3000 })),
            // It may change its mind.
            (_, 0) => task("working", json!({ "pollIntervalMs": 7000 })),
            (_, 1 | 2) => task("working", json!({ "pollIntervalMs": 2000 })),
            _ => completed(),
        })
    });
    assert_eq!(call(&client).await.unwrap(), "done");
    let seconds = Duration::from_secs;
    assert_eq!(log.gaps("tasks/get"), [seconds(7), seconds(2), seconds(2)]);
}

#[tokio::test(start_paused = true)]
async fn intervals_that_are_no_good_are_bounded() {
    for (named, least, most) in [
        (json!(0), Duration::from_millis(10), Duration::from_millis(11)),
        (json!(1), Duration::from_millis(10), Duration::from_millis(11)),
        (json!(u64::MAX), Duration::from_secs(60), Duration::from_secs(61)),
    ] {
        for tasks in [TasksClient::new(), TasksClient::new().listening()] {
            let named = named.clone();
            // With broken connections in between, where the pauses double.
            let (client, log) = scripted(tasks, move |request, count| {
                let interval = json!({ "pollIntervalMs": named });
                match (request["method"].as_str().unwrap(), count) {
                    ("tools/call", _) => Some(created(interval)),
                    ("subscriptions/listen", _) => Some(json!({ "code": -32601, "message": "no" })),
                    (_, 0..4) => Some(task("working", interval)),
                    (_, 4..11) => None,
                    _ => Some(completed()),
                }
            });
            assert_eq!(call(&client).await.unwrap(), "done");
            let gaps = log.gaps("tasks/get");
            assert!(gaps[..3].iter().all(|gap| (least..most).contains(gap)), "{gaps:?}");
            assert!(gaps.iter().all(|gap| *gap <= Duration::from_secs(61)), "{gaps:?}");
        }
    }
    // No number of milliseconds at all.
    for nonsense in [json!(-5), json!(1.5), json!("1000"), json!([1])] {
        let (client, log) = scripted(TasksClient::new(), move |_, _| {
            Some(created(json!({ "pollIntervalMs": nonsense })))
        });
        assert!(is_unexpected(&call(&client).await.unwrap_err()));
        assert!(log.of("tasks/get").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_never_ends_is_given_up_and_cancelled() {
    let tasks = TasksClient::new().limit(Duration::from_secs(30));
    let (client, log) = scripted(tasks, |request, _| {
        Some(match request["method"].as_str().unwrap() {
            "tools/call" => created(json!({ "pollIntervalMs": 4000 })),
            "tasks/cancel" => json!({ "resultType": "complete" }),
            _ => task("working", json!({ "pollIntervalMs": 4000 })),
        })
    });
    let began = Instant::now();
    let error = call(&client).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { maximum: true, .. }), "{error}");
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    assert_eq!(log.of("tasks/get").len(), 8);
    let cancelled = log.of("tasks/cancel");
    assert_eq!(cancelled.len(), 1);
    assert_eq!(cancelled[0].1["params"]["taskId"], "t");
    // Cancelling is a request of its own, never a notification.
    assert!(log.of("notifications/cancelled").is_empty());
}

#[tokio::test(start_paused = true)]
async fn answers_about_another_task_are_refused() {
    let (client, _) = scripted(TasksClient::new(), |request, _| {
        Some(match request["method"].as_str().unwrap() {
            "tools/call" => created(json!({})),
            _ => task("completed", json!({ "taskId": "u", "result": { "content": [] } })),
        })
    });
    let error = call(&client).await.unwrap_err();
    assert!(is_unexpected(&error) && error.to_string().contains("another task"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_has_ended_is_not_asked_for_again() {
    let tasks = TasksClient::new();
    let (client, log) = scripted(tasks.clone(), |request, count| {
        Some(match (request["method"].as_str().unwrap(), count) {
            ("tools/call", _) => created(json!({})),
            (_, 0) => completed(),
            _ => task("working", json!({})),
        })
    });
    let mut running = start(&tasks, &client).await;
    let end = running.changed().await.unwrap().unwrap();
    assert_eq!(end.status(), TaskStatus::Completed);
    for _ in 0..3 {
        assert_eq!(running.changed().await.unwrap(), None);
    }
    assert_eq!(running.result().await.unwrap().all_text(), "done");
    assert_eq!(log.of("tasks/get").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn states_that_are_none_are_unexpected_answers() {
    for nonsense in [
        task("sleeping", json!({})),
        task("", json!({})),
        task("completed", json!({})),
        task("completed", json!({ "result": "done" })),
        task("completed", json!({ "result": { "content": "done" } })),
        task("completed", json!({ "result": { "content": [], "isError": "no" } })),
        task("failed", json!({})),
        task("failed", json!({ "error": "broken" })),
        task("input_required", json!({})),
        task("input_required", json!({ "inputRequests": [] })),
        task("input_required", json!({ "inputRequests": { "a": { "method": "tools/call" } } })),
        task("working", json!({ "taskId": null })),
        task("working", json!({ "status": 3 })),
        task("working", json!({ "ttlMs": -1 })),
        json!({ "resultType": "complete" }),
        json!({ "resultType": "complete", "task": completed() }),
        created(json!({})),
    ] {
        let script = nonsense.clone();
        let (client, log) = scripted(TasksClient::new(), move |request, _| {
            Some(match request["method"].as_str().unwrap() {
                "tools/call" => created(json!({})),
                _ => script.clone(),
            })
        });
        let error = call(&client).await.unwrap_err();
        assert!(is_unexpected(&error), "{nonsense}: {error:?}");
        assert_eq!(log.of("tasks/get").len(), 1, "{nonsense}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_for_a_while_is_asked_again() {
    let (client, log) = scripted(TasksClient::new(), |request, count| {
        Some(match (request["method"].as_str().unwrap(), count) {
            ("tools/call", _) => created(json!({})),
            (_, 0..8) => json!({ "code": -32603, "message": "internal error" }),
            _ => completed(),
        })
    });
    assert_eq!(call(&client).await.unwrap(), "done");
    assert_eq!(log.of("tasks/get").len(), 9);
    // For ever is too long, and other errors do not pass.
    for (code, asked) in [(-32603, 4), (-32602, 1), (-32021, 1), (4001, 1)] {
        let (client, log) = scripted(TasksClient::new().attempts(3), move |request, _| {
            Some(match request["method"].as_str().unwrap() {
                "tools/call" => created(json!({})),
                _ => json!({ "code": code, "message": "no",
                    "data": { "requiredCapabilities": {} } }),
            })
        });
        assert_eq!(call(&client).await.unwrap_err().code(), Some(code));
        assert_eq!(log.of("tasks/get").len(), asked, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_did_not_arrive_is_sent_again_without_asking_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count_asked = Arc::clone(&asked);
    let app = Client::builder("test", "1").on_elicit_form(move |_| {
        count_asked.fetch_add(1, Ordering::SeqCst);
        async { ElicitAnswer::accept(&json!({ "name": "Ada" })) }
    });
    let (client, log) = scripted_with(app, TasksClient::new(), |request, count| {
        match (request["method"].as_str().unwrap(), count) {
            ("tools/call", _) => Some(created(json!({}))),
            ("tasks/update", 0..2) => None,
            ("tasks/update", _) => Some(json!({ "resultType": "complete" })),
            // The question stays for a while after it was answered.
            (_, 0..3) => Some(asking(json!({ "name": question("Who?") }))),
            _ => Some(completed()),
        }
    });
    assert_eq!(call(&client).await.unwrap(), "done");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let updates = log.of("tasks/update");
    assert_eq!(updates.len(), 3);
    for (_, update) in updates {
        assert_eq!(update["params"]["taskId"], "t");
        let answers = json!({ "name": { "action": "accept", "content": { "name": "Ada" } } });
        assert_eq!(update["params"]["inputResponses"], answers);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_outlasts_a_call_that_failed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count_asked = Arc::clone(&asked);
    let app = Client::builder("test", "1").on_elicit_form(move |_| {
        count_asked.fetch_add(1, Ordering::SeqCst);
        async { ElicitAnswer::accept(&json!({ "name": "Ada" })) }
    });
    let tasks = TasksClient::new().attempts(2);
    let script = |request: &Value, count: usize| match (request["method"].as_str()?, count) {
        ("tools/call", _) => Some(created(json!({}))),
        ("tasks/update", 0..4) => None,
        ("tasks/update", _) => Some(json!({ "resultType": "complete" })),
        (_, 0) => Some(asking(json!({ "name": question("Who?") }))),
        _ => Some(completed()),
    };
    let (client, log) = scripted_with(app, tasks.clone(), script);
    let mut running = start(&tasks, &client).await;
    running.changed().await.unwrap();
    let error = running.changed().await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(_)), "{error}");
    assert_eq!(log.of("tasks/update").len(), 3);
    assert_eq!(running.result().await.unwrap().all_text(), "done");
    assert_eq!((asked.load(Ordering::SeqCst), log.of("tasks/update").len()), (1, 5));
}

#[tokio::test(start_paused = true)]
async fn questions_of_a_task_reach_the_handler_of_direct_ones_and_meet_the_same_checks() {
    let form = question("Who?");
    for (question, fits) in [
        (form.clone(), true),
        // What this client did not declare is refused, whichever way it comes.
        (
            json!({ "method": "elicitation/create", "params": { "mode": "url", "message": "?",
            "url": "https://example.com", "elicitationId": "1" } }),
            false,
        ),
        (
            json!({ "method": "sampling/createMessage", "params": { "messages": [],
            "maxTokens": 1 } }),
            false,
        ),
        (json!({ "method": "roots/list" }), false),
    ] {
        let mut seen = Vec::new();
        for as_task in [false, true] {
            let told = Arc::new(Mutex::new(Vec::new()));
            let handler = Arc::clone(&told);
            let app = Client::builder("test", "1").on_elicit_form(move |form| {
                handler.lock().unwrap().push(format!("{form:?}"));
                async { ElicitAnswer::accept(&json!({ "name": "Ada" })) }
            });
            let question = question.clone();
            let (client, log) = scripted_with(app, TasksClient::new(), move |request, count| {
                let questions = json!({ "k": question });
                Some(match (request["method"].as_str().unwrap(), count) {
                    ("tools/call", 0) if as_task => created(json!({})),
                    ("tools/call", 0) => {
                        json!({ "resultType": "input_required", "inputRequests": questions })
                    }
                    ("tasks/get", 0) => asking(questions),
                    ("tasks/get", _) => completed(),
                    ("tools/call", _) => json!({ "resultType": "complete",
                        "content": [{ "type": "text", "text": "done" }] }),
                    _ => json!({ "resultType": "complete" }),
                })
            });
            let end = call(&client).await;
            let method = if as_task { "tasks/update" } else { "tools/call" };
            let answers: Vec<Value> = log
                .of(method)
                .iter()
                .filter_map(|(_, sent)| sent["params"].get("inputResponses").cloned())
                .collect();
            let kind = end.map_err(|error| (error.code(), error.to_string()));
            seen.push((kind, told.lock().unwrap().clone(), answers));
        }
        assert_eq!(seen[0], seen[1], "{question}");
        assert_eq!(seen[1].0.is_ok(), fits, "{question}: {:?}", seen[1].0);
        assert_eq!((seen[1].1.len(), seen[1].2.len()), (usize::from(fits), usize::from(fits)));
    }
}

#[tokio::test(start_paused = true)]
async fn only_open_questions_are_answered() {
    let tasks = TasksClient::new();
    let (client, log) = scripted(tasks.clone(), |request, count| {
        Some(match (request["method"].as_str().unwrap(), count) {
            ("tools/call", _) => created(json!({})),
            ("tasks/update", _) => json!({ "resultType": "complete" }),
            (_, 0) => asking(json!({ "a": question("A?"), "b": question("B?") })),
            (_, 1) => asking(json!({ "b": question("B?"), "c": question("C?") })),
            _ => completed(),
        })
    });
    let answers = |keys: &[&str]| -> InputResponses {
        let answers: serde_json::Map<String, Value> =
            keys.iter().map(|key| ((*key).to_owned(), json!({ "action": "decline" }))).collect();
        serde_json::from_value(Value::Object(answers)).unwrap()
    };
    let mut running = start(&tasks, &client).await;
    let refused = |result: Result<(), ClientError>| match result.unwrap_err() {
        ClientError::InvalidAnswer { method, .. } => assert_eq!(method, "tasks/update"),
        other => panic!("{other}"),
    };
    // Nothing was asked yet.
    refused(running.answer(answers(&["a"])).await);
    assert!(matches!(running.changed().await.unwrap(), Some(DetailedTask::InputRequired(_))));
    refused(running.answer(answers(&["a", "z"])).await);
    assert!(log.of("tasks/update").is_empty());
    running.answer(answers(&["a"])).await.unwrap();
    refused(running.answer(answers(&["a"])).await);
    // What was not answered by hand goes to the handler, and nobody is asked twice.
    assert!(matches!(running.changed().await.unwrap(), Some(DetailedTask::InputRequired(_))));
    assert_eq!(running.result().await.unwrap().all_text(), "done");
    let keys: Vec<Vec<String>> = log
        .of("tasks/update")
        .iter()
        .map(|(_, sent)| {
            sent["params"]["inputResponses"].as_object().unwrap().keys().cloned().collect()
        })
        .collect();
    assert_eq!(keys, [["a"], ["b"], ["c"]]);
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_before_a_restart_is_not_asked_again() {
    let tasks = TasksClient::new();
    let script = |request: &Value, count: usize| {
        Some(match (request["method"].as_str().unwrap(), count) {
            ("tools/call", _) => created(json!({})),
            ("tasks/update", _) => json!({ "resultType": "complete" }),
            // The server has not got to the answer yet.
            (_, 0..3) => asking(json!({ "name": question("Who?") })),
            _ => completed(),
        })
    };
    let (client, log) = scripted(tasks.clone(), script);
    let mut running = start(&tasks, &client).await;
    running.changed().await.unwrap();
    let decline = json!({ "name": { "action": "decline" } });
    running.answer(serde_json::from_value(decline).unwrap()).await.unwrap();
    let saved = serde_json::to_string(running.handle()).unwrap();
    assert_eq!(log.of("tasks/update").len(), 1);
    drop((running, client));
    let (client, log) = scripted(tasks.clone(), script);
    let handle: TaskHandle = serde_json::from_str(&saved).unwrap();
    assert_eq!(tasks.resume(&client, handle).result().await.unwrap().all_text(), "done");
    assert!(log.of("tasks/update").is_empty() && log.of("tools/call").is_empty());
}

/// The method and the name of each request.
type Names = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// Keeps what a transport is told to put into headers.
struct Headers {
    inner: FakeServer,
    names: Names,
}

#[async_trait]
impl ClientTransport for Headers {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        self.names.lock().unwrap().push((request.method.clone(), request.name.clone()));
        self.inner.request(request).await
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        self.inner.notify(notification).await
    }

    fn mirrors_parameters(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn requests_about_a_task_are_routed_by_its_id() {
    let polls = AtomicUsize::new(0);
    let inner = FakeServer::new(move |request| {
        let result = match request["method"].as_str().unwrap() {
            "tools/list" => json!({ "resultType": "complete", "tools": [], "ttlMs": 0,
                "cacheScope": "private" }),
            "tools/call" => created(json!({ "taskId": "id/with ü" })),
            "tasks/get" if polls.fetch_add(1, Ordering::SeqCst) == 0 => {
                let mut asking = asking(json!({ "k": question("Who?") }));
                asking["taskId"] = json!("id/with ü");
                asking
            }
            "tasks/get" => task("working", json!({ "taskId": "id/with ü" })),
            _ => json!({ "resultType": "complete" }),
        };
        vec![FakeServer::result(request, result)]
    });
    let names = Names::default();
    let transport = Headers { inner: inner.mirroring(), names: Arc::clone(&names) };
    let tasks = TasksClient::new();
    let client = app().extension(tasks.clone()).connect(transport).unwrap();
    let mut running = start(&tasks, &client).await;
    running.changed().await.unwrap();
    running.changed().await.unwrap();
    running.cancel().await.unwrap();
    let names = names.lock().unwrap();
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let of: Vec<_> = names.iter().filter(|(sent, _)| sent == method).collect();
        assert!(!of.is_empty(), "{method}");
        assert!(of.iter().all(|(_, name)| name.as_deref() == Some("id/with ü")), "{of:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_told_of_other_tasks_or_is_no_task_is_ignored() {
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&polls);
    let fake = FakeServer::new(move |request| match request["method"].as_str().unwrap() {
        "tools/call" => vec![FakeServer::result(request, created(json!({})))],
        "subscriptions/listen" => {
            let of = |mut params: Value| {
                let id = json!({ "io.modelcontextprotocol/subscriptionId": request["id"] });
                params.as_object_mut().unwrap().remove("resultType");
                params["_meta"] = id;
                params
            };
            let told = |params: Value| FakeServer::notification("notifications/tasks", of(params));
            let mut other = completed();
            other["taskId"] = json!("u");
            vec![
                FakeServer::notification(
                    "notifications/subscriptions/acknowledged",
                    of(json!({ "notifications": { "taskIds": ["t"] } })),
                ),
                told(other),
                told(task("sleeping", json!({}))),
                told(task("completed", json!({}))),
                told(json!({ "taskId": "t" })),
                FakeServer::notification("notifications/task", of(completed())),
                told(completed()),
                told(task("working", json!({}))),
            ]
        }
        _ => {
            counted.fetch_add(1, Ordering::SeqCst);
            vec![FakeServer::result(request, task("working", json!({})))]
        }
    });
    let client = app().extension(TasksClient::new().listening()).connect(fake).unwrap();
    assert_eq!(call(&client).await.unwrap(), "done");
    assert!(polls.load(Ordering::SeqCst) <= 1);
}
