//! Calls that run apart from the request they came with: what an extension such as tasks needs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::{call, error, incoming, request, result, text};
use futures_util::stream;
use mcp_core::extension::{
    Contributions, Extension, ExtensionId, NoSettings, ServerExtension, Topic,
};
use mcp_core::protocol::{CallToolResult, InputRequest};
use mcp_core::server::{
    Args, Cx, DetachedCall, HandlerError, Interaction, Middleware, Next, Outcome, ServedTool,
    Server,
};
use mcp_core::{Error, RawJson};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// How a tool likes to be answered: kept at the tool for the extension.
struct Politeness(&'static str);

#[derive(Default)]
struct Later {
    outer: Arc<AtomicUsize>,
    inner: Arc<AtomicUsize>,
}

impl Extension for Later {
    const ID: ExtensionId = ExtensionId::new("com.example/later");
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

struct Counts(Arc<AtomicUsize>);

#[async_trait]
impl Middleware for Counts {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        if let Some(answer) = cx.check_tool_call()? {
            return Ok(answer);
        }
        next.run(cx).await
    }
}

impl ServerExtension for Later {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
        to.around_call("later.outer", 10, Counts(Arc::clone(&self.outer)));
        to.around_call("later.inner", 20, Counts(Arc::clone(&self.inner)));
        to.strict_topic("laterIds", |_, _, _: Vec<String>| async {
            Ok(Some(Topic::new(json!([]).into(), stream::pending())))
        });
    }
}

/// Keeps everything in memory, and knows the answers to all questions.
#[derive(Default)]
struct Book {
    kept: Mutex<BTreeMap<String, RawJson>>,
    progress: Mutex<Vec<(f64, Option<f64>, String)>>,
}

#[async_trait]
impl Interaction for Book {
    async fn ask(&self, _: &str, _: InputRequest) -> Result<RawJson, Error> {
        Ok(json!({ "action": "accept", "content": { "name": "Ada" } }).into())
    }

    async fn discard(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn recall(&self, key: &str) -> Result<Option<RawJson>, Error> {
        Ok(self.kept.lock().unwrap().get(key).cloned())
    }

    async fn keep(&self, key: &str, value: RawJson) -> Result<(), Error> {
        self.kept.lock().unwrap().insert(key.to_owned(), value);
        Ok(())
    }

    fn progress(&self, progress: f64, total: Option<f64>, message: &str) {
        self.progress.lock().unwrap().push((progress, total, message.to_owned()));
    }
}

#[derive(Deserialize, JsonSchema)]
struct Greeting {
    times: usize,
}

#[derive(Deserialize, JsonSchema)]
struct Who {
    name: String,
}

async fn greet(cx: Cx, Args(greeting): Args<Greeting>) -> Result<String, HandlerError> {
    let who: Who = cx.elicit("who", "Who are you?").await.map_err(|_| HandlerError::tell("no"))?;
    let hello = cx.once("hello", async { Ok::<_, HandlerError>("Hello".to_owned()) }).await?;
    cx.progress(1, greeting.times, "greeting");
    Ok(format!("{hello}, {}!", who.name).repeat(greeting.times))
}

async fn explode() -> String {
    panic!("on purpose")
}

fn server() -> (Server, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let later = Later::default();
    let (outer, inner) = (Arc::clone(&later.outer), Arc::clone(&later.inner));
    let server = Server::builder("app", "1")
        .extension(later)
        .tool(ServedTool::new("greet", greet).value(Politeness("very")))
        .tool(ServedTool::new("explode", explode))
        .build()
        .unwrap();
    (server, outer, inner)
}

fn message(name: &str, arguments: serde_json::Value) -> serde_json::Value {
    let mut message = call(name, arguments);
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({ "elicitation": {} });
    message
}

#[tokio::test]
async fn a_call_runs_without_a_connection_inside_a_layer_of_choice() {
    let (server, outer, inner) = server();
    let book = Arc::new(Book::default());
    let request = incoming(&message("greet", json!({ "times": 2 })));
    let detached = DetachedCall::new(request, book.clone()).inside::<Later>("later.outer");
    let outcome = server.handle().run_detached(detached).await.unwrap();
    let result: CallToolResult = outcome.parse().unwrap();
    assert_eq!(result.all_text(), "Hello, Ada!Hello, Ada!");
    assert_eq!((outer.load(Ordering::SeqCst), inner.load(Ordering::SeqCst)), (0, 1));
    assert_eq!(book.kept.lock().unwrap()["hello"].get(), r#""Hello""#);
    let told = book.progress.lock().unwrap().clone();
    assert_eq!(told, [(1.0, Some(2.0), "greeting".to_owned())], "asked for or not");
}

#[tokio::test]
async fn what_goes_wrong_is_an_error_of_the_run() {
    let (server, ..) = server();
    let run = async |message: serde_json::Value, inside: Option<&'static str>| {
        let mut detached = DetachedCall::new(incoming(&message), Arc::new(Book::default()));
        if let Some(layer) = inside {
            detached = detached.inside::<Later>(layer);
        }
        server.handle().run_detached(detached).await.map(drop).map_err(|error| error.code())
    };
    assert_eq!(run(call("explode", json!({})), None).await, Err(-32603));
    assert_eq!(run(call("nothing", json!({})), None).await, Err(-32602));
    assert_eq!(run(call("greet", json!({ "times": 1 })), Some("later.none")).await, Err(-32603));
    let listen = request(1, "subscriptions/listen", json!({ "notifications": {} }));
    assert_eq!(run(listen, None).await, Err(-32600));
}

#[tokio::test]
async fn values_are_kept_at_tools() {
    let (server, ..) = server();
    let handle = server.handle();
    assert_eq!(handle.tool_value::<Politeness>("greet").unwrap().0, "very");
    assert!(handle.tool_value::<Politeness>("explode").is_none());
    assert!(handle.tool_value::<u8>("greet").is_none());
    assert!(handle.tool_value::<Politeness>("nothing").is_none());
    assert!(handle.has_tool("greet") && !handle.has_tool("nothing"));
}

#[tokio::test]
async fn middleware_can_check_a_call_before_it_does_anything() {
    let (server, _, inner) = server();
    if cfg!(feature = "validation") {
        let wrong = result(&server, &call("greet", json!({ "times": "x" }))).await;
        assert_eq!(wrong["isError"], true);
        assert!(text(&wrong).contains("/times"), "{wrong}");
    }
    assert_eq!(error(&server, &call("nothing", json!({}))).await["code"], -32602);
    assert_eq!(inner.load(Ordering::SeqCst), 0, "answered by the outer layer");
}

#[tokio::test]
async fn a_strict_topic_refuses_who_did_not_declare_its_extension() {
    let (server, ..) = server();
    let listen = request(1, "subscriptions/listen", json!({ "notifications": { "laterIds": [] } }));
    let refused = error(&server, &listen).await;
    assert_eq!(refused["code"], -32021);
    assert_eq!(
        refused["data"]["requiredCapabilities"]["extensions"],
        json!({ "com.example/later": {} })
    );
}
