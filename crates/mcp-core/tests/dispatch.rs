//! What is common to all requests: metadata, versions, errors, limits, lists.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{answer, call, error, exchange, request, result, text};
use mcp_core::Error;
use mcp_core::protocol::{JsonObject, LoggingLevel, ReadResourceResult, TextResourceContents};
use mcp_core::server::{
    Args, BuildError, CacheHints, Cx, HandlerError, Json, Limits, RawArgs, ResponseKind,
    ServedPrompt, ServedResource, ServedTool, Server, ServerMessage, State,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Echo {
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Age {
    #[schemars(range(max = 150))]
    age: u32,
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    sum: i64,
}

async fn echo(Args(Echo { text }): Args<Echo>) -> String {
    text
}

async fn panics() -> String {
    panic!("a secret reason")
}

async fn sleeps() -> String {
    std::future::pending().await
}

async fn logs(cx: Cx) -> &'static str {
    cx.log(LoggingLevel::Info, None, &"hello");
    cx.progress(1, 2, "half");
    cx.progress(1, 2, "not more");
    cx.progress(2, 2, "");
    "done"
}

fn schema(schema: Value) -> JsonObject {
    JsonObject::from_serialize(&schema).unwrap()
}

fn one_text(uri: &str, text: &str) -> ReadResourceResult {
    ReadResourceResult::new(vec![TextResourceContents::new(uri, text).into()])
}

fn server() -> Server {
    Server::builder("app", "1.2.3")
        .logging()
        .tool(ServedTool::new("echo", echo))
        .tool(ServedTool::new("age", async |Args(Age { age }): Args<Age>| age.to_string()))
        .tool(ServedTool::new("sum", async || Json(Sum { sum: 4 })))
        .tool(ServedTool::new("panics", panics))
        .tool(ServedTool::new("sleeps", sleeps).timeout(Duration::from_millis(10)))
        .tool(ServedTool::new("logs", logs))
        .tool(ServedTool::new("hides", async || -> Result<String, HandlerError> {
            Err(std::io::Error::other("password=hunter2"))?
        }))
        .tool(ServedTool::new("tells", async || -> Result<String, HandlerError> {
            Err(HandlerError::tell("try 7 instead"))
        }))
        .tool(
            ServedTool::new("lies", async || Json("no number"))
                .output_schema(schema(json!({ "type": "number" }))),
        )
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_identity_is_the_applications() {
    let result = result(&server(), &request(1, "server/discover", json!({}))).await;
    let info = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(info, &json!({ "name": "app", "version": "1.2.3" }));
    assert_eq!(result["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(result["resultType"], "complete");
    assert!(result["capabilities"]["tools"].is_object());
    assert!(result["capabilities"]["prompts"].is_null());
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(0), &json!("private")));
}

#[tokio::test]
async fn ids_of_both_kinds_are_echoed() {
    for id in [
        json!(0),
        json!(-7),
        json!(9_007_199_254_740_991_i64),
        json!("7"),
        json!("a\"b\u{1F600}"),
        json!(""),
    ] {
        let message =
            request(id, "tools/call", json!({ "name": "echo", "arguments": { "text": "x" } }));
        answer(&server(), &message).await;
    }
}

#[tokio::test]
async fn malformed_calls_are_invalid_params() {
    let server = server();
    for params in [
        json!({}),
        json!({ "name": 7 }),
        json!({ "name": null }),
        json!({ "name": "no-such-tool" }),
        json!({ "name": "echo", "arguments": [] }),
        json!({ "name": "echo", "arguments": "x" }),
        json!({ "name": "echo", "requestState": 7 }),
        json!({ "name": "echo", "requestState": "forged" }),
        json!({ "name": "echo", "inputResponses": [] }),
    ] {
        let error = error(&server, &request(1, "tools/call", params.clone())).await;
        assert_eq!(error["code"], -32602, "{params}");
    }
}

#[tokio::test]
async fn unknown_methods_and_versions_are_named() {
    let server = server();
    for method in
        ["nope", "initialize", "ping", "prompts/list", "resources/read", "completion/complete"]
    {
        assert_eq!(
            error(&server, &request(1, method, json!({}))).await["code"],
            -32601,
            "{method}"
        );
    }
    let old = json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "1900-01-01" } });
    let error = error(&server, &request(1, "tools/list", old)).await;
    assert_eq!(error["code"], -32022);
    assert_eq!(error["data"], json!({ "supported": ["2026-07-28"], "requested": "1900-01-01" }));
}

