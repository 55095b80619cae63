//! A client and a server in one program, and servers that misbehave.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use mcp_core::Shutdown;
use mcp_core::client::{Client, ClientError};
use mcp_core::server::{Cx, ServedTool, Server};
use mcp_core::transport::{StdioOptions, serve_lines};
use mcp_testkit::{
    FakeServer, Fault, Faulty, LineClient, Pair, PublishedSchema, Sender, call_tool,
};
use serde_json::{Value, json};

fn server() -> Server {
    Server::builder("test", "1.0.0")
        .tool(ServedTool::new("count", async |cx: Cx| {
            cx.progress(1, 1, "");
            "done"
        }))
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_wire_keeps_both_sides_in_order() {
    let pair = Pair::new(&server(), Client::builder("test", "1.0.0")).unwrap();
    pair.wire.clear();
    pair.client.call("count").progress(|_| {}).send().await.unwrap();
    let calls = pair.wire.messages_of("tools/call");
    assert_eq!(calls.len(), 1);
    let messages = pair.wire.messages();
    let of_call: Vec<_> = messages
        .iter()
        .skip_while(|(_, message)| message["method"] != "tools/call")
        .map(|(sender, message)| (*sender, message["method"].as_str().unwrap_or("response")))
        .collect();
    assert_eq!(
        of_call,
        [
            (Sender::Client, "tools/call"),
            (Sender::Server, "notifications/progress"),
            (Sender::Server, "response"),
        ]
    );
    assert_eq!(messages.last().unwrap().1["id"], calls[0]["id"]);
    pair.wire.assert_published();
}

#[tokio::test]
#[should_panic(expected = "messages depart from the schema")]
async fn a_message_that_departs_from_the_schema_is_told() {
    assert!(
        PublishedSchema::locate().unwrap().is_some(),
        "messages depart from the schema: skipped"
    );
    let fake = FakeServer::new(|request| {
        vec![FakeServer::result(request, json!({ "resultType": "complete", "tools": 7 }))]
    });
    let pair = Pair::over(&server(), fake, Client::builder("test", "1.0.0")).unwrap();
    let _ = pair.client.request_raw("tools/list", &json!({})).await;
    pair.wire.assert_published();
}

#[tokio::test]
async fn a_server_that_breaks_off_is_an_error_of_the_call() {
    let silent = FakeServer::new(|_| Vec::new());
    let client = Client::builder("test", "1.0.0").connect(silent).unwrap();
    let error = client.request_raw("x/y", &json!({})).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(_)), "{error}");
    let refusing = FakeServer::new(|request| vec![FakeServer::error(request, 4001, "no")]);
    let client = Client::builder("test", "1.0.0").connect(refusing).unwrap();
    let error = client.request_raw("x/y", &json!({})).await.unwrap_err();
    assert!(error.to_string().contains("no"), "{error}");
}

/// Serves over a pipe with faults on the client's side of it.
fn faulty(read: Option<Fault>, write: Option<Fault>) -> LineClient {
    let (near, far) = tokio::io::duplex(64);
    let (input, output) = tokio::io::split(far);
    let (trigger, shutdown) = Shutdown::new();
    tokio::spawn(async move {
        let _trigger = trigger;
        let _ = serve_lines(server(), input, output, StdioOptions::default(), shutdown).await;
    });
    let (near, _) = Faulty::new(near, read, write);
    let (output, input) = tokio::io::split(near);
    LineClient::over(output, input)
}

#[tokio::test]
async fn a_dripping_stream_changes_nothing() {
    let mut client = faulty(Some(Fault::Drip(1)), Some(Fault::Drip(3)));
    let answer = client.ask(call_tool("count", json!({})).id(1)).await.unwrap();
    assert_eq!(answer.assert_text(), "done");
}

#[tokio::test]
async fn a_cut_stream_is_a_named_error() {
    let mut client = faulty(Some(Fault::CutAfter(20)), None);
    client.send(&call_tool("count", json!({})).id(1)).await.unwrap();
    let error = client.next_message().await.unwrap_err();
    assert!(error.to_string().contains("is no JSON object"), "{error}");
    let ended: Result<Value, _> = client.next_message().await;
    assert!(ended.unwrap_err().to_string().contains("has ended"));
}
