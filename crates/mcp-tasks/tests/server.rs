//! The server's side, over the wire.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mcp_core::protocol::{CallToolResult, ElicitRequestFormParams};
use mcp_core::server::{
    Args, Cx, HandlerError, InputError, RequestContext, ServedTool, Server, State,
};
use mcp_core::{Error, Shutdown, ShutdownTrigger};
use mcp_tasks::store::{ManualClock, MemoryStore, TaskStore};
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use mcp_testkit::{ExtensionSuite, Message, RawClient, call_tool, eventually, request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

const ID: &str = "io.modelcontextprotocol/tasks";

/// What the handlers and the test share.
struct Stage {
    /// Handlers of `gate` wait for a permit.
    gate: Semaphore,
    entered: AtomicUsize,
    dropped: AtomicUsize,
    steps: AtomicUsize,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            gate: Semaphore::new(0),
            entered: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            steps: AtomicUsize::new(0),
        }
    }
}

struct CountsDrop(Arc<Stage>);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Times {
    times: u32,
}

async fn gate(cx: Cx, stage: State<Arc<Stage>>) -> Result<String, HandlerError> {
    let stage = stage.into_inner();
    let _drop = CountsDrop(Arc::clone(&stage));
    let steps = Arc::clone(&stage);
    cx.once(
        "step",
        async move { Ok::<_, HandlerError>(steps.steps.fetch_add(1, Ordering::SeqCst)) },
    )
    .await?;
    let entered = stage.entered.fetch_add(1, Ordering::SeqCst);
    cx.progress(1, 2, "at the gate");
    stage.gate.acquire().await.map_err(|_| HandlerError::tell("closed"))?.forget();
    Ok(format!("through the gate, run {entered}"))
}

fn no(error: InputError) -> HandlerError {
    match error {
        InputError::Protocol(error) => HandlerError::Protocol(error),
        no => HandlerError::tell(no.to_string()),
    }
}

async fn confirm(cx: Cx, stage: State<Arc<Stage>>) -> Result<String, HandlerError> {
    stage.entered.fetch_add(1, Ordering::SeqCst);
    let name: Name = cx.elicit("name", "Who are you?").await.map_err(no)?;
    Ok(format!("Hello, {}!", name.name))
}

async fn two(cx: Cx) -> Result<String, HandlerError> {
    let (left, right) = tokio::join!(
        cx.elicit::<Name>("left", "The one on the left?"),
        cx.elicit::<Name>("right", "The one on the right?"),
    );
    Ok(format!("{} and {}", left.map_err(no)?.name, right.map_err(no)?.name))
}

async fn panics() -> String {
    panic!("on purpose")
}