#[tokio::test]
async fn wrong_metadata_is_invalid_params() {
    let server = server();
    for meta in [
        json!({ "io.modelcontextprotocol/clientCapabilities": { "roots": 7 } }),
        json!({ "io.modelcontextprotocol/clientCapabilities": { "extensions": [] } }),
        json!({ "io.modelcontextprotocol/clientInfo": "me" }),
        json!({ "io.modelcontextprotocol/clientInfo": { "name": "me" } }),
    ] {
        let message = request(1, "tools/list", json!({ "_meta": meta }));
        assert_eq!(error(&server, &message).await["code"], -32602, "{meta}");
    }
}

#[tokio::test]
async fn what_a_model_can_mend_is_no_protocol_error() {
    let server = server();
    if cfg!(feature = "validation") {
        let over = result(&server, &call("age", json!({ "age": 151 }))).await;
        assert_eq!(over["isError"], true);
    }
    let wrong = result(&server, &call("echo", json!({ "text": 7 }))).await;
    assert_eq!(wrong["isError"], true);
    assert_eq!(result(&server, &call("age", json!({}))).await["isError"], true);
    let told = result(&server, &call("tells", json!({}))).await;
    assert_eq!((told["isError"].as_bool(), text(&told)), (Some(true), "try 7 instead"));
    let ok = result(&server, &call("age", json!({ "age": 150 }))).await;
    assert!(ok["isError"].is_null());
}

#[cfg(feature = "validation")]
#[tokio::test]
async fn a_violation_names_place_and_limit_and_no_value() {
    let over = result(&server(), &call("age", json!({ "age": 98765 }))).await;
    let said = text(&over);
    assert!(said.contains("/age") && said.contains("150") && !said.contains("98765"), "{said}");
}

#[tokio::test]
async fn failures_do_not_show_their_reasons() {
    let server = server();
    let panicked = error(&server, &call("panics", json!({}))).await;
    assert_eq!(panicked["code"], -32603);
    assert!(!panicked.to_string().contains("secret"));
    let hidden = result(&server, &call("hides", json!({}))).await;
    assert_eq!(hidden["isError"], true);
    assert!(!hidden.to_string().contains("hunter2"));
    // And the server goes on.
    assert_eq!(text(&result(&server, &call("echo", json!({ "text": "on" }))).await), "on");
}

#[tokio::test]
async fn errors_can_be_shown_for_development() {
    let server = Server::builder("app", "1")
        .show_errors(true)
        .tool(ServedTool::new("fails", async || -> Result<String, HandlerError> {
            Err(std::io::Error::other("the reason"))?
        }))
        .build()
        .unwrap();
    assert_eq!(text(&result(&server, &call("fails", json!({}))).await), "the reason");
}

#[tokio::test]
async fn structured_results_come_with_text_and_fit_their_schema() {
    let server = server();
    let sum = result(&server, &call("sum", json!({}))).await;
    assert_eq!(sum["structuredContent"], json!({ "sum": 4 }));
    assert_eq!(text(&sum), r#"{"sum":4}"#);
    if cfg!(feature = "validation") {
        assert_eq!(error(&server, &call("lies", json!({}))).await["code"], -32603);
    }
}

#[tokio::test]
async fn slow_handlers_time_out() {
    let error = error(&server(), &call("sleeps", json!({}))).await;
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32603), &json!("timeout")));
}

