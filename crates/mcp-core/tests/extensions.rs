//! Extensions: the five points of SEP-3371, seen from outside the crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use common::{declaring, error, exchange, messages, request, result, text};
use mcp_core::extension::{
    Contributions, Extension, ExtensionId, MetaKey, MethodOptions, Negotiated, NoSettings, Refusal,
    ServerExtension, Topic, TopicMessage,
};
use mcp_core::protocol::{ResultBody, methods};
use mcp_core::server::{
    Args, BuildError, Cx, HandlerError, Middleware, Next, NextNotification, NotificationCx,
    Outcome, RequestContext, ServedTool, Server,
};
use mcp_core::{ClientMessage, Error, RawJson};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const ID: &str = "com.example/catalog";

#[derive(Default)]
struct Catalog {
    noticed: Arc<AtomicUsize>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct ClientSettings {
    version: u32,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct ServerSettings {
    versions: Vec<u32>,
}

impl Extension for Catalog {
    const ID: ExtensionId = ExtensionId::new(ID);
    type ClientSettings = ClientSettings;
    type ServerSettings = ServerSettings;
}

#[derive(Deserialize, JsonSchema)]
struct Search {
    term: String,
}

#[derive(Serialize)]
struct Found {
    found: Vec<String>,
}
impl ResultBody for Found {}

struct Label;
impl MetaKey for Label {
    const KEY: &'static str = "com.example/label";
    type Value = String;
}

struct Purpose;
impl MetaKey for Purpose {
    const KEY: &'static str = "com.example/purpose";
    type Value = u8;
}

#[derive(Serialize)]
struct Ticket {
    ticket: u32,
}
impl ResultBody for Ticket {}

#[async_trait]
impl ServerExtension for Catalog {
    fn settings(&self) -> ServerSettings {
        ServerSettings { versions: vec![2] }
    }

    fn negotiate(&self, client: &ClientSettings) -> Result<(), Refusal> {
        if client.version == 2 {
            return Ok(());
        }
        Err(Refusal::new("only version 2 is spoken").accepting(&json!({ "version": 2 })))
    }

    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
        to.request_meta::<Purpose>();
        to.result_meta::<Label>();
        to.method(
            "com.example/search",
            MethodOptions::new().routed_by("term"),
            |proof: Negotiated<Self>, cx: Cx, search: Search| async move {
                cx.set_result_meta::<Label>(&format!("v{}", proof.version))?;
                cx.notify(&proof, "notifications/com.example/searching", &json!({ "n": 1 }))?;
                Ok(Found { found: vec![search.term] })
            },
        );
        to.notification(
            "notifications/com.example/noticed",
            move |_: Negotiated<Self>, _: NotificationCx, _: Search| {
                let noticed = Arc::clone(&self.noticed);
                async move {
                    noticed.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                }
            },
        );
        let ticket = to.result_type("ticket", &[methods::TOOLS_CALL]);
        to.tool(ServedTool::new("gated", move |proof: Negotiated<Self>| async move {
            ticket.outcome(&proof, Ticket { ticket: 7 })
        }));
        to.tool_for_everyone(ServedTool::new("open", async |proof: Option<Negotiated<Self>>| {
            format!("declared: {}", proof.is_some())
        }));
        to.topic("catalogIds", |_: Negotiated<Self>, _: Cx, ids: Vec<u32>| async move {
            if ids.is_empty() {
                return Ok(None);
            }
            let messages = ids.iter().map(|id| {
                TopicMessage::new("notifications/com.example/entry", &json!({ "entry": id }))
                    .unwrap()
            });
            let messages = futures_util::stream::iter(messages.collect::<Vec<_>>());
            let acknowledged = RawJson::from_serialize(&ids).map_err(|_| Error::Internal)?;
            Ok(Some(Topic::new(acknowledged, messages)))
        });
    }
}

fn server() -> Server {
    Server::builder("app", "1").extension(Catalog::default()).build().unwrap()
}

fn declared() -> Value {
    json!({ "extensions": { ID: { "version": 2 } } })
}

#[tokio::test]
async fn settings_are_shown_and_methods_are_gated() {
    let server = server();
    let discovered = result(&server, &request(1, "server/discover", json!({}))).await;
    assert_eq!(discovered["capabilities"]["extensions"][ID], json!({ "versions": [2] }));

    let params = json!({ "term": "x" });
    let undeclared = error(&server, &request(1, "com.example/search", params.clone())).await;
    assert_eq!(undeclared["code"], -32021);
    assert_eq!(undeclared["data"]["requiredCapabilities"], json!({ "extensions": { ID: {} } }));

    let old = json!({ "extensions": { ID: { "version": 1 } } });
    let refused = error(&server, &declaring(old, "com.example/search", params.clone())).await;
    assert_eq!(refused["code"], -32021);
    assert_eq!(refused["data"]["requiredCapabilities"]["extensions"][ID], json!({ "version": 2 }));

    for bad in [json!({}), json!({ "version": "2" }), json!([]), json!(null)] {
        let settings = json!({ "extensions": { ID: bad } });
        let message = declaring(settings, "com.example/search", params.clone());
        assert_eq!(error(&server, &message).await["code"], -32602, "{bad}");
    }
    // Refused settings do not matter to what does not need the extension.
    let old = json!({ "extensions": { ID: { "version": 1 } } });
    assert!(result(&server, &declaring(old, "tools/list", json!({}))).await["tools"].is_array());

    let seen =
        messages(exchange(&server, &declaring(declared(), "com.example/search", params))).await;
    assert_eq!(seen[0]["method"], "notifications/com.example/searching");
    assert_eq!(seen[1]["result"]["found"], json!(["x"]));
    assert_eq!(seen[1]["result"]["_meta"]["com.example/label"], "v2");
    assert!(seen[1]["result"]["_meta"]["io.modelcontextprotocol/serverInfo"].is_object());
    let wrong = declaring(declared(), "com.example/search", json!({ "term": 7 }));
    assert_eq!(error(&server, &wrong).await["code"], -32602);
}

#[tokio::test]
async fn gated_tools_and_result_types_stay_out_of_others_sight() {
    let server = server();
    let names = |listed: Value| {
        let tools = listed["tools"].as_array().unwrap().clone();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let plain = result(&server, &request(1, "tools/list", json!({}))).await;
    assert_eq!(names(plain), ["open"]);
    let all = result(&server, &declaring(declared(), "tools/list", json!({}))).await;
    assert_eq!(names(all), ["gated", "open"]);
    let gated = json!({ "name": "gated" });
    assert_eq!(error(&server, &request(1, "tools/call", gated.clone())).await["code"], -32021);
    let ticket = result(&server, &declaring(declared(), "tools/call", gated)).await;
    assert_eq!((&ticket["resultType"], &ticket["ticket"]), (&json!("ticket"), &json!(7)));
    let open = json!({ "name": "open" });
    let plain = result(&server, &request(1, "tools/call", open.clone())).await;
    assert_eq!(text(&plain), "declared: false");
    let known = result(&server, &declaring(declared(), "tools/call", open)).await;
    assert_eq!(text(&known), "declared: true");
}

#[tokio::test]
async fn middleware_adds_metadata_to_lists_that_were_rendered_before() {
    struct Marker;
    #[async_trait]
    impl Middleware for Marker {
        async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
            if cx.request().method() != methods::TOOLS_LIST {
                return next.run(cx).await;
            }
            next.run(cx.with_params(cx.request().params())?).await.map(|mut outcome| {
                outcome.meta_mut().insert("com.example/seen", &true).unwrap();
                outcome
            })
        }
    }
    let server = Server::builder("app", "1")
        .extension(Catalog::default())
        .layer("marker", 0, Marker)
        .build()
        .unwrap();
    let listed = result(&server, &request(1, "tools/list", json!({}))).await;
    assert_eq!(listed["_meta"]["com.example/seen"], true);
    assert!(listed["tools"].is_array() && listed["ttlMs"].is_number());
}

#[tokio::test]
async fn registered_metadata_is_typed_and_other_metadata_survives() {
    struct Seen(Arc<std::sync::Mutex<Value>>);
    #[async_trait]
    impl Middleware for Seen {
        async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
            let purpose = cx.request_meta::<Purpose>()?;
            let other = cx.raw_request_meta("org.other/x")?.map(|raw| raw.get().to_owned());
            *self.0.lock().unwrap() = json!([purpose, other]);
            next.run(cx).await
        }
    }
    let seen = Arc::new(std::sync::Mutex::new(Value::Null));
    let server = Server::builder("app", "1")
        .extension(Catalog::default())
        .layer("seen", 0, Seen(Arc::clone(&seen)))
        .build()
        .unwrap();
    let mut message = declaring(declared(), "tools/list", json!({}));
    message["params"]["_meta"]["com.example/purpose"] = json!(3);
    message["params"]["_meta"]["org.other/x"] = json!({ "deep": [1.50, null] });
    result(&server, &message).await;
    assert_eq!(*seen.lock().unwrap(), json!([3, r#"{"deep":[1.5,null]}"#]));
    message["params"]["_meta"]["com.example/purpose"] = json!("three");
    assert_eq!(error(&server, &message).await["code"], -32602);
    // A client that did not declare the extension may use the key for something of its own, as far as
    // the core is concerned; here the application's middleware reads it and refuses.
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    assert_eq!(error(&server, &message).await["code"], -32602);
}

async fn notify(server: &Server, message: Value) -> Result<(), Error> {
    let Ok(ClientMessage::Notification(notification)) =
        ClientMessage::parse(message.to_string().into_bytes())
    else {
        panic!("no notification")
    };
    server.notify(notification, RequestContext::new()).await
}

#[tokio::test]
async fn notifications_from_clients_are_gated_too() {
    let extension = Catalog::default();
    let noticed = Arc::clone(&extension.noticed);
    let server = Server::builder("app", "1").extension(extension).build().unwrap();
    let mut message = json!({
        "jsonrpc": "2.0",
        "method": "notifications/com.example/noticed",
        "params": { "term": "x" },
    });
    assert_eq!(notify(&server, message.clone()).await.unwrap_err().code(), -32021);
    message["params"]["_meta"] =
        json!({ "io.modelcontextprotocol/clientCapabilities": declared() });
    notify(&server, message.clone()).await.unwrap();
    assert_eq!(noticed.load(Ordering::SeqCst), 1);
    message["params"]["term"] = json!(7);
    assert_eq!(notify(&server, message).await.unwrap_err().code(), -32602);
    notify(&server, json!({ "jsonrpc": "2.0", "method": "notifications/unknown" })).await.unwrap();
}

#[tokio::test]
async fn topics_are_acknowledged_and_tagged() {
    let server = server();
    let filter = json!({ "notifications": { "catalogIds": [4, 5], "toolsListChanged": true } });
    let mut listening =
        exchange(&server, &declaring(declared(), "subscriptions/listen", filter.clone()));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let Some(mcp_core::server::ServerMessage::Notification(bytes)) = listening.next().await
        else {
            panic!()
        };
        seen.push(serde_json::from_slice::<Value>(&bytes).unwrap());
    }
    assert_eq!(
        seen[0]["params"]["notifications"],
        json!({ "catalogIds": [4, 5], "toolsListChanged": true })
    );
    for (message, entry) in seen[1..].iter().zip([4, 5]) {
        assert_eq!(message["params"]["entry"], entry);
        assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
    }
    // Undeclared: the field is not honoured, the rest is.
    let mut plain = exchange(&server, &request(1, "subscriptions/listen", filter));
    let Some(mcp_core::server::ServerMessage::Notification(bytes)) = plain.next().await else {
        panic!()
    };
    let first: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(first["params"]["notifications"], json!({ "toolsListChanged": true }));
    let bad = json!({ "notifications": { "catalogIds": "all" } });
    let mut refused = exchange(&server, &declaring(declared(), "subscriptions/listen", bad));
    let Some(mcp_core::server::ServerMessage::Response(response)) = refused.next().await else {
        panic!()
    };
    assert_eq!(serde_json::from_slice::<Value>(&response.body).unwrap()["error"]["code"], -32602);
}

struct Trail(&'static str, Arc<std::sync::Mutex<Vec<String>>>);

#[async_trait]
impl Middleware for Trail {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
        self.1.lock().unwrap().push(format!("{} in", self.0));
        let outcome = next.run(cx).await;
        let how = match &outcome {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.code().to_string(),
        };
        self.1.lock().unwrap().push(format!("{} {how}", self.0));
        outcome
    }

    async fn notification(&self, cx: NotificationCx, next: NextNotification) -> Result<(), Error> {
        self.1.lock().unwrap().push(format!("{} note", self.0));
        next.run(cx).await
    }
}

#[derive(Deserialize, JsonSchema)]
struct Number {
    n: i64,
}

#[tokio::test]
async fn middleware_has_an_order_changes_messages_sees_errors_and_returns_early() {
    struct Double;
    #[async_trait]
    impl Middleware for Double {
        async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
            if cx.request().method() != methods::TOOLS_CALL {
                return next.run(cx).await;
            }
            let mut params: Value = cx.request().parse_params()?;
            match params["arguments"]["n"].as_i64() {
                Some(0) => return Err(Error::invalid_params("nought")),
                Some(1) => {
                    return Outcome::complete(mcp_core::protocol::CallToolResult::text("early"));
                }
                Some(n) => params["arguments"]["n"] = json!(2 * n),
                None => {}
            }
            next.run(cx.with_params(&params.to_string())?).await
        }
    }
    let trail = Arc::new(std::sync::Mutex::new(Vec::new()));
    let server = Server::builder("app", "1")
        .layer("inner", 10, Trail("inner", Arc::clone(&trail)))
        .layer("double", 0, Double)
        .layer("outer", -10, Trail("outer", Arc::clone(&trail)))
        .tool(ServedTool::new("n", async |Args(Number { n })| -> Result<String, HandlerError> {
            Ok(n.to_string())
        }))
        .build()
        .unwrap();
    let names: Vec<_> = server.layers().map(|layer| (layer.order, layer.name)).collect();
    assert_eq!(names, [(-10, "outer"), (0, "double"), (10, "inner")]);
    let take = || std::mem::take(&mut *trail.lock().unwrap());

    assert_eq!(text(&result(&server, &common::call("n", json!({ "n": 4 }))).await), "8");
    assert_eq!(take(), ["outer in", "inner in", "inner ok", "outer ok"]);
    assert_eq!(text(&result(&server, &common::call("n", json!({ "n": 1 }))).await), "early");
    assert_eq!(take(), ["outer in", "outer ok"]);
    error(&server, &common::call("n", json!({ "n": 0 }))).await;
    assert_eq!(take(), ["outer in", "outer -32602"]);
    error(&server, &request(1, "nope", json!({}))).await;
    assert_eq!(take(), ["outer in", "inner in", "inner -32601", "outer -32601"]);
    notify(&server, json!({ "jsonrpc": "2.0", "method": "notifications/x" })).await.unwrap();
    assert_eq!(take(), ["outer note", "inner note"]);
}

#[tokio::test]
async fn a_panic_over_a_notification_is_contained() {
    struct Panics;
    #[async_trait]
    impl Middleware for Panics {
        async fn notification(&self, _: NotificationCx, _: NextNotification) -> Result<(), Error> {
            panic!("a secret reason")
        }
    }
    let server = Server::builder("app", "1").layer("panics", 0, Panics).build().unwrap();
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/x" });
    assert_eq!(notify(&server, note).await.unwrap_err().code(), -32603);
}

#[tokio::test]
async fn middleware_never_sees_a_call_of_the_wrong_shape() {
    struct Answers;
    #[async_trait]
    impl Middleware for Answers {
        async fn request(&self, _: Cx, _: Next) -> Result<Outcome, Error> {
            Outcome::complete(mcp_core::protocol::CallToolResult::text("answered"))
        }
    }
    let server = Server::builder("app", "1").tools().layer("answers", 0, Answers).build().unwrap();
    for params in [json!({}), json!({ "name": "x", "arguments": [] })] {
        assert_eq!(error(&server, &request(1, "tools/call", params)).await["code"], -32602);
    }
}

#[test]
fn conflicts_are_found_all_at_once() {
    struct Other;
    impl Extension for Other {
        const ID: ExtensionId = ExtensionId::new("org.other/x");
        type ClientSettings = NoSettings;
        type ServerSettings = NoSettings;
    }
    #[async_trait]
    impl ServerExtension for Other {
        fn settings(&self) -> NoSettings {
            NoSettings {}
        }
        fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
            let search =
                |_: Negotiated<Self>, _: Cx, _: Search| async { Ok(Found { found: vec![] }) };
            to.method("com.example/search", MethodOptions::new(), search);
            to.method("tools/call", MethodOptions::new(), search);
            to.result_type("complete", &[]);
            to.result_type("ticket", &[]);
            to.topic("toolsListChanged", |_: Negotiated<Self>, _: Cx, _: bool| async { Ok(None) });
            to.topic("catalogIds", |_: Negotiated<Self>, _: Cx, _: bool| async { Ok(None) });
            to.request_meta::<Purpose>();
            to.request_meta::<Reserved>();
            to.tool(ServedTool::new("gated", async || "x"));
        }
    }
    struct Reserved;
    impl MetaKey for Reserved {
        const KEY: &'static str = "io.modelcontextprotocol/protocolVersion";
        type Value = String;
    }
    let errors = Server::builder("app", "1")
        .extension(Catalog::default())
        .extension(Other)
        .extension(Catalog::default())
        .build()
        .err()
        .unwrap();
    let named = |wanted: &str| {
        errors.as_slice().iter().any(|error| match error {
            BuildError::Claimed { name, .. }
            | BuildError::CoreName { name, .. }
            | BuildError::Duplicate { name, .. } => name == wanted,
            BuildError::MetaKey { key, .. } => key == wanted,
            BuildError::DuplicateExtension(id) => id.as_str() == wanted,
            _ => false,
        })
    };
    for wanted in [
        "com.example/search",
        "tools/call",
        "complete",
        "ticket",
        "toolsListChanged",
        "catalogIds",
        "com.example/purpose",
        "io.modelcontextprotocol/protocolVersion",
        "gated",
        ID,
    ] {
        assert!(named(wanted), "{wanted}: {errors}");
    }
}

