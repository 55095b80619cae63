//! A server with a tool for each purpose, on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_core::protocol::{ReadResourceResult, TextResourceContents};
use mcp_core::server::{
    Cx, HandlerError, Limits, RawArgs, ServedPrompt, ServedResource, ServedTool, Server,
    ServerBuilder, State,
};
use mcp_core::{Principal, Shutdown, ShutdownTrigger};
use mcp_http::{HttpService, HttpServiceBuilder, ServeOptions, serve_with};
use mcp_testkit::{HttpRequest, HttpResponse, Message, call_tool, request};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Longer than anything takes, but for what hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// What the handlers count.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Calls of tools that must not run by mistake, and the steps of the one that floods.
    pub ran: AtomicUsize,
    /// Handlers that wait for ever.
    pub begun: AtomicUsize,
    pub dropped: AtomicUsize,
}

struct Begun(Arc<Counts>);

impl Begun {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.begun.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counts))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn mirroring_schema() -> mcp_core::protocol::JsonObject {
    serde_json::from_value(json!({
        "type": "object",
        "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "count": { "type": "integer", "x-mcp-header": "Count" },
            "flag": { "type": "boolean", "x-mcp-header": "Flag" },
            "place": {
                "type": "object",
                "properties": { "city": { "type": "string", "x-mcp-header": "City" } },
            },
            "free": {},
        },
    }))
    .unwrap()
}

