//! Which status answers what, each with its JSON-RPC error.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use mcp_core::Principal;
use mcp_core::server::{Cx, Limits, ServedTool, Server};
use mcp_http::{AuthenticateError, ServeOptions};
use mcp_testkit::{HttpConnection, HttpRequest, call_tool, request};
use serde_json::{Value, json};

use crate::support::{listen, mcp, plain, serve, server, start, start_with};

const NULL: Value = Value::Null;

#[tokio::test]
async fn one_endpoint() {
    let running = start().await;
    assert_eq!(running.send(&mcp(&plain())).await.status(), 200);
    assert_eq!(running.send(&HttpRequest::mcp("/mcp?x=1", &plain())).await.status(), 200);
    for path in ["/", "/mcp/", "/MCP", "/other", "/mcp/x"] {
        running.refused(&HttpRequest::mcp(path, &plain()), 404, -32600, &NULL).await;
    }
    let elsewhere = start_with(|builder| builder.path("/api")).await;
    assert_eq!(elsewhere.send(&HttpRequest::mcp("/api", &plain())).await.status(), 200);
    assert_eq!(elsewhere.send(&mcp(&plain())).await.status(), 404);
}

#[tokio::test]
async fn origin_is_checked() {
    let running = start().await;
    for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5"] {
        let response = running.send(&mcp(&plain()).header("Origin", origin)).await;
        assert_eq!(response.status(), 200, "{origin}");
        assert_eq!(response.head.header("access-control-allow-origin"), Some(origin));
        assert_eq!(response.head.header("vary"), Some("Origin"));
    }
    for origin in ["null", "", "http://localhost\u{e9}", "https://localhost.evil.example"] {
        let request = mcp(&plain()).header("Origin", origin);
        running.refused(&request, 403, -32600, &NULL).await;
    }
    let two =
        mcp(&plain()).header("Origin", "http://localhost").header("Origin", "https://evil.example");
    running.refused(&two, 403, -32600, &NULL).await;
}

#[tokio::test]
async fn foreign_origin_is_forbidden() {
    let running = start().await;
    let speaks = mcp(&call_tool("speaks", json!({})));
    for request in
        [speaks.clone(), HttpRequest::new("GET", "/mcp"), HttpRequest::new("OPTIONS", "/mcp")]
    {
        let foreign = request.header("Origin", "https://evil.example");
        let response = running.refused(&foreign, 403, -32600, &NULL).await;
        assert!(response.head.header("access-control-allow-origin").is_none());
    }
    for host in ["evil.example", "localhost.evil.example:80", ""] {
        let request = speaks.clone().replace_header("Host", host);
        running.refused(&request, 403, -32600, &NULL).await;
    }
    let two_hosts = speaks.header("Host", "localhost").header("Host", "localhost");
    running.refused(&two_hosts, 403, -32600, &NULL).await;
}

#[tokio::test]
async fn the_host_is_checked_before_the_body_is_there() {
    let running = start().await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    let head = "POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 5\r\n\r\n";
    connection.write(head.as_bytes()).await.unwrap();
    assert_eq!(connection.read_head().await.unwrap().status, 403);
}

#[tokio::test]
async fn accept_is_checked() {
    let running = start().await;
    for accept in [
        "*/*",
        "application/*, text/*",
        "text/event-stream;q=0.1, application/json;q=1",
        "application/json, */*;q=0.1",
        "APPLICATION/JSON,TEXT/EVENT-STREAM",
    ] {
        let response = running.send(&mcp(&plain()).replace_header("Accept", accept)).await;
        assert_eq!(response.status(), 200, "{accept}");
    }
    assert_eq!(running.send(&mcp(&plain()).without_header("Accept")).await.status(), 200);
    for accept in [
        "text/html",
        "application/json",
        "text/event-stream",
        "application/*",
        "*/*;q=0",
        "*/*, application/json;q=0",
        "application/json, text/event-stream;q=0.000",
        "application/json, text/event-stream; Q=0",
        "application/json text/event-stream",
        "",
    ] {
        let request = mcp(&plain()).replace_header("Accept", accept);
        running.refused(&request, 406, -32600, &NULL).await;
    }
    let apart = mcp(&plain())
        .replace_header("Accept", "application/json")
        .header("Accept", "text/event-stream");
    assert_eq!(running.send(&apart).await.status(), 200);
}

