//! Streamable HTTP, byte by byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]
#![cfg(feature = "server")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_core::server::{Args, Cx, Limits, ServedTool, Server};
use mcp_core::{Principal, Shutdown, ShutdownTrigger};
use mcp_http::{AuthenticateError, HttpService, serve};
use mcp_testkit::{HttpConnection, HttpRequest, HttpResponse, Message, call_tool, request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

#[derive(Deserialize, JsonSchema)]
struct Echo {
    text: String,
    region: Option<String>,
    count: Option<i64>,
}

struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn server(dropped: &Arc<AtomicUsize>) -> Server {
    let dropped = Arc::clone(dropped);
    Server::builder("app", "1")
        .limits(Limits { listeners: 1100, ..Limits::default() })
        .tool(
            ServedTool::new("echo", async |Args(echo): Args<Echo>| {
                let _ = (echo.region, echo.count);
                echo.text
            })
            .mirror_header("text", "Text"),
        )
        .tool(ServedTool::new("plain", async || "plain"))
        .tool(ServedTool::new("who", async |who: Option<Principal>| {
            who.map_or("nobody".to_owned(), |who| who.as_str().to_owned())
        }))
        .tool(ServedTool::new("speaks", async |cx: Cx| {
            for step in 1..=3 {
                cx.progress(step, 3, "");
                tokio::task::yield_now().await;
            }
            "spoke"
        }))
        .tool(ServedTool::new("waits", move |cx: Cx| {
            let guard = Dropped(Arc::clone(&dropped));
            async move {
                cx.progress(1, 2, "begun");
                std::future::pending::<()>().await;
                drop(guard);
            }
        }))
        .build()
        .unwrap()
}

struct Running {
    address: SocketAddr,
    trigger: ShutdownTrigger,
    serving: JoinHandle<std::io::Result<()>>,
    server: Server,
    dropped: Arc<AtomicUsize>,
}

async fn start_with(
    configure: impl FnOnce(mcp_http::HttpServiceBuilder) -> mcp_http::HttpServiceBuilder,
) -> Running {
    let dropped = Arc::default();
    let server = server(&dropped);
    let service = configure(HttpService::builder(server.clone()).path("/mcp")).build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = Shutdown::new();
    let serving = tokio::spawn(serve(listener, service, shutdown));
    Running { address, trigger, serving, server, dropped }
}

async fn start() -> Running {
    start_with(|builder| builder).await
}

fn plain() -> Message {
    call_tool("plain", json!({})).id(1)
}

impl Running {
    async fn send(&self, request: HttpRequest) -> HttpResponse {
        request.send(self.address).await.unwrap()
    }

    async fn refused(&self, request: HttpRequest, status: u16, code: i64) -> HttpResponse {
        let response = self.send(request).await;
        let said = response.text();
        assert_eq!(response.status(), status, "{said}");
        let body: Value = response.json().unwrap();
        assert_eq!(
            (&body["jsonrpc"], &body["error"]["code"]),
            (&json!("2.0"), &json!(code)),
            "{said}"
        );
        response
    }
}

fn mcp(message: &Message) -> HttpRequest {
    HttpRequest::mcp("/mcp", message)
}

#[tokio::test]
async fn a_call_is_one_json_body_of_known_length() {
    let running = start().await;
    let response = running.send(mcp(&plain())).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.head.header("content-type"), Some("application/json"));
    assert_eq!(response.head.header("content-length"), Some(&*response.body.len().to_string()));
    assert!(response.head.header("mcp-session-id").is_none());
    assert_eq!(response.json().unwrap()["result"]["content"][0]["text"], "plain");
}

#[tokio::test]
async fn one_that_speaks_first_is_a_stream() {
    let running = start().await;
    let mut message = call_tool("speaks", json!({})).id(1);
    message = message.meta("progressToken", json!("t"));
    let response = running.send(mcp(&message)).await;
    assert_eq!(response.head.header("content-type"), Some("text/event-stream"));
    assert_eq!(response.head.header("x-accel-buffering"), Some("no"));
    let messages = response.messages().unwrap();
    assert_eq!(messages.len(), 4);
    assert!(messages[..3].iter().all(|m| m["method"] == "notifications/progress"));
    assert_eq!(messages[3]["id"], 1);
}

#[tokio::test]
async fn pages_of_others_are_turned_away() {
    let running = start().await;
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost.evil.example"),
    ] {
        running.refused(mcp(&plain()).header(name, value), 403, -32600).await;
    }
    running.refused(mcp(&plain()).replace_header("Host", "evil.example"), 403, -32600).await;
    running
        .refused(mcp(&plain()).replace_header("Host", "localhost.evil.example:80"), 403, -32600)
        .await;
    let allowed = running.send(mcp(&plain()).header("Origin", "http://localhost:3000")).await;
    assert_eq!(allowed.status(), 200);
    assert_eq!(allowed.head.header("access-control-allow-origin"), Some("http://localhost:3000"));
    let configured = start_with(|builder| {
        builder.allow_host("mcp.example.com").allow_origin("https://app.example.com")
    })
    .await;
    let request = mcp(&plain())
        .replace_header("Host", "mcp.example.com")
        .header("Origin", "https://app.example.com");
    assert_eq!(configured.send(request).await.status(), 200);
}

