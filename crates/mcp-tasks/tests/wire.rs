//! What the specification demands of a server with tasks, and bad input, over the wire.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mcp_core::protocol::{InputRequest, LoggingLevel};
use mcp_core::server::{Args, Cx, HandlerError, InputError, ServedTool, Server, State};
use mcp_core::{RawJson, Shutdown};
use mcp_tasks::store::{
    Created, Ended, Hold, Hub, MemoryStore, NewTask, StoreError, TaskId, TaskRow, TaskStore, Wanted,
};
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use mcp_testkit::{LineClient, Message, RawClient, call_tool, eventually, notification, request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

const ID: &str = "io.modelcontextprotocol/tasks";
const KEY: &str = "dev.mcp-ext/idempotencyKey";

type Gate = Arc<Semaphore>;

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Size {
    size: usize,
}

/// Says how far it is in every way there is, then waits at the gate.
async fn chatty(cx: Cx, gate: State<Gate>) -> Result<String, HandlerError> {
    cx.log(LoggingLevel::Error, Some("chatty"), &"a word");
    cx.progress(1, 2, "halfway");
    gate.acquire().await.map_err(|_| HandlerError::tell("closed"))?.forget();
    cx.log(LoggingLevel::Error, Some("chatty"), &"another word");
    cx.progress(2, 2, "there");
    Ok("done".to_owned())
}

async fn greet(cx: Cx) -> Result<String, InputError> {
    let Name { name } = cx.elicit("name", "Who are you?").await?;
    Ok(format!("Hello, {name}!"))
}

fn server(gate: &Gate, tasks: Tasks) -> Server {
    let policy = || TaskPolicy::allowed().poll_interval(Duration::from_millis(20));
    Server::builder("app", "1")
        .logging()
        .state(Arc::clone(gate))
        .tool(ServedTool::new("chatty", chatty).task(policy()))
        .tool(ServedTool::new("greet", greet).task(policy()))
        .tool(
            ServedTool::new("big", async |Args(Size { size }): Args<Size>| "x".repeat(size))
                .task(policy()),
        )
        .tool(
            ServedTool::new("length", async |Args(Name { name }): Args<Name>| {
                name.len().to_string()
            })
            .task(policy()),
        )
        .extension(tasks.progress_every(Duration::from_millis(10)))
        .build()
        .unwrap()
}

fn run(server: &Server) -> RawClient {
    let background = server.clone();
    let (trigger, shutdown) = Shutdown::new();
    tokio::spawn(async move {
        background.run_extensions(shutdown).await;
        drop(trigger);
    });
    RawClient::new(server)
}

fn declared(message: Message) -> Message {
    message.capability("elicitation", json!({})).declaring_raw(ID, json!({}))
}

fn about(method: &str, id: &str) -> Message {
    declared(request(method).param("taskId", id))
}

fn listen(ids: Value) -> Message {
    declared(request("subscriptions/listen").param("notifications", json!({ "taskIds": ids })))
}

fn accept(name: &str) -> Value {
    json!({ "action": "accept", "content": { "name": name } })
}

async fn create(client: &RawClient, tool: &str, arguments: Value) -> String {
    let answer = client.send(declared(call_tool(tool, arguments))).await;
    answer.assert_result_type("task")["taskId"].as_str().unwrap().to_owned()
}

async fn get(client: &RawClient, id: &str) -> Value {
    client.send(about("tasks/get", id)).await.assert_result_type("complete").clone()
}

async fn until(client: &RawClient, id: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually(async || Some(get(client, id).await).filter(|task| fits(task))).await
}

async fn with_status(client: &RawClient, id: &str, status: &str) -> Value {
    until(client, id, |task| task["status"] == status).await
}

fn update(id: &str, answers: Value) -> Message {
    about("tasks/update", id).param("inputResponses", answers)
}

fn gate() -> Gate {
    Arc::new(Semaphore::new(0))
}

#[tokio::test]
async fn what_was_declared_before_does_not_count() {
    let client = run(&server(&gate(), Tasks::new(MemoryStore::new())));
    let id = create(&client, "big", json!({ "size": 3 })).await;
    with_status(&client, &id, "completed").await;
    let direct = client.send(call_tool("big", json!({ "size": 3 }))).await;
    assert_eq!(direct.assert_text(), "xxx");
    assert!(direct.assert_result_type("complete").get("taskId").is_none());
    for method in ["tasks/get", "tasks/cancel"] {
        client.send(request(method).param("taskId", &id)).await.assert_error(-32021);
    }
    get(&client, &id).await;
}

/// A store whose creations wait, and which can fail as a whole.
struct Weak {
    store: MemoryStore,
    creations: Gate,
    down: AtomicBool,
}

impl Weak {
    fn new(creations: usize) -> Arc<Self> {
        Arc::new(Self {
            store: MemoryStore::new(),
            creations: Arc::new(Semaphore::new(creations)),
            down: AtomicBool::new(false),
        })
    }

    fn up(&self) -> Result<&MemoryStore, StoreError> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(StoreError::unavailable("no route to db.internal")),
            false => Ok(&self.store),
        }
    }
}