#[tokio::test]
async fn content_type_is_checked() {
    let running = start().await;
    let typed = |kind: &str| mcp(&plain()).replace_header("Content-Type", kind);
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(running.send(&typed(kind)).await.status(), 200, "{kind}");
    }
    for kind in ["text/plain", "application/json-patch+json", "application/jsonx", ""] {
        running.refused(&typed(kind), 415, -32600, &NULL).await;
    }
    running.refused(&mcp(&plain()).without_header("Content-Type"), 415, -32600, &NULL).await;
    let two = mcp(&plain()).header("Content-Type", "application/json");
    running.refused(&two, 415, -32600, &NULL).await;
    let coded = mcp(&plain()).header("Content-Encoding", "gzip");
    running.refused(&coded, 415, -32600, &NULL).await;
}

#[tokio::test]
async fn body_is_one_message() {
    let running = start().await;
    let whole = plain().to_json().to_string();
    for (body, code) in [
        (String::new(), -32700),
        (" \r\n".to_owned(), -32700),
        ("{".to_owned(), -32700),
        (format!("{whole}{whole}"), -32700),
        (format!("{whole}x"), -32700),
        ("\"text\"".to_owned(), -32600),
        ("7".to_owned(), -32600),
        ("null".to_owned(), -32600),
        ("[]".to_owned(), -32600),
        (format!("[{whole},{whole}]"), -32600),
        ("{}".to_owned(), -32600),
    ] {
        running.refused(&mcp(&plain()).body(body), 400, code, &NULL).await;
    }
    let spaced = mcp(&plain()).body(format!("\n {whole} \r\n"));
    assert_eq!(running.send(&spaced).await.status(), 200);
}

#[tokio::test]
async fn bad_json_is_a_parse_error() {
    let running = start().await;
    let whole = call_tool("mirrors", json!({ "free": "TEXT" })).id(1).to_json().to_string();
    let (before, after) = whole.split_once("TEXT").unwrap();
    for text in [&b"\xff"[..], b"\xed\xa0\x80", b"\n", b"\x00"] {
        let body = [before.as_bytes(), text, after.as_bytes()].concat();
        let request = mcp(&call_tool("mirrors", json!({}))).body(body);
        running.refused(&request, 400, -32700, &NULL).await;
    }
}

#[tokio::test]
async fn posted_response_is_refused() {
    let running = start().await;
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
    ] {
        running.refused(&mcp(&plain()).body(body), 400, -32600, &NULL).await;
    }
}

#[tokio::test]
async fn null_id_is_refused() {
    let running = start().await;
    for id in [json!(null), json!(1.5), json!([1]), json!(true)] {
        let message = call_tool("mirrors", json!({})).id(id);
        running.refused(&mcp(&message), 400, -32600, &NULL).await;
    }
}

#[tokio::test]
async fn missing_meta_is_400() {
    let running = start().await;
    let good = call_tool("mirrors", json!({})).id(5);
    let key = |name: &str| format!("io.modelcontextprotocol/{name}");
    for message in [
        good.clone().without_meta(),
        good.clone().without_meta_key(&key("protocolVersion")),
        good.clone().without_meta_key(&key("clientCapabilities")),
        good.clone().meta(&key("protocolVersion"), 7),
        good.clone().meta(&key("clientCapabilities"), json!([])),
        good.clone().params(json!([])),
    ] {
        // Whatever the headers say: metadata comes first.
        let request = mcp(&good).body(message.to_json().to_string());
        running.refused(&request, 400, -32602, &json!(5)).await;
        let bare = request.without_header("Mcp-Method").without_header("MCP-Protocol-Version");
        running.refused(&bare, 400, -32602, &json!(5)).await;
    }
}