fn builder(stage: &Arc<Stage>) -> mcp_core::server::ServerBuilder {
    let form: ElicitRequestFormParams = serde_json::from_value(json!({
        "mode": "form", "message": "Who are you?", "requestedSchema": {
            "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] }
    }))
    .unwrap();
    let quick = TaskPolicy::allowed().poll_interval(Duration::from_millis(20));
    Server::builder("app", "1")
        .state(Arc::clone(stage))
        .tool(ServedTool::new("plain", async || "plain"))
        .tool(
            ServedTool::new("instant", async |Args(t): Args<Times>| "x".repeat(t.times as usize))
                .task(quick.clone()),
        )
        .tool(ServedTool::new("gate", gate).task(TaskPolicy::required()))
        .tool(ServedTool::new("confirm", confirm).task(quick.clone()))
        .tool(ServedTool::new("two", two).task(quick.clone()))
        .tool(ServedTool::new("panics", panics).task(quick.clone()))
        .tool(
            ServedTool::new("refuses", async || -> Result<String, HandlerError> {
                Err(Error::invalid_params("not like this").into())
            })
            .task(quick.clone()),
        )
        .tool(
            ServedTool::new("fails", async || CallToolResult::error("it failed"))
                .task(quick.clone()),
        )
        .tool(ServedTool::new("first", confirm).task(quick.clone().ask_first("name", form)))
        .tool(
            ServedTool::new("soon", async |Args(t): Args<Times>| "x".repeat(t.times as usize))
                .task(quick.clone().grace(Duration::from_secs(20))),
        )
        .tool(
            ServedTool::new("soon_wrong", async || -> Result<String, HandlerError> {
                Err(Error::invalid_params("not like this").into())
            })
            .task(quick.grace(Duration::from_secs(20))),
        )
}

/// A server whose workers run, until it is stopped.
struct Running {
    client: RawClient,
    trigger: ShutdownTrigger,
    work: JoinHandle<()>,
}

impl Running {
    fn start(stage: &Arc<Stage>, tasks: Tasks) -> Self {
        Self::of(builder(stage).extension(tasks).build().unwrap())
    }

    fn of(server: Server) -> Self {
        let (trigger, shutdown) = Shutdown::new();
        let background = server.clone();
        let work = tokio::spawn(async move { background.run_extensions(shutdown).await });
        Self { client: RawClient::new(&server), trigger, work }
    }

    async fn stop(self) {
        self.trigger.request();
        self.work.await.unwrap();
    }

    async fn create(&self, tool: &str, arguments: Value) -> String {
        create(&self.client, tool, arguments).await
    }

    async fn get(&self, id: &str) -> Value {
        let answer = self.client.send(about("tasks/get", id)).await;
        answer.assert_result_type("complete").clone()
    }

    /// The task, once `fits` holds of it.
    async fn until(&self, id: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(async || Some(self.get(id).await).filter(|task| fits(task))).await
    }

    async fn end(&self, id: &str) -> Value {
        self.until(id, |task| {
            !matches!(task["status"].as_str(), Some("working" | "input_required"))
        })
        .await
    }

    async fn update(&self, id: &str, answers: Value) {
        let update = about("tasks/update", id).param("inputResponses", answers);
        let answer = self.client.send(update).await;
        let ack = answer.assert_result_type("complete").as_object().unwrap().clone();
        assert!(ack.keys().all(|key| key == "resultType" || key == "_meta"), "{ack:?}");
    }
}

fn declared(message: Message) -> Message {
    message.capability("elicitation", json!({})).declaring_raw(ID, json!({}))
}

fn about(method: &str, id: &str) -> Message {
    declared(request(method).param("taskId", id))
}

async fn create(client: &RawClient, tool: &str, arguments: Value) -> String {
    let answer = client.send(declared(call_tool(tool, arguments))).await;
    let created = answer.assert_result_type("task");
    assert_eq!(created["status"], "working");
    assert!(created.get("task").is_none() && created.get("inputRequests").is_none());
    created["taskId"].as_str().unwrap().to_owned()
}

fn accept(name: &str) -> Value {
    json!({ "action": "accept", "content": { "name": name } })
}

fn memory() -> Tasks {
    Tasks::new(MemoryStore::new()).progress_every(Duration::from_millis(10))
}

#[tokio::test]
async fn a_call_becomes_a_task_and_ends_with_the_result() {
    let stage = Arc::default();
    let running = Running::start(&stage, memory());
    let id = running.create("instant", json!({ "times": 3 })).await;
    let task = running.end(&id).await;
    assert_eq!(task["status"], "completed");
    assert_eq!(task["result"]["content"][0]["text"], "xxx");
    assert_eq!(task["taskId"], id);
    assert_eq!(task["pollIntervalMs"], 20);
    assert_eq!(task["ttlMs"], 86_400_000);
    assert!(task["createdAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(running.get(&id).await, task, "asking changes nothing");
    running.stop().await;
}

#[tokio::test]
async fn who_knows_no_tasks_gets_a_direct_answer_or_is_told_what_to_declare() {
    let stage = Arc::default();
    let running = Running::start(&stage, memory());
    let client = &running.client;
    let answer = client.send(call_tool("instant", json!({ "times": 2 }))).await;
    assert_eq!(answer.assert_text(), "xx");
    let listen =
        request("subscriptions/listen").param("notifications", json!({ "taskIds": ["a"] }));
    for message in [
        call_tool("gate", json!({})),
        request("tasks/get").param("taskId", "a"),
        request("tasks/cancel").param("taskId", "a"),
        request("tasks/update").param("taskId", "a").param("inputResponses", json!({})),
        listen,
        // The capability of an earlier revision is not this one.
        call_tool("gate", json!({})).capability("tasks", json!({})),
    ] {
        let answer = client.send(message).await;
        let error = answer.assert_error(-32021);
        assert_eq!(error["data"]["requiredCapabilities"], json!({ "extensions": { ID: {} } }));
    }
    // And a tool that knows no tasks answers directly whatever the client knows.
    let answer = client.send(declared(call_tool("plain", json!({})))).await;
    assert_eq!(answer.assert_text(), "plain");
    running.stop().await;
}

#[tokio::test]
async fn mistakes_of_the_caller_are_answered_at_once() {
    let stage = Arc::default();
    let running = Running::start(&stage, memory());
    let wrong = running.client.send(declared(call_tool("instant", json!({ "times": "x" })))).await;
    assert!(wrong.assert_tool_error().contains("/times"));
    running.client.send(declared(call_tool("nothing", json!({})))).await.assert_error(-32602);
    for key in ["", &"k".repeat(257)] {
        let call = declared(call_tool("gate", json!({}))).meta("dev.mcp-ext/idempotencyKey", key);
        running.client.send(call).await.assert_error(-32602);
    }
    let call = declared(call_tool("gate", json!({}))).meta("dev.mcp-ext/idempotencyKey", 7);
    running.client.send(call).await.assert_error(-32602);
    running.stop().await;
}

#[tokio::test]
async fn ids_that_are_unknown_malformed_foreign_or_gone_look_the_same() {
    let clock = ManualClock::default();
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    let stage = Arc::default();
    let running = Running::start(&stage, Tasks::shared(store.clone()));
    let alice = running.client.clone().authenticated("alice");
    let foreign = create(&alice, "gate", json!({})).await;
    alice.send(about("tasks/get", &foreign)).await.assert_result();
    let gone = running.create("gate", json!({})).await;
    let mut told = std::collections::BTreeSet::new();
    let mut check = async |client: &RawClient, id: &str| {
        for message in [
            about("tasks/get", id),
            about("tasks/cancel", id),
            about("tasks/update", id).param("inputResponses", json!({ "a": 1 })),
        ] {
            let mut error = client.send(message).await.assert_error(-32602).clone();
            error["id"] = Value::Null;
            told.insert(error.to_string());
        }
    };
    let mallory = running.client.clone().authenticated("mallory");
    check(&running.client, &foreign).await;
    check(&mallory, &foreign).await;
    for id in ["", "x", "../../etc", &"a".repeat(27), &"ä".repeat(27), &"a".repeat(100_000)] {
        check(&running.client, id).await;
    }
    clock.advance(Duration::from_secs(24 * 60 * 60));
    check(&running.client, &gone).await;
    assert_eq!(told.len(), 1, "{told:?}");
    for params in [json!({}), json!({ "taskId": 7 }), json!({ "taskId": null })] {
        let get = declared(request("tasks/get").params(params));
        running.client.send(get).await.assert_error(-32602);
    }
    running.stop().await;
}

#[tokio::test]
async fn a_question_parks_the_task_and_holds_no_worker() {
    let stage: Arc<Stage> = Arc::default();
    let running = Running::start(&stage, memory().workers(1));
    let parked = running.create("confirm", json!({})).await;
    let asked = running.until(&parked, |task| task["status"] == "input_required").await;
    assert_eq!(asked["inputRequests"]["name"]["method"], "elicitation/create");
    // The only worker is free.
    let other = running.create("instant", json!({ "times": 1 })).await;
    assert_eq!(running.end(&other).await["status"], "completed");
    running.update(&parked, json!({ "never": accept("Eve"), "gate": 1 })).await;
    assert_eq!(running.get(&parked).await, asked, "answers to nothing change nothing");
    // An answer that does not fit is asked for again, under a key that was never used.
    running.update(&parked, json!({ "name": { "action": "accept", "content": {} } })).await;
    let again = running
        .until(&parked, |task| {
            task["status"] == "input_required" && task["inputRequests"].get("name").is_none()
        })
        .await;
    let requests = again["inputRequests"].as_object().unwrap();
    let key = requests.keys().next().unwrap();
    assert_eq!((requests.len(), key.as_str()), (1, "name#2"));
    running.update(&parked, json!({ "name": accept("Eve"), key: accept("Ada") })).await;
    let task = running.end(&parked).await;
    assert_eq!(task["result"]["content"][0]["text"], "Hello, Ada!");
    running.stop().await;
}

#[tokio::test]
async fn questions_at_the_same_time_are_answered_one_by_one() {
    let stage = Arc::default();
    let running = Running::start(&stage, memory());
    let id = running.create("two", json!({})).await;
    let asked = running.until(&id, |task| task["status"] == "input_required").await;
    let keys: Vec<_> = asked["inputRequests"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["left", "right"]);
    running.update(&id, json!({ "left": accept("Ada") })).await;
    let asked = running.get(&id).await;
    assert_eq!(asked["status"], "input_required");
    assert!(asked["inputRequests"].get("left").is_none());
    running.update(&id, json!({ "left": accept("Eve"), "right": accept("Bob") })).await;
    assert_eq!(running.end(&id).await["result"]["content"][0]["text"], "Ada and Bob");
    let id = running.create("confirm", json!({})).await;
    running.until(&id, |task| task["status"] == "input_required").await;
    running.update(&id, json!({ "name": { "action": "decline" } })).await;
    let task = running.end(&id).await;
    assert_eq!(task["status"], "completed");
    assert_eq!(task["result"]["isError"], true);
    running.stop().await;
}

#[tokio::test]
async fn a_question_before_the_task_is_asked_in_a_round() {
    let stage = Arc::default();
    let running = Running::start(&stage, memory());
    let asked = running.client.send(declared(call_tool("first", json!({})))).await;
    let asked = asked.assert_result_type("input_required");
    assert!(asked.get("taskId").is_none());
    let mut call = declared(call_tool("first", json!({})))
        .param("inputResponses", json!({ "name": accept("Ada") }));
    if let Some(state) = asked.get("requestState") {
        call = call.param("requestState", state);
    }
    let created = running.client.send(call).await;
    let created = created.assert_result_type("task");
    assert!(created.get("requestState").is_none() && created.get("inputRequests").is_none());
    let task = running.end(created["taskId"].as_str().unwrap()).await;
    assert_eq!(task["result"]["content"][0]["text"], "Hello, Ada!");
    let declined = declared(call_tool("first", json!({})))
        .param("inputResponses", json!({ "name": { "action": "decline" } }));
    running.client.send(declined).await.assert_tool_error();
    running.stop().await;
}

#[tokio::test]
async fn cancelling_drops_the_handler_and_is_final() {
    let stage: Arc<Stage> = Arc::default();
    let running = Running::start(&stage, memory());
    let id = running.create("gate", json!({})).await;
    eventually(async || (stage.entered.load(Ordering::SeqCst) == 1).then_some(())).await;
    let ack = running.client.send(about("tasks/cancel", &id)).await;
    assert!(ack.assert_result_type("complete").get("taskId").is_none());
    assert_eq!(running.get(&id).await["status"], "cancelled");
    eventually(async || (stage.dropped.load(Ordering::SeqCst) == 1).then_some(())).await;
    let task = running.get(&id).await;
    // Again, and after the end: acknowledged, and nothing changes.
    running.client.send(about("tasks/cancel", &id)).await.assert_result_type("complete");
    assert_eq!(running.get(&id).await, task);
    running.stop().await;
}

#[tokio::test]
async fn errors_fail_the_task_and_a_tools_own_failure_completes_it() {
    let stage = Arc::default();
    let running = Running::start(&stage, memory());
    let id = running.create("fails", json!({})).await;
    let task = running.end(&id).await;
    assert_eq!((&task["status"], &task["result"]["isError"]), (&json!("completed"), &json!(true)));
    for (tool, code) in [("panics", -32603), ("refuses", -32602)] {
        let id = running.create(tool, json!({})).await;
        let task = running.end(&id).await;
        assert_eq!(task["status"], "failed");
        assert_eq!(task["error"]["code"], code);
        assert!(task.get("result").is_none());
        assert!(task["statusMessage"].is_string(), "{task}");
    }
    running.stop().await;
}

#[tokio::test]
async fn within_its_grace_a_call_is_answered_directly() {
    let stage = Arc::default();
    let running = Running::start(&stage, memory());
    let answer = running.client.send(declared(call_tool("soon", json!({ "times": 2 })))).await;
    assert_eq!(answer.assert_text(), "xx");
    running.client.send(declared(call_tool("soon_wrong", json!({})))).await.assert_error(-32602);
    running.stop().await;
    // Without a worker that takes it, the grace ends and the task is told.
    let form = TaskPolicy::allowed().grace(Duration::from_millis(30));
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("soon", async || "x").task(form))
        .extension(memory().workers(0))
        .build()
        .unwrap();
    let client = RawClient::new(&server);
    create(&client, "soon", json!({})).await;
}

#[tokio::test]
async fn a_key_against_doubles_finds_the_first_task() {
    let stage: Arc<Stage> = Arc::default();
    let running = Running::start(&stage, memory());
    let call = |times: u32, key: &str| {
        declared(call_tool("instant", json!({ "times": times })))
            .meta("dev.mcp-ext/idempotencyKey", key)
    };
    let id = async |message: Message| {
        let answer = running.client.send(message).await;
        answer.assert_result_type("task")["taskId"].as_str().unwrap().to_owned()
    };
    let first = id(call(1, "a")).await;
    running.end(&first).await;
    let again = running.client.send(call(1, "a")).await;
    let again = again.assert_result_type("task");
    assert_eq!((&again["taskId"], &again["status"]), (&json!(first), &json!("completed")));
    assert_ne!(id(call(1, "b")).await, first);
    running.client.send(call(2, "a")).await.assert_error(-32602);
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_gives_its_tasks_back() {
    let store: Arc<dyn TaskStore> = Arc::new(MemoryStore::new());
    let stage: Arc<Stage> = Arc::default();
    let first = Running::start(&stage, Tasks::shared(Arc::clone(&store)));
    let id = first.create("gate", json!({})).await;
    eventually(async || (stage.entered.load(Ordering::SeqCst) == 1).then_some(())).await;
    first.stop().await;
    assert_eq!(stage.dropped.load(Ordering::SeqCst), 1);
    let second = Running::start(&stage, Tasks::shared(store));
    eventually(async || (stage.entered.load(Ordering::SeqCst) == 2).then_some(())).await;
    stage.gate.add_permits(1);
    let task = second.end(&id).await;
    assert_eq!(task["result"]["content"][0]["text"], "through the gate, run 1");
    assert_eq!(stage.steps.load(Ordering::SeqCst), 1, "what was kept is not done again");
    second.stop().await;
}

#[tokio::test]
async fn a_worker_that_slept_past_its_lease_changes_nothing() {
    let clock = ManualClock::default();
    let store: Arc<dyn TaskStore> = Arc::new(MemoryStore::with_clock(clock.clone()));
    let sleeper: Arc<Stage> = Arc::default();
    // Its heartbeats never come: its lease is an hour on its own clock, and over at once on the
    // store's.
    let first = Running::start(
        &sleeper,
        Tasks::shared(Arc::clone(&store))
            .lease(Duration::from_secs(3600))
            .progress_every(Duration::from_secs(3600)),
    );
    let id = first.create("gate", json!({})).await;
    eventually(async || (sleeper.entered.load(Ordering::SeqCst) == 1).then_some(())).await;
    clock.advance(Duration::from_secs(3601));
    let awake: Arc<Stage> = Arc::default();
    let second = Running::start(&awake, Tasks::shared(Arc::clone(&store)));
    eventually(async || (awake.entered.load(Ordering::SeqCst) == 1).then_some(())).await;
    // The sleeper comes to its end first, and is too late all the same.
    sleeper.gate.add_permits(1);
    eventually(async || (sleeper.dropped.load(Ordering::SeqCst) == 1).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(second.get(&id).await["status"], "working");
    assert_eq!(awake.steps.load(Ordering::SeqCst), 0, "the checkpoint of the first run counts");
    awake.gate.add_permits(1);
    assert_eq!(second.end(&id).await["status"], "completed");
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn progress_becomes_the_status_message() {
    let stage: Arc<Stage> = Arc::default();
    let running = Running::start(&stage, memory());
    let id = running.create("gate", json!({})).await;
    let task = running.until(&id, |task| task.get("statusMessage").is_some()).await;
    assert_eq!(task["statusMessage"], "at the gate (1 of 2)");
    stage.gate.add_permits(1);
    running.end(&id).await;
    running.stop().await;
}

#[tokio::test]
async fn a_tool_that_is_gone_or_has_changed_fails_its_tasks() {
    let store: Arc<dyn TaskStore> = Arc::new(MemoryStore::new());
    let server = |tools: &[(&'static str, &str)]| {
        let mut builder = Server::builder("app", "1").tools();
        for (name, version) in tools {
            let policy = TaskPolicy::allowed().version(*version);
            builder = builder.tool(ServedTool::new(*name, async || "x").task(policy));
        }
        builder.extension(Tasks::shared(Arc::clone(&store))).build().unwrap()
    };
    // Nobody works yet.
    let old = RawClient::new(&server(&[("gone", "1"), ("changed", "1"), ("same", "1")]));
    let mut ids = Vec::new();
    for tool in ["gone", "changed", "same"] {
        ids.push(create(&old, tool, json!({})).await);
    }
    let new = Running::of(server(&[("changed", "2"), ("same", "1")]));
    let mut ends = Vec::new();
    for id in &ids {
        ends.push(new.end(id).await);
    }
    assert_eq!(ends[0]["error"]["message"], "the tool `gone` is no longer there");
    assert!(
        ends[1]["error"]["message"].as_str().unwrap().contains("version 1 was called, it is 2")
    );
    assert_eq!(ends[2]["status"], "completed");
    new.stop().await;
}

#[tokio::test]
async fn listeners_are_caught_up_and_told_each_change_once_in_order() {
    let stage: Arc<Stage> = Arc::default();
    let running = Running::start(&stage, memory());
    let done = running.create("instant", json!({ "times": 1 })).await;
    running.end(&done).await;
    let asks = running.create("confirm", json!({})).await;
    running.until(&asks, |task| task["status"] == "input_required").await;
    let foreign = create(&running.client.clone().authenticated("alice"), "gate", json!({})).await;
    let filter = json!({ "taskIds": [done, "nonsense", asks, foreign, done] });
    let listen = declared(request("subscriptions/listen").param("notifications", filter));
    let mut listening = running.client.open(listen);
    let first = listening.expect_notification("notifications/subscriptions/acknowledged").await;
    assert_eq!(first["notifications"]["taskIds"], json!([done, asks]));
    let mut caught_up = std::collections::BTreeMap::new();
    for _ in 0..2 {
        let told = listening.expect_notification("notifications/tasks").await;
        caught_up.insert(told["taskId"].as_str().unwrap().to_owned(), told);
    }
    for (id, told) in caught_up {
        let mut got = running.get(&id).await;
        let mut told = told;
        assert!(told["_meta"]["io.modelcontextprotocol/subscriptionId"].is_number(), "{told}");
        for extra in ["resultType", "_meta"] {
            got.as_object_mut().unwrap().remove(extra);
            told.as_object_mut().unwrap().remove(extra);
        }
        assert_eq!(told, got, "what `tasks/get` would have shown");
    }
    running.update(&asks, json!({ "name": accept("Ada") })).await;
    let mut statuses = Vec::new();
    while statuses.last() != Some(&json!("completed")) {
        let told = listening.expect_notification("notifications/tasks").await;
        assert_eq!(told["taskId"], asks, "the one that has ended is not told again");
        statuses.push(told["status"].clone());
    }
    // Changes that follow fast may come as one.
    assert!(statuses == ["working", "completed"] || statuses == ["completed"], "{statuses:?}");
    assert!(listening.ready().await.is_none(), "told more than there was");
    let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
    let listen = request("subscriptions/listen").param("notifications", json!({ "taskIds": many }));
    running.client.send(declared(listen)).await.assert_error(-32602);
    running.stop().await;
}

#[tokio::test]
async fn ten_thousand_parked_tasks_hold_no_worker() {
    static SEEN: AtomicBool = AtomicBool::new(false);
    let store: Arc<dyn TaskStore> = Arc::new(MemoryStore::new());
    let stage: Arc<Stage> = Arc::default();
    let running = Running::start(&stage, Tasks::shared(store).workers(4));
    let mut last = String::new();
    for _ in 0..10_000 {
        last = running.create("confirm", json!({})).await;
    }
    running.until(&last, |task| task["status"] == "input_required").await;
    SEEN.store(true, Ordering::SeqCst);
    let other = running.create("instant", json!({ "times": 1 })).await;
    assert_eq!(running.end(&other).await["status"], "completed");
    running.update(&last, json!({ "name": accept("Ada") })).await;
    assert_eq!(running.end(&last).await["status"], "completed");
    assert!(SEEN.load(Ordering::SeqCst));
    running.stop().await;
}

#[tokio::test]
async fn the_extension_passes_the_suite_for_extensions() {
    let store: Arc<dyn TaskStore> = Arc::new(MemoryStore::new());
    let kept = Arc::clone(&store);
    let build = move || {
        Server::builder("app", "1")
            .tool(ServedTool::new("t", async || "x").task(TaskPolicy::allowed()))
            .extension(Tasks::shared(Arc::clone(&kept)))
    };
    let server = build().build().unwrap();
    let known = create(&RawClient::new(&server), "t", json!({})).await;
    let report = ExtensionSuite::new(mcp_tasks::ID, build)
        .settings(json!({}))
        .method("tasks/get", json!({ "taskId": known }))
        .routing("tasks/get", "taskId")
        .refused_params("tasks/get", json!({ "taskId": "x" }))
        .method("tasks/update", json!({ "taskId": known, "inputResponses": {} }))
        .routing("tasks/update", "taskId")
        .refused_params("tasks/update", json!({ "taskId": known, "inputResponses": [] }))
        .method("tasks/cancel", json!({ "taskId": known }))
        .routing("tasks/cancel", "taskId")
        .open_tool("t", json!({}))
        .result_type("task", call_tool("t", json!({})))
        .strict_topic("taskIds", json!([known]))
        .request_meta::<mcp_tasks::IdempotencyKey>("key", 7)
        .run()
        .await;
    println!("{report}");
    report.assert_passed();
}

/// What a transport knows of a caller.
#[derive(serde::Serialize, serde::Deserialize)]
struct Tenant(String);

#[tokio::test]
async fn a_run_is_given_what_its_call_was() {
    let whose = async |cx: Cx| {
        cx.transport_value::<Tenant>().map_or("nobody's".to_owned(), |tenant| tenant.0.clone())
    };
    let carries = TaskPolicy::required().carry::<Tenant>("tenant");
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("carries", whose).task(carries))
        .tool(ServedTool::new("forgets", whose).task(TaskPolicy::required()))
        .extension(memory())
        .build()
        .unwrap();
    let mut running = Running::of(server);
    let nobody = running.client.clone();
    let context = RequestContext::new().with_value(Tenant("acme".to_owned()));
    running.client = running.client.context(context);
    let whose = async |id: String| running.end(&id).await["result"]["content"][0]["text"].clone();
    assert_eq!(whose(running.create("carries", json!({})).await).await, "acme");
    assert_eq!(whose(running.create("forgets", json!({})).await).await, "nobody's");
    assert_eq!(whose(create(&nobody, "carries", json!({})).await).await, "nobody's");
    // A client does not say it in the transport's place.
    let forged = json!({ "tenant": "evil" });
    for tool in ["carries", "forgets"] {
        let call =
            declared(call_tool(tool, json!({}))).param("dev.mcp-ext/tasks.carried", forged.clone());
        let created = nobody.send(call).await.assert_result_type("task").clone();
        let id = created["taskId"].as_str().unwrap().to_owned();
        assert_eq!(whose(id).await, "nobody's");
    }
    running.stop().await;
}