#[tokio::test]
async fn nothing_is_logged_or_reported_unless_asked_for() {
    let server = server();
    answer(&server, &call("logs", json!({}))).await; // Exactly one message.
    let mut asked = call("logs", json!({}));
    asked["params"]["_meta"]["progressToken"] = json!("t");
    asked["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("warning");
    let seen = common::messages(exchange(&server, &asked)).await;
    let methods: Vec<_> = seen.iter().map(|message| message["method"].clone()).collect();
    assert_eq!(
        methods,
        [json!("notifications/progress"), json!("notifications/progress"), Value::Null]
    );
    assert_eq!(
        seen[0]["params"],
        json!({ "progressToken": "t", "progress": 1.0, "total": 2.0, "message": "half" })
    );
    asked["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("info");
    let seen = common::messages(exchange(&server, &asked)).await;
    assert!(seen.iter().any(|message| message["method"] == "notifications/message"));
}

#[tokio::test]
async fn a_dropped_exchange_drops_its_handler() {
    struct Guard(Arc<AtomicBool>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("waits", move || {
            let guard = Guard(Arc::clone(&flag));
            async move {
                std::future::pending::<()>().await;
                drop(guard);
            }
        }))
        .build()
        .unwrap();
    let mut running = exchange(&server, &call("waits", json!({})));
    assert!(tokio::time::timeout(Duration::from_millis(5), running.next()).await.is_err());
    assert!(!dropped.load(Ordering::SeqCst));
    drop(running);
    assert!(dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn more_requests_than_allowed_are_refused_and_then_taken_again() {
    let limits = Limits { in_flight: 1, ..Limits::default() };
    let server = Server::builder("app", "1")
        .limits(limits)
        .tool(ServedTool::new("echo", echo))
        .build()
        .unwrap();
    let first = exchange(&server, &call("echo", json!({ "text": "1" })));
    let mut second = exchange(&server, &call("echo", json!({ "text": "2" })));
    match second.next().await {
        Some(ServerMessage::Response(response)) => {
            assert_eq!(response.kind, ResponseKind::Overloaded);
        }
        other => panic!("{other:?}"),
    }
    drop(first);
    assert_eq!(text(&result(&server, &call("echo", json!({ "text": "3" }))).await), "3");
}

#[tokio::test]
async fn lists_have_pages_and_stable_cursors() {
    let mut builder = Server::builder("app", "1").page_size(2).cache_tools(CacheHints::public(5));
    for name in ["e", "a", "d", "b", "c"] {
        builder = builder.tool(ServedTool::new(name, async || "x"));
    }
    let server = builder.build().unwrap();
    let mut names = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
        let page = result(&server, &request(1, "tools/list", params)).await;
        assert_eq!((&page["ttlMs"], &page["cacheScope"]), (&json!(5), &json!("public")));
        let tools = page["tools"].as_array().unwrap();
        names.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        cursor = page["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
        // What comes and goes elsewhere does not break the cursor.
        server.handle().add_tool(ServedTool::new("z", async || "x")).unwrap();
        server.handle().remove_tool("z");
    }
    assert_eq!(names, ["e", "a", "d", "b", "c"]);
    for bad in ["", "k.", "k.!!", "x", "k.bm9uZQ"] {
        let error = error(&server, &request(1, "tools/list", json!({ "cursor": bad }))).await;
        assert_eq!(error["code"], -32602, "{bad}");
    }
    assert_eq!(
        error(&server, &request(1, "tools/list", json!({ "cursor": 7 }))).await["code"],
        -32602
    );
}

#[tokio::test]
async fn resources_that_do_not_exist_are_invalid_params() {
    let server = Server::builder("app", "1")
        .resource(ServedResource::new("x:1", "one", async || one_text("x:1", "one")))
        .build()
        .unwrap();
    let one = result(&server, &request(1, "resources/read", json!({ "uri": "x:1" }))).await;
    assert_eq!(one["contents"][0]["text"], "one");
    let error = error(&server, &request(1, "resources/read", json!({ "uri": "x:2" }))).await;
    assert_eq!((&error["code"], &error["data"]["uri"]), (&json!(-32602), &json!("x:2")));
}

#[tokio::test]
async fn prompts_check_their_arguments() {
    #[derive(Deserialize, JsonSchema)]
    struct Greet {
        name: String,
        tone: Option<String>,
    }
    let server = Server::builder("app", "1")
        .prompt(ServedPrompt::new("greet", async |Args(greet): Args<Greet>| {
            format!("Greet {} {}", greet.name, greet.tone.unwrap_or_default())
        }))
        .build()
        .unwrap();
    let get = |arguments: Value| {
        request(1, "prompts/get", json!({ "name": "greet", "arguments": arguments }))
    };
    let greeted = result(&server, &get(json!({ "name": "Ada" }))).await;
    assert_eq!(greeted["messages"][0]["content"]["text"], "Greet Ada ");
    for bad in [json!({}), json!({ "name": 7 }), json!({ "tone": "x" })] {
        assert_eq!(error(&server, &get(bad.clone())).await["code"], -32602, "{bad}");
    }
    let listed = result(&server, &request(1, "prompts/list", json!({}))).await;
    let arguments = &listed["prompts"][0]["arguments"];
    assert_eq!(arguments[0], json!({ "name": "name", "required": true }));
}

#[tokio::test]
async fn numbers_keep_their_digits() {
    let server = Server::builder("app", "1")
        .tool(
            ServedTool::new("same", async |RawArgs(arguments): RawArgs| arguments.get().to_owned())
                .input_schema(schema(json!({ "type": "object" }))),
        )
        .build()
        .unwrap();
    let body = call("same", json!({})).to_string().replace(
        r#""arguments":{}"#,
        r#""arguments":{"a":1.10,"b":12345678901234567890123,"c":1e400}"#,
    );
    let Ok(mcp_core::ClientMessage::Request(request)) =
        mcp_core::ClientMessage::parse(body.into_bytes())
    else {
        panic!()
    };
    let seen = common::messages(server.dispatch(request, Default::default())).await;
    let said = seen[0]["result"]["content"][0]["text"].as_str();
    if cfg!(feature = "validation") {
        // 1e400 is beyond what the validator can hold: refused by name, not changed.
        assert!(said.unwrap().contains("do not fit"), "{said:?}");
    } else {
        assert_eq!(said, Some(r#"{"a":1.10,"b":12345678901234567890123,"c":1e400}"#));
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    struct Missing;
    let errors = Server::builder("app", "1")
        .tool(ServedTool::new("bad name", async || "x"))
        .tool(ServedTool::new("twice", async || "x"))
        .tool(ServedTool::new("twice", async || "x"))
        .tool(ServedTool::new("needs", async |_: State<Missing>| "x"))
        .tool(ServedTool::new("list", async |Args(_): Args<Vec<u8>>| "x"))
        .tool(ServedTool::new("header", echo).mirror_header("text", "not a token"))
        .resource(ServedResource::new("no-scheme", "x", async || one_text("x:", "x")))
        .build()
        .err()
        .unwrap();
    let has = |matches: fn(&BuildError) -> bool| errors.as_slice().iter().any(matches);
    assert!(has(|e| matches!(e, BuildError::Name { name, .. } if name == "bad name")), "{errors}");
    assert!(has(|e| matches!(e, BuildError::Duplicate { name, .. } if name == "twice")));
    assert!(has(|e| matches!(e, BuildError::MissingState { user, .. } if user == "needs")));
    assert!(has(
        |e| matches!(e, BuildError::Schema { tool, which: "input", .. } if tool == "list")
    ));
    assert!(has(
        |e| matches!(e, BuildError::Schema { tool, which: "x-mcp-header", .. } if tool == "header")
    ));
    assert!(has(|e| matches!(e, BuildError::Name { name, .. } if name == "no-scheme")));
    assert!(errors.as_slice().len() >= 6);
}

#[test]
fn a_header_needs_a_parameter_with_a_type() {
    for properties in [json!({ "text": true }), json!({}), json!([]), json!(7)] {
        let tool = ServedTool::new("odd", async |RawArgs(_): RawArgs| "x")
            .input_schema(schema(json!({ "type": "object", "properties": properties })))
            .mirror_header("text", "Text");
        let errors = Server::builder("app", "1").tool(tool).build().err();
        let refused = |errors: &mcp_core::server::BuildErrors| {
            errors.as_slice().iter().any(|e| matches!(e, BuildError::Schema { .. }))
        };
        // Without the validator nobody looks at a schema whose properties are no object.
        let checked = properties.is_object() || cfg!(feature = "validation");
        assert_eq!(errors.as_ref().is_some_and(refused), checked, "{properties}: {errors:?}");
    }
}

#[test]
fn reserved_codes_cannot_be_made() {
    for code in -32768..=-32000 {
        assert!(mcp_core::ApplicationCode::try_new(code).is_none(), "{code}");
    }
    for code in [i64::MIN, -32769, -31999, -1, 0, 1, 4001, i64::MAX] {
        assert!(mcp_core::ApplicationCode::try_new(code).is_some(), "{code}");
    }
    let code = mcp_core::ApplicationCode::new(4001);
    assert_eq!(Error::application(code, "sold out").code(), 4001);
}