#[tokio::test]
async fn only_post_is_answered() {
    let running = start().await;
    for method in ["GET", "DELETE", "PUT", "PATCH", "OPTIONS"] {
        let response = running.refused(HttpRequest::new(method, "/mcp"), 405, -32600).await;
        assert_eq!(response.head.header("allow"), Some("POST"));
    }
    running.refused(HttpRequest::mcp("/other", &plain()), 404, -32600).await;
    let preflight = HttpRequest::new("OPTIONS", "/mcp")
        .header("Origin", "http://127.0.0.1:5")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "mcp-method");
    let response = running.send(preflight).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.head.header("access-control-allow-headers"), Some("mcp-method"));
}

#[tokio::test]
async fn content_types_and_sizes_are_checked() {
    let running = start_with(|builder| builder.max_body_bytes(2000)).await;
    running.refused(mcp(&plain()).replace_header("Content-Type", "text/plain"), 415, -32600).await;
    running.refused(mcp(&plain()).without_header("Content-Type"), 415, -32600).await;
    running.refused(mcp(&plain()).header("Content-Encoding", "gzip"), 415, -32600).await;
    running.refused(mcp(&plain()).replace_header("Accept", "application/json"), 406, -32600).await;
    running.refused(mcp(&plain()).replace_header("Accept", "text/html"), 406, -32600).await;
    let long = call_tool("echo", json!({ "text": "x".repeat(3000) })).id(1);
    running.refused(mcp(&long), 413, -32600).await;
    running.refused(mcp(&plain()).body("{"), 400, -32700).await;
    running.refused(mcp(&plain()).body(""), 400, -32700).await;
    running.refused(mcp(&plain()).body("[]"), 400, -32600).await;
    running
        .refused(mcp(&plain()).body(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), 400, -32600)
        .await;
    running
        .refused(mcp(&plain()).body(r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#), 400, -32600)
        .await;
}

#[tokio::test]
async fn metadata_is_checked_before_headers_and_headers_before_the_revision() {
    let running = start().await;
    let bare = r#"{"jsonrpc":"2.0","id":5,"method":"tools/list","params":{}}"#;
    let response =
        running.refused(mcp(&plain()).body(bare).without_header("Mcp-Method"), 400, -32602).await;
    assert_eq!(response.json().unwrap()["id"], 5);
    for header in ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"] {
        let response = running.refused(mcp(&plain()).without_header(header), 400, -32020).await;
        assert_eq!(response.json().unwrap()["id"], 1, "{header}");
        running.refused(mcp(&plain()).replace_header(header, "other"), 400, -32020).await;
        let value = match header {
            "MCP-Protocol-Version" => "2026-07-28",
            "Mcp-Method" => "tools/call",
            _ => "plain",
        };
        running.refused(mcp(&plain()).header(header, value), 400, -32020).await; // Twice.
        let lower = mcp(&plain())
            .without_header(header)
            .header(&header.to_lowercase(), format!("  {value} "));
        assert_eq!(running.send(lower).await.status(), 200, "{header}");
    }
    running.refused(mcp(&plain()).replace_header("Mcp-Method", "TOOLS/CALL"), 400, -32020).await;
    let old = plain().meta("io.modelcontextprotocol/protocolVersion", json!("1999-01-01"));
    running
        .refused(mcp(&old).replace_header("MCP-Protocol-Version", "2026-07-28"), 400, -32020)
        .await;
    let old = mcp(&old).replace_header("MCP-Protocol-Version", "1999-01-01");
    let response = running.refused(old, 400, -32022).await;
    assert_eq!(
        response.json().unwrap()["error"]["data"],
        json!({ "supported": ["2026-07-28"], "requested": "1999-01-01" })
    );
}

#[tokio::test]
async fn names_and_parameters_may_be_encoded() {
    let running = start().await;
    let named = mcp(&plain()).replace_header("Mcp-Name", "=?base64?cGxhaW4=?=");
    assert_eq!(running.send(named).await.status(), 200);
    for bad in ["=?base64?cGxhaW4?=", "=?base64?c*?=", "=?base64?/w==?="] {
        running.refused(mcp(&plain()).replace_header("Mcp-Name", bad), 400, -32020).await;
    }
    let echo = call_tool("echo", json!({ "text": "Hello, 世界" })).id(1);
    let header = |value: &str| mcp(&echo).header("Mcp-Param-Text", value);
    assert_eq!(running.send(header("=?base64?SGVsbG8sIOS4lueVjA==?=")).await.status(), 200);
    running.refused(header("Hello"), 400, -32020).await;
    running.refused(mcp(&echo), 400, -32020).await; // In the body and not in the header.
    let absent = call_tool("echo", json!({})).id(1);
    running.refused(mcp(&absent).header("Mcp-Param-Text", "x"), 400, -32020).await;
    assert_eq!(running.send(mcp(&absent)).await.json().unwrap()["result"]["isError"], true);
    let other = mcp(&plain()).header("Mcp-Param-Unknown", "ignored").header("Last-Event-ID", "7");
    assert_eq!(running.send(other.header("Mcp-Session-Id", "x")).await.status(), 200);
}

#[tokio::test]
async fn statuses_follow_the_errors() {
    let running = start().await;
    running.refused(mcp(&request("no/such").id(1)), 404, -32601).await;
    let response = running.send(mcp(&call_tool("no-such-tool", json!({})).id(1))).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json().unwrap()["error"]["code"], -32602);
    let note = r#"{"jsonrpc":"2.0","method":"notifications/anything"}"#;
    let response = running.send(mcp(&plain()).body(note)).await;
    assert_eq!((response.status(), response.body.len()), (202, 0));
}

