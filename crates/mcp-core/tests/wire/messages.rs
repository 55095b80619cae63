//! Requests, notifications, responses: which is which, and what each is answered.

use std::sync::Arc;

use mcp_core::server::{Args, ServedTool, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::common::pipe::Peer;
use crate::common::{answer, error, exchange, messages, request, result};
use crate::support::{call, echo, listen, server};

#[tokio::test]
async fn server_with_nothing_still_speaks() {
    let server = Server::builder("nothing", "1").build().unwrap();
    let discovered = result(&server, &request(1, "server/discover", json!({}))).await;
    assert_eq!(discovered["capabilities"], json!({}));
    let listening = exchange(&server, &listen(2, json!({ "toolsListChanged": true })));
    server.end_subscriptions();
    let seen = messages(listening).await;
    assert_eq!(seen[0]["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(seen[0]["params"]["notifications"], json!({}));
    assert_eq!((&seen[1]["id"], seen.len()), (&json!(2), 2));
    for method in ["tools/list", "tools/call", "prompts/list", "resources/list"] {
        assert_eq!(error(&server, &request(3, method, json!({}))).await["code"], -32601);
    }
}

#[tokio::test]
async fn notification_with_id_is_a_request() {
    for method in ["notifications/cancelled", "notifications/progress", "notifications/x"] {
        let response = answer(&server(), &request(5, method, json!({ "requestId": 1 }))).await;
        assert_eq!((&response["id"], &response["error"]["code"]), (&json!(5), &json!(-32601)));
    }
}

#[tokio::test]
async fn notifications_get_no_answer() {
    let mut peer = Peer::new(server());
    for _ in 0..2 {
        for text in [
            r#"{"jsonrpc":"2.0","method":"notifications/nobody/knows"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}"#,
            r#"{"jsonrpc":"2.0","method":"server/discover"}"#,
        ] {
            peer.send_raw(format!("{text}\n").as_bytes()).await;
        }
        // The first line that comes is the answer of what has an id.
        peer.send(&echo("next", "x")).await;
        assert_eq!(peer.next().await["id"], "next");
    }
    let (rest, ended) = peer.end().await;
    assert!(rest.is_empty(), "{rest:?}");
    ended.unwrap();
}

#[tokio::test]
async fn server_ignores_responses() {
    let mut peer = Peer::new(server());
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":"x","error":{"code":-32603,"message":"m"}}"#,
    ] {
        peer.send_raw(format!("{text}\n").as_bytes()).await;
        let refused = peer.next().await;
        assert_eq!(refused["error"]["code"], -32600);
        assert!(refused.get("id").is_none());
    }
    peer.send(&echo(1, "x")).await;
    assert_eq!(peer.next().await["id"], 1);
}

#[tokio::test]
async fn server_writes_no_requests() {
    let mut peer = Peer::new(server());
    let mut seen = Vec::new();
    for tool in ["form", "url", "sample", "sample_tools", "roots"] {
        let mut asks = call(tool, json!({}), json!({}));
        asks["params"]["_meta"]["progressToken"] = json!("t");
        asks["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("debug");
        let said = peer.ask(&asks).await;
        assert_eq!(said.last().unwrap()["result"]["resultType"], "input_required", "{tool}");
        seen.extend(said);
    }
    assert!(seen.iter().any(|message| message["method"] == "notifications/progress"));
    assert!(seen.iter().any(|message| message["method"] == "notifications/message"));
    peer.send(&listen("s", json!({ "toolsListChanged": true }))).await;
    seen.push(peer.next().await);
    peer.trigger.request();
    let (rest, ended) = peer.end().await;
    ended.unwrap();
    seen.extend(rest);
    for message in &seen {
        let (id, method) = (message.get("id"), message.get("method"));
        assert!(id.is_some() != method.is_some(), "{message}");
    }
}

#[derive(Deserialize, JsonSchema)]
struct Turn {
    turn: usize,
}

#[tokio::test]
async fn interleaved_answers_keep_their_ids() {
    const CALLS: usize = 100;
    let gates: Arc<Vec<_>> = Arc::new((0..CALLS).map(|_| Semaphore::new(0)).collect());
    let inner = Arc::clone(&gates);
    let waits = ServedTool::new("waits", move |Args(Turn { turn }): Args<Turn>| {
        let gates = Arc::clone(&inner);
        async move {
            gates[turn].acquire().await.map(drop).unwrap();
            format!("turn {turn}")
        }
    });
    let mut peer = Peer::new(Server::builder("app", "1").tool(waits).build().unwrap());
    for turn in 0..CALLS {
        let id = if turn % 2 == 0 { json!(turn) } else { json!(turn.to_string()) };
        let params = json!({ "name": "waits", "arguments": { "turn": turn } });
        peer.send(&request(id, "tools/call", params)).await;
    }
    for turn in (0..CALLS).rev() {
        gates[turn].add_permits(1);
        let response = peer.next().await;
        let id = if turn % 2 == 0 { json!(turn) } else { json!(turn.to_string()) };
        assert_eq!(response["id"], id);
        assert_eq!(response["result"]["content"][0]["text"], format!("turn {turn}"));
    }
}

#[tokio::test]
async fn unserved_version_is_named() {
    let mut peer = Peer::new(server());
    let discovered = peer.ask(&request(1, "server/discover", json!({}))).await.remove(0);
    let supported = &discovered["result"]["supportedVersions"];
    for version in ["1900-01-01", "2025-11-25", "2099-01-01", ""] {
        let mut old = echo("v", "x");
        old["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(version);
        let refused = peer.ask(&old).await.remove(0);
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!("v"), &json!(-32022)));
        assert_eq!(
            refused["error"]["data"],
            json!({ "supported": supported, "requested": version })
        );
    }
    // Each request has its own: the connection is not spoilt.
    assert!(peer.ask(&echo(2, "x")).await[0]["result"].is_object());
}

#[tokio::test]
async fn initialize_is_told_the_versions() {
    let mut peer = Peer::new(server());
    let old: Value = serde_json::from_str(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",
            "capabilities":{"roots":{"listChanged":true}},"clientInfo":{"name":"old","version":"1"}}}"#,
    )
    .unwrap();
    let refused = peer.ask(&old).await.remove(0);
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(0), &json!(-32022)));
    assert_eq!(refused["error"]["data"]["supported"], json!(["2026-07-28"]));
    assert!(peer.ask(&echo(2, "x")).await[0]["result"].is_object());
}