#[tokio::test]
async fn notification_is_202() {
    let running = start().await;
    for version in [Some("2026-07-28"), None] {
        let mut request = HttpRequest::new("POST", "/mcp")
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .body(r#"{"jsonrpc":"2.0","method":"notifications/anything"}"#);
        if let Some(version) = version {
            request = request.header("MCP-Protocol-Version", version);
        }
        let response = running.send(&request).await;
        assert_eq!((response.status(), response.body.len()), (202, 0));
        assert_eq!(response.head.header("content-length"), Some("0"));
        assert!(response.head.header("content-type").is_none());
    }
}

#[tokio::test]
async fn unserved_version_is_400() {
    let running = start().await;
    let message = call_tool("mirrors", json!({})).id("v").version("2099-01-01");
    let response = running.refused(&mcp(&message), 400, -32022, &json!("v")).await;
    assert_eq!(
        response.json().unwrap()["error"]["data"],
        json!({ "supported": ["2026-07-28"], "requested": "2099-01-01" })
    );
}

#[tokio::test]
async fn differing_version_is_a_mismatch() {
    let running = start().await;
    for (body, header) in [("2026-07-28", "2099-01-01"), ("2099-01-01", "2026-07-28")] {
        let message = call_tool("mirrors", json!({})).id(1).version(body);
        let request = mcp(&message).replace_header("MCP-Protocol-Version", header);
        running.refused(&request, 400, -32020, &json!(1)).await;
    }
}

#[tokio::test]
async fn unknown_method_is_404() {
    let running = start().await;
    for method in ["ping", "logging/setLevel", "resources/subscribe", "x/y", "tools/Call"] {
        running.refused(&mcp(&request(method).id("m")), 404, -32601, &json!("m")).await;
    }
    let nothing = Server::builder("nothing", "1").build().unwrap();
    let nothing = serve(nothing, Arc::default(), ServeOptions::default(), |b| b).await;
    let response = nothing.send(&mcp(&request("tools/list").id(1))).await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.json().unwrap()["error"]["code"], -32601);
    // A method that is known answers its own errors with 200: they are answers.
    let response = running.send(&mcp(&call_tool("no-such-tool", json!({})).id(1))).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json().unwrap()["error"]["code"], -32602);
}

#[tokio::test]
async fn initialize_is_told_the_versions() {
    let running = start().await;
    let old = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"old","version":"1"}}}"#;
    let request = HttpRequest::new("POST", "/mcp")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .body(old);
    let response = running.refused(&request, 400, -32022, &json!(0)).await;
    assert_eq!(response.json().unwrap()["error"]["data"]["supported"], json!(["2026-07-28"]));
}

#[tokio::test]
async fn missing_capability_is_400() {
    let running = start().await;
    let message = call_tool("asks", json!({})).id(1);
    let response = running.refused(&mcp(&message), 400, -32021, &json!(1)).await;
    let required = &response.json().unwrap()["error"]["data"]["requiredCapabilities"];
    assert_eq!(required, &json!({ "roots": {} }));
}

#[tokio::test]
async fn old_traffic_is_answered() {
    let running = start().await;
    for method in ["GET", "HEAD", "DELETE", "PUT", "PATCH", "TRACE", "OPTIONS", "BREW"] {
        let request = HttpRequest::new(method, "/mcp").header("Accept", "text/event-stream");
        let mut connection = HttpConnection::open(running.address).await.unwrap();
        connection.send(&request).await.unwrap();
        let head = connection.read_head().await.unwrap();
        assert_eq!((head.status, head.header("allow")), (405, Some("POST")), "{method}");
    }
    let old = mcp(&call_tool("speaks", json!({})).progress_token(1))
        .header("Mcp-Session-Id", "7")
        .header("Last-Event-ID", "7");
    let response = running.send(&old).await;
    assert_eq!(response.status(), 200);
    assert!(response.head.header("mcp-session-id").is_none());
    let events = response.events();
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|event| event.id.is_none() && event.retry.is_none()));
}

#[tokio::test]
async fn pages_of_allowed_origins_may_send_what_they_need() {
    let running = start_with(|builder| {
        builder
            .allow_hosts(["mcp.example.com", "mcp.example.org:8443"])
            .allow_origins(["https://app.example.com", "https://app.example.org/"])
    })
    .await;
    let preflight = |origin: &str| {
        HttpRequest::new("OPTIONS", "/mcp")
            .header("Host", "mcp.example.org:8443")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "mcp-method,mcp-param-region")
    };
    for origin in ["https://app.example.com", "https://app.example.org"] {
        let response = running.send(&preflight(origin)).await;
        assert_eq!(response.status(), 204);
        let header = |name| response.head.header(name);
        assert_eq!(header("access-control-allow-origin"), Some(origin));
        assert_eq!(header("access-control-allow-methods"), Some("POST"));
        assert_eq!(header("access-control-allow-headers"), Some("mcp-method,mcp-param-region"));
    }
    assert_eq!(running.send(&preflight("https://app.example.net")).await.status(), 403);
    let other_port = mcp(&plain()).replace_header("Host", "mcp.example.org:8444");
    assert_eq!(running.send(&other_port).await.status(), 403);
    let any = start_with(|builder| builder.allow_any_host()).await;
    let anywhere = mcp(&plain()).replace_header("Host", "evil.example");
    assert_eq!(any.send(&anywhere).await.status(), 200);
    let foreign = anywhere.header("Origin", "https://evil.example");
    assert_eq!(any.send(&foreign).await.status(), 403);
}