/// A server with everything that the tests of this folder ask for.
pub(crate) fn server(counts: &Arc<Counts>) -> ServerBuilder {
    let (silent, speaking) = (Arc::clone(counts), Arc::clone(counts));
    Server::builder("app", "1")
        .limits(Limits { listeners: 1100, ..Limits::default() })
        .shared_state(Arc::clone(counts))
        .tool(ServedTool::new("plain", async || "plain"))
        .tool(ServedTool::new("large", async || "large ".repeat(20_000)))
        .tool(
            ServedTool::new("who", async |who: Option<Principal>| {
                who.map_or("nobody".to_owned(), |who| who.as_str().to_owned())
            })
            .input_schema(serde_json::from_value(json!({ "type": "object" })).unwrap()),
        )
        .tool(
            ServedTool::new(
                "mirrors",
                async |counts: State<Counts>, RawArgs(arguments): RawArgs| {
                    counts.ran.fetch_add(1, Ordering::SeqCst);
                    arguments.get().to_owned()
                },
            )
            .input_schema(mirroring_schema()),
        )
        .tool(ServedTool::new("speaks", async |counts: State<Counts>, cx: Cx| {
            counts.ran.fetch_add(1, Ordering::SeqCst);
            for step in 1..=3 {
                cx.progress(step, 3, "");
                tokio::task::yield_now().await;
            }
            "spoke"
        }))
        .tool(ServedTool::new("floods", async |counts: State<Counts>, cx: Cx| {
            let text = "x".repeat(1000);
            for step in 0..FLOOD {
                cx.progress(step as f64, None::<f64>, text.as_str());
                counts.ran.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
            "flooded"
        }))
        .tool(ServedTool::new("waits", move |_: Cx| {
            let begun = Begun::new(&silent);
            async move {
                std::future::pending::<()>().await;
                drop(begun);
            }
        }))
        .tool(ServedTool::new("speaks_and_waits", move |cx: Cx| {
            let begun = Begun::new(&speaking);
            async move {
                cx.progress(1, 2, "begun");
                std::future::pending::<()>().await;
                drop(begun);
            }
        }))
        .tool(ServedTool::new("asks", async |cx: Cx| {
            cx.progress(1, 2, "about to ask");
            let roots = cx.roots("roots").await?;
            Ok::<_, HandlerError>(format!("{} roots", roots.len()))
        }))
        .tool(ServedTool::new("panics", async |cx: Cx| -> String {
            panic!("at {}", cx.request().method())
        }))
        .prompt(ServedPrompt::new("greeting", async || "Hello".to_owned()))
        .resource(ServedResource::new("file:///a%20b", "a b", async || {
            ReadResourceResult::new(vec![TextResourceContents::new("file:///a%20b", "text").into()])
        }))
}

/// The steps of the tool `floods`, a kilobyte each.
pub(crate) const FLOOD: usize = 200_000;

/// A service that is being served.
pub(crate) struct Running {
    pub address: SocketAddr,
    pub trigger: ShutdownTrigger,
    pub serving: JoinHandle<std::io::Result<()>>,
    pub server: Server,
    pub counts: Arc<Counts>,
}

/// Serves `server` as `configure` says.
pub(crate) async fn serve(
    server: Server,
    counts: Arc<Counts>,
    options: ServeOptions,
    configure: impl FnOnce(HttpServiceBuilder) -> HttpServiceBuilder,
) -> Running {
    let service = configure(HttpService::builder(server.clone())).build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = Shutdown::new();
    let serving = tokio::spawn(serve_with(listener, service, shutdown, options));
    Running { address, trigger, serving, server, counts }
}

/// Serves the server of this file as `configure` says.
pub(crate) async fn start_with(
    configure: impl FnOnce(HttpServiceBuilder) -> HttpServiceBuilder,
) -> Running {
    let counts = Arc::default();
    let server = server(&counts).build().unwrap();
    serve(server, counts, ServeOptions::default(), configure).await
}

/// Serves the server of this file.
pub(crate) async fn start() -> Running {
    start_with(|builder| builder).await
}

impl Running {
    pub(crate) async fn send(&self, request: &HttpRequest) -> HttpResponse {
        request.send(self.address).await.unwrap()
    }

    /// Sends what must be refused, and checks the refusal whole: status, media type, code, id, that no
    /// handler ran, and that the next request is served.
    pub(crate) async fn refused(
        &self,
        request: &HttpRequest,
        status: u16,
        code: i64,
        id: &Value,
    ) -> HttpResponse {
        let before = self.counts.ran.load(Ordering::SeqCst);
        let response = self.send(request).await;
        let said = response.text();
        assert_eq!(response.status(), status, "{said}");
        assert_eq!(response.head.header("content-type"), Some("application/json"), "{said}");
        let body: Value = response.json().unwrap();
        assert_eq!(body["jsonrpc"], "2.0", "{said}");
        assert_eq!(body["error"]["code"], code, "{said}");
        assert_eq!(&body["id"], id, "{said}");
        assert!(body["error"]["message"].is_string(), "{said}");
        assert_eq!(self.counts.ran.load(Ordering::SeqCst), before, "the handler ran: {said}");
        let next = self.send(&mcp(&plain())).await;
        assert!(next.status() == 200 || next.status() == 404, "{}", next.text());
        response
    }

    /// Waits until as many of the handlers that wait for ever have begun.
    pub(crate) async fn until_begun(&self, count: usize) {
        until(|| self.counts.begun.load(Ordering::SeqCst) >= count).await;
    }

    /// Waits until as many of the handlers that wait for ever were dropped.
    pub(crate) async fn until_dropped(&self, count: usize) {
        until(|| self.counts.dropped.load(Ordering::SeqCst) >= count).await;
    }
}

/// Waits until something is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    tokio::time::timeout(LIMIT, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("it does not happen");
}

/// The request of a message, to the endpoint.
pub(crate) fn mcp(message: &Message) -> HttpRequest {
    HttpRequest::mcp("/mcp", message)
}

/// The simplest call.
pub(crate) fn plain() -> Message {
    call_tool("plain", json!({})).id(1)
}

/// A subscription to changes of tools.
pub(crate) fn listen(id: i64) -> Message {
    request("subscriptions/listen")
        .id(id)
        .params(json!({ "notifications": { "toolsListChanged": true } }))
}