#[async_trait]
impl TaskStore for Weak {
    async fn create(&self, task: NewTask) -> Result<Created, StoreError> {
        self.creations.acquire().await.unwrap().forget();
        self.up()?.create(task).await
    }

    async fn claim(
        &self,
        wanted: &Wanted,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<TaskRow>, StoreError> {
        self.up()?.claim(wanted, lease, limit).await
    }

    async fn heartbeat(
        &self,
        hold: &Hold,
        lease: Duration,
        message: Option<String>,
    ) -> Result<(), StoreError> {
        self.up()?.heartbeat(hold, lease, message).await
    }

    async fn checkpoint(&self, hold: &Hold, key: &str, value: RawJson) -> Result<(), StoreError> {
        self.up()?.checkpoint(hold, key, value).await
    }

    async fn ask(
        &self,
        hold: &Hold,
        questions: BTreeMap<String, InputRequest>,
    ) -> Result<(), StoreError> {
        self.up()?.ask(hold, questions).await
    }

    async fn discard(&self, hold: &Hold, key: &str) -> Result<(), StoreError> {
        self.up()?.discard(hold, key).await
    }

    async fn release(&self, hold: &Hold) -> Result<(), StoreError> {
        self.up()?.release(hold).await
    }

    async fn finish(&self, hold: &Hold, end: Ended) -> Result<(), StoreError> {
        self.up()?.finish(hold, end).await
    }

    async fn answer(
        &self,
        id: &TaskId,
        principal: Option<&str>,
        answers: BTreeMap<String, RawJson>,
    ) -> Result<usize, StoreError> {
        self.up()?.answer(id, principal, answers).await
    }

    async fn cancel(&self, id: &TaskId, principal: Option<&str>) -> Result<(), StoreError> {
        self.up()?.cancel(id, principal).await
    }

    async fn get(&self, id: &TaskId, principal: Option<&str>) -> Result<TaskRow, StoreError> {
        self.up()?.get(id, principal).await
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.up()?.sweep(limit).await
    }

    fn hub(&self) -> &Hub {
        self.store.hub()
    }
}

#[tokio::test]
async fn a_task_is_told_only_once_it_is_kept() {
    let store = Weak::new(0);
    let client = run(&server(&gate(), Tasks::shared(store.clone())));
    let call = declared(call_tool("big", json!({ "size": 1 })));
    let mut calling = client.open(call);
    for _ in 0..20 {
        assert!(calling.ready().await.is_none(), "answered before the task is kept");
        tokio::task::yield_now().await;
    }
    store.creations.add_permits(1);
    let answer = calling.next().await.unwrap();
    assert_eq!(answer["result"]["resultType"], "task");
    get(&client, answer["result"]["taskId"].as_str().unwrap()).await;
}

#[tokio::test]
async fn a_store_that_fails_is_an_internal_error_and_says_nothing_of_itself() {
    let store = Weak::new(Semaphore::MAX_PERMITS);
    let client = run(&server(&gate(), Tasks::shared(store.clone())));
    let id = create(&client, "greet", json!({})).await;
    let asked = with_status(&client, &id, "input_required").await;
    store.down.store(true, Ordering::SeqCst);
    for message in [
        about("tasks/get", &id),
        about("tasks/cancel", &id),
        update(&id, json!({ "name": accept("Ada") })),
        listen(json!([id])),
        declared(call_tool("greet", json!({}))),
    ] {
        let error = client.send(message).await.assert_error(-32603).clone();
        assert!(!error.to_string().contains("db.internal"), "{error}");
    }
    store.down.store(false, Ordering::SeqCst);
    assert_eq!(get(&client, &id).await, asked, "nothing is lost");
    client.send(update(&id, json!({ "name": accept("Ada") }))).await.assert_result();
    let task = with_status(&client, &id, "completed").await;
    assert_eq!(task["result"]["content"][0]["text"], "Hello, Ada!");
}

#[tokio::test]
async fn taking_back_the_call_does_not_take_back_its_task() {
    let gate = gate();
    let server = server(&gate, Tasks::new(MemoryStore::new()));
    let mut lines = LineClient::in_memory(&server);
    let call = declared(call_tool("chatty", json!({}))).id("the call");
    let answer = lines.ask(call).await.unwrap();
    let id = answer.assert_result_type("task")["taskId"].as_str().unwrap().to_owned();
    for request_id in ["the call", &*id] {
        let cancelled = notification("notifications/cancelled").param("requestId", request_id);
        lines.send(&cancelled).await.unwrap();
    }
    let answer = lines.ask(about("tasks/get", &id).id(2)).await.unwrap();
    assert_eq!(answer.assert_result()["status"], "working");
    gate.add_permits(1);
    for number in 3.. {
        assert!(number < 5000, "it does not end");
        let answer = lines.ask(about("tasks/get", &id).id(number)).await.unwrap();
        if answer.assert_result()["status"] != "working" {
            assert_eq!(answer.assert_result()["status"], "completed");
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn progress_and_log_messages_stay_off_a_tasks_stream() {
    let gate = gate();
    let client = run(&server(&gate, Tasks::new(MemoryStore::new())));
    // Neither with the call that becomes the task, nor with the stream.
    let talking = |message: Message| message.progress_token("t").log_level(LoggingLevel::Debug);
    let answer = client.send(talking(declared(call_tool("chatty", json!({}))))).await;
    answer.assert_no_notifications();
    let id = answer.assert_result_type("task")["taskId"].as_str().unwrap().to_owned();
    let mut listening = client.open(talking(listen(json!([id]))));
    listening.expect_notification("notifications/subscriptions/acknowledged").await;
    until(&client, &id, |task| task["statusMessage"].is_string()).await;
    gate.add_permits(1);
    loop {
        // Fails at any other notification.
        let told = listening.expect_notification("notifications/tasks").await;
        if told["status"] == "completed" {
            break;
        }
    }
    assert!(listening.ready().await.is_none());
    // The direct call of the same tool does say them.
    gate.add_permits(1);
    let direct = client.send(talking(call_tool("chatty", json!({})))).await;
    assert_eq!(direct.progress().len(), 2);
    assert_eq!(direct.notifications_of("notifications/message").len(), 2);
}

#[tokio::test]
async fn acknowledgements_are_empty_and_complete() {
    let client = run(&server(&gate(), Tasks::new(MemoryStore::new())));
    let id = create(&client, "greet", json!({})).await;
    with_status(&client, &id, "input_required").await;
    for message in [
        update(&id, json!({})),
        update(&id, json!({ "unknown": accept("Eve") })),
        update(&id, json!({ "name": accept("Ada") })),
        about("tasks/cancel", &id),
        // Also when there is nothing left to do.
        update(&id, json!({ "name": accept("Ada") })),
        about("tasks/cancel", &id),
    ] {
        let answer = client.send(message).await;
        let ack = answer.assert_no_notifications().assert_result_type("complete");
        let members: Vec<_> = ack.as_object().unwrap().keys().collect();
        assert!(members.iter().all(|key| matches!(&***key, "resultType" | "_meta")), "{ack}");
    }
}

#[tokio::test]
async fn answers_without_an_open_question_change_nothing() {
    let client = run(&server(&gate(), Tasks::new(MemoryStore::new())));
    let id = create(&client, "greet", json!({})).await;
    let asked = with_status(&client, &id, "input_required").await;
    // Never issued; or no key that could have been.
    for key in ["never", "", "name#2", "name\u{0}", "../name", &"k".repeat(10_000)] {
        client.send(update(&id, json!({ key: accept("Eve") }))).await.assert_result();
        assert_eq!(get(&client, &id).await, asked, "{key}");
    }
    // Not what a question of this kind is answered with: asked again, under another key each time.
    let mut keys = vec!["name".to_owned()];
    for wrong in [
        json!(5),
        json!(null),
        json!("Ada"),
        json!([]),
        json!({}),
        json!({ "action": "perhaps" }),
        json!({ "action": "accept" }),
        json!({ "action": "accept", "content": { "name": 7 } }),
    ] {
        let last = keys.last().unwrap().clone();
        let answer = client.send(update(&id, json!({ &last: wrong }))).await;
        if answer.error().is_some() {
            // Refused before it is kept: the question is as it was.
            answer.assert_error(-32602);
            assert!(get(&client, &id).await["inputRequests"][&last].is_object());
            continue;
        }
        let again = until(&client, &id, |task| {
            task["status"] != "working" && task["inputRequests"].get(&last).is_none()
        })
        .await;
        assert_eq!(again["status"], "input_required", "{wrong}: {again}");
        let open: Vec<_> = again["inputRequests"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(open.len(), 1);
        assert!(!keys.contains(&open[0]), "{open:?} was used before");
        keys.extend(open);
    }
    assert!(keys.len() > 2, "{keys:?}");
    // Answered and superseded keys, together with the one that counts.
    let (last, old) = keys.split_last().unwrap();
    let mut answers: BTreeMap<&str, Value> =
        old.iter().map(|key| (key.as_str(), accept("Eve"))).collect();
    client.send(update(&id, json!(answers))).await.assert_result();
    assert!(get(&client, &id).await["inputRequests"][last].is_object());
    answers.insert(last, accept("Ada"));
    client.send(update(&id, json!(answers))).await.assert_result();
    let task = with_status(&client, &id, "completed").await;
    assert_eq!(task["result"]["content"][0]["text"], "Hello, Ada!");
    // And after the end.
    client.send(update(&id, json!(answers))).await.assert_result();
    assert_eq!(get(&client, &id).await, task);
}

#[tokio::test]
async fn updates_of_another_shape_are_refused_and_change_nothing() {
    let client = run(&server(&gate(), Tasks::new(MemoryStore::new())));
    let id = create(&client, "greet", json!({})).await;
    let asked = with_status(&client, &id, "input_required").await;
    client.send(about("tasks/update", &id)).await.assert_error(-32602);
    for answers in [json!(null), json!([]), json!("name"), json!(7), json!([{ "name": {} }])] {
        client.send(update(&id, answers)).await.assert_error(-32602);
    }
    for id in [json!(null), json!(7), json!([id]), json!({ "taskId": id })] {
        let answers = json!({ "name": accept("Eve") });
        let params = json!({ "taskId": id, "inputResponses": answers });
        for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
            let message = declared(request(method)).params(params.clone());
            client.send(message).await.assert_error(-32602);
        }
    }
    assert_eq!(get(&client, &id).await, asked);
}

#[tokio::test]
async fn what_is_too_large_is_refused_by_name_and_nothing_is_lost() {
    const LIMIT: usize = 16 * 1024;
    let client = run(&server(&gate(), Tasks::new(MemoryStore::new().max_task_size(LIMIT))));
    // A call.
    let call = declared(call_tool("length", json!({ "name": "x".repeat(LIMIT) })));
    let error = client.send(call).await.assert_error(-32602).clone();
    assert!(error["message"].as_str().unwrap().contains("16384 bytes"), "{error}");
    // An answer: the question stays open.
    let id = create(&client, "greet", json!({})).await;
    let asked = with_status(&client, &id, "input_required").await;
    let large = update(&id, json!({ "name": accept(&"x".repeat(LIMIT)) }));
    let error = client.send(large).await.assert_error(-32602).clone();
    assert!(error["message"].as_str().unwrap().contains("16384 bytes"), "{error}");
    assert_eq!(get(&client, &id).await, asked);
    // What belongs to no question weighs nothing.
    client.send(update(&id, json!({ "never": "x".repeat(LIMIT) }))).await.assert_result();
    client.send(update(&id, json!({ "name": accept("Ada") }))).await.assert_result();
    with_status(&client, &id, "completed").await;
    // A result: the task says so.
    let id = create(&client, "big", json!({ "size": LIMIT })).await;
    let task = with_status(&client, &id, "failed").await;
    assert!(task["error"]["message"].as_str().unwrap().contains("16384 bytes"), "{task}");
}

#[tokio::test]
async fn keys_against_doubles_belong_to_their_caller_tool_and_arguments() {
    let client = run(&server(&gate(), Tasks::new(MemoryStore::new())));
    let (alice, bob) = (client.clone().authenticated("alice"), client.clone().authenticated("bob"));
    let call = |tool: &str, arguments: Value| declared(call_tool(tool, arguments)).meta(KEY, "k");
    let id = async |client: &RawClient, message: Message| {
        let answer = client.send(message).await;
        answer.assert_result_type("task")["taskId"].as_str().unwrap().to_owned()
    };
    let first = id(&alice, call("big", json!({ "size": 1 }))).await;
    assert_eq!(id(&alice, call("big", json!({ "size": 1 }))).await, first);
    // Other arguments: refused, and the first task is as it was.
    let refused = alice.send(call("big", json!({ "size": 2 }))).await;
    let error = refused.assert_error(-32602);
    assert!(error["message"].as_str().unwrap().contains("idempotency key"), "{error}");
    assert!(!error.to_string().contains(&first), "{error}");
    let task = with_status(&alice, &first, "completed").await;
    assert_eq!(task["result"]["content"][0]["text"], "x");
    // Another tool, another caller: other tasks.
    let others = [
        id(&alice, call("greet", json!({}))).await,
        id(&bob, call("big", json!({ "size": 2 }))).await,
        id(&client, call("big", json!({ "size": 3 }))).await,
    ];
    assert!(!others.contains(&first));
    bob.send(about("tasks/get", &first)).await.assert_error(-32602);
}

#[tokio::test]
async fn what_is_no_list_of_ids_cannot_be_listened_to() {
    let client = run(&server(&gate(), Tasks::new(MemoryStore::new())));
    for ids in [json!("a"), json!(7), json!({}), json!([7]), json!([null]), json!([["a"]])] {
        client.send(listen(ids)).await.assert_error(-32602);
    }
}

#[tokio::test]
async fn a_thousand_tasks_are_listened_to_and_no_more() {
    let client = run(&server(&gate(), Tasks::new(MemoryStore::new())));
    let mut ids = Vec::new();
    for _ in 0..1000 {
        ids.push(create(&client, "big", json!({ "size": 1 })).await);
    }
    let mut listening = client.open(listen(json!(ids)));
    let first = listening.expect_notification("notifications/subscriptions/acknowledged").await;
    assert_eq!(first["notifications"]["taskIds"], json!(ids));
    let mut completed = std::collections::BTreeSet::new();
    while completed.len() < ids.len() {
        let told = listening.expect_notification("notifications/tasks").await;
        let id = told["taskId"].as_str().unwrap().to_owned();
        if told["status"] == "completed" {
            assert!(completed.insert(id), "told twice");
        }
    }
    let many: Vec<String> = (0..50_000).map(|n| n.to_string()).collect();
    for ids in [&many[..1001], &many[..]] {
        let error = client.send(listen(json!(ids))).await.assert_error(-32602).clone();
        assert!(error["message"].as_str().unwrap().contains("1000"), "{error}");
    }
}