#[tokio::test]
async fn routing_fields_are_known_to_transports() {
    let server = server();
    let message = declaring(declared(), "com.example/search", json!({ "term": "x" }));
    let named = common::incoming(&message);
    assert_eq!(server.routing_name(&named), Some(Some("x".into())));
    let plain = common::incoming(&request(1, "tools/list", json!({})));
    assert_eq!(server.routing_name(&plain), None);
}

#[tokio::test]
async fn background_work_runs_until_shutdown() {
    struct Worker(Arc<AtomicUsize>);
    impl Extension for Worker {
        const ID: ExtensionId = ExtensionId::new("org.other/worker");
        type ClientSettings = NoSettings;
        type ServerSettings = NoSettings;
    }
    #[async_trait]
    impl ServerExtension for Worker {
        fn settings(&self) -> NoSettings {
            NoSettings {}
        }
        fn contribute(self: Arc<Self>, _: &mut Contributions<Self>) {}
        async fn run(
            &self,
            _: mcp_core::server::ServerHandle,
            shutdown: mcp_core::Shutdown,
        ) -> Result<(), mcp_core::extension::ExtensionError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            shutdown.requested().await;
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }
    let steps = Arc::new(AtomicUsize::new(0));
    let server = Server::builder("app", "1").extension(Worker(Arc::clone(&steps))).build().unwrap();
    let (trigger, shutdown) = mcp_core::Shutdown::new();
    let running = tokio::spawn(async move { server.run_extensions(shutdown).await });
    while steps.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    trigger.request();
    running.await.unwrap();
    assert_eq!(steps.load(Ordering::SeqCst), 2);
}