#[tokio::test]
async fn callers_are_authenticated_by_the_hook() {
    let running = start_with(|builder| {
        builder.authenticate(|parts| match parts.headers.get("authorization") {
            Some(token) if token == "Bearer good" => Ok(Some(Principal::new("alice"))),
            _ => Err(AuthenticateError {
                status: http::StatusCode::UNAUTHORIZED,
                challenge: Some(http::HeaderValue::from_static("Bearer")),
            }),
        })
    })
    .await;
    let who = call_tool("who", json!({})).id(1);
    let refused = running.refused(mcp(&who), 401, -32600).await;
    assert_eq!(refused.head.header("www-authenticate"), Some("Bearer"));
    let allowed = running.send(mcp(&who).header("Authorization", "Bearer good")).await;
    assert_eq!(allowed.json().unwrap()["result"]["content"][0]["text"], "alice");
}

#[tokio::test]
async fn a_client_that_goes_away_stops_its_handler() {
    let running = start().await;
    let waits = call_tool("waits", json!({})).id(1).meta("progressToken", json!(1));
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    connection.send(&mcp(&waits)).await.unwrap();
    connection.read_head().await.unwrap();
    connection.next_event().await.unwrap().unwrap();
    assert_eq!(running.dropped.load(Ordering::SeqCst), 0);
    drop(connection);
    while running.dropped.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

fn listen(id: i64) -> Message {
    request("subscriptions/listen")
        .id(id)
        .params(json!({ "notifications": { "toolsListChanged": true } }))
}

#[tokio::test]
async fn a_thousand_listeners_are_told_and_ended_cleanly() {
    let running = start().await;
    let mut listeners = Vec::new();
    for id in 0..1000 {
        let mut connection = HttpConnection::open(running.address).await.unwrap();
        connection.send(&mcp(&listen(id))).await.unwrap();
        assert_eq!(connection.read_head().await.unwrap().status, 200);
        let first = connection.next_event().await.unwrap().unwrap();
        assert!(first.data.contains("subscriptions/acknowledged"));
        listeners.push(connection);
    }
    running.server.handle().tools_changed();
    for connection in &mut listeners {
        let told = connection.next_event().await.unwrap().unwrap();
        assert!(told.data.contains("notifications/tools/list_changed"));
    }
    running.trigger.request();
    for (id, connection) in listeners.iter_mut().enumerate() {
        let last = connection.next_event().await.unwrap().unwrap();
        let last: Value = serde_json::from_str(&last.data).unwrap();
        assert_eq!((&last["id"], &last["result"]["resultType"]), (&json!(id), &json!("complete")));
        assert!(connection.next_event().await.unwrap().is_none());
    }
    drop(listeners);
    running.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_stops_reading_stops_nobody_else() {
    let running = start().await;
    let mut stalled = HttpConnection::open(running.address).await.unwrap();
    stalled.send(&mcp(&listen(1))).await.unwrap();
    stalled.read_head().await.unwrap();
    for _ in 0..2000 {
        running.server.handle().tools_changed();
    }
    for _ in 0..20 {
        assert_eq!(running.send(mcp(&plain())).await.status(), 200);
    }
}

#[tokio::test]
async fn an_idle_stream_is_kept_alive() {
    let running = start_with(|builder| builder.keep_alive(Duration::from_millis(20))).await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    connection.send(&mcp(&listen(1))).await.unwrap();
    connection.read_head().await.unwrap();
    let mut comments = 0;
    while comments < 3 {
        let chunk = connection.next_chunk().await.unwrap().unwrap();
        if chunk.starts_with(b":") {
            comments += 1;
        }
    }
}

#[tokio::test]
async fn a_body_that_never_comes_times_out() {
    let running = start_with(|builder| builder.body_timeout(Duration::from_millis(50))).await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\nContent-Length: 100\r\n\r\n{";
    connection.write(head.as_bytes()).await.unwrap();
    assert_eq!(connection.read_head().await.unwrap().status, 408);
}

#[tokio::test]
async fn axum_mounts_it() {
    let service = HttpService::new(server(&Arc::default()));
    let router = axum::Router::new().route_service("/api/mcp", service);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let response = HttpRequest::mcp("/api/mcp", &plain()).send(address).await.unwrap();
    assert_eq!(response.json().unwrap()["result"]["content"][0]["text"], "plain");
}