#[tokio::test]
async fn authentication_hook() {
    let running = start_with(|builder| {
        builder.authenticate(|_| {
            Err(AuthenticateError {
                status: StatusCode::UNAUTHORIZED,
                challenge: Some(HeaderValue::from_static("Bearer realm=\"x\"")),
            })
        })
    })
    .await;
    // Before the body is there: it never comes.
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\nContent-Length: 9\r\n\r\n";
    connection.write(head.as_bytes()).await.unwrap();
    let head = connection.read_head().await.unwrap();
    assert_eq!(head.status, 401);
    assert_eq!(head.header("www-authenticate"), Some("Bearer realm=\"x\""));
    let body: Value = serde_json::from_slice(&connection.read_body().await.unwrap()).unwrap();
    assert_eq!(body["error"]["code"], -32600);
    // A page can read the challenge.
    let exposed = running.send(&mcp(&plain()).header("Origin", "http://localhost:1")).await;
    assert_eq!(exposed.head.header("access-control-expose-headers"), Some("WWW-Authenticate"));
}

#[tokio::test]
async fn principal_comes_from_the_transport() {
    let running = start_with(|builder| {
        builder.authenticate(|parts| {
            Ok(parts.headers.contains_key("authorization").then(|| Principal::new("bob")))
        })
    })
    .await;
    let claims = call_tool("who", json!({ "principal": "alice" }))
        .meta("principal", "alice")
        .meta("io.modelcontextprotocol/clientInfo", json!({ "name": "alice", "version": "1" }));
    for (request, who) in
        [(mcp(&claims).header("Authorization", "x"), "bob"), (mcp(&claims), "nobody")]
    {
        let answer = running.send(&request).await.json().unwrap();
        assert_eq!(answer["result"]["content"][0]["text"], who);
    }
}

#[tokio::test]
async fn too_much_work_is_503() {
    let counts = Arc::default();
    let limits = Limits { in_flight: 1, ..Limits::default() };
    let server = server(&counts).limits(limits).build().unwrap();
    let running = serve(server, counts, ServeOptions::default(), |builder| builder).await;
    let mut first = HttpConnection::open(running.address).await.unwrap();
    first.send(&mcp(&listen(1))).await.unwrap();
    first.read_head().await.unwrap();
    let response = running.send(&mcp(&plain())).await;
    assert_eq!(response.status(), 503);
    let body = response.json().unwrap();
    assert_eq!((&body["id"], &body["error"]["code"]), (&json!(1), &json!(-32603)));
    assert_eq!(body["error"]["data"]["reason"], "overloaded");
}

#[tokio::test]
async fn a_handler_that_panics_is_an_internal_error() {
    let running = start().await;
    let response = running.send(&mcp(&call_tool("panics", json!({})).id(1))).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json().unwrap()["error"]["code"], -32603);
    assert!(!response.text().contains("tools/call"), "{}", response.text());
    assert_eq!(running.send(&mcp(&plain())).await.status(), 200);
}

#[tokio::test]
async fn handlers_see_the_head_if_they_may() {
    for expose in [true, false] {
        let agent = ServedTool::new("agent", async |cx: Cx| {
            let parts = cx.transport_value::<http::request::Parts>();
            parts
                .and_then(|parts| parts.headers.get("user-agent")?.to_str().ok())
                .unwrap_or("hidden")
                .to_owned()
        });
        let server = Server::builder("app", "1").tool(agent).build().unwrap();
        let options = ServeOptions::default();
        let running = serve(server, Arc::default(), options, |b| b.expose_parts(expose)).await;
        let request = mcp(&call_tool("agent", json!({}))).header("User-Agent", "test/1");
        let answer = running.send(&request).await.json().unwrap();
        let expected = if expose { "test/1" } else { "hidden" };
        assert_eq!(answer["result"]["content"][0]["text"], expected);
    }
}
