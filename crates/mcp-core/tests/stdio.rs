//! A server on a pair of byte streams.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::pipe::{Peer, start};
use common::{call, request};
use mcp_core::server::{Args, Cx, ServedTool, Server};
use mcp_core::transport::StdioOptions;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

#[derive(Deserialize, JsonSchema)]
struct Echo {
    text: String,
}

fn server(gate: &Arc<Notify>, dropped: &Arc<AtomicUsize>) -> Server {
    struct Guard(Arc<AtomicUsize>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (gate, dropped) = (Arc::clone(gate), Arc::clone(dropped));
    Server::builder("app", "1")
        .tool(ServedTool::new("echo", async |Args(Echo { text }): Args<Echo>| text))
        .tool(ServedTool::new("waits", move || {
            let (gate, guard) = (Arc::clone(&gate), Guard(Arc::clone(&dropped)));
            async move {
                gate.notified().await;
                drop(guard);
                "waited"
            }
        }))
        .tool(ServedTool::new("reports", async |cx: Cx| {
            for step in 0..1000 {
                cx.progress(step, 1000, "");
                tokio::task::yield_now().await;
            }
            "reported"
        }))
        .build()
        .unwrap()
}

fn peer() -> Peer {
    start(server(&Arc::default(), &Arc::default()), StdioOptions::default())
}

fn echo(id: impl Into<Value>, text: &str) -> Value {
    request(id, "tools/call", json!({ "name": "echo", "arguments": { "text": text } }))
}

#[tokio::test]
async fn requests_are_answered_and_the_end_of_input_ends_serving() {
    let mut peer = peer();
    peer.send(&echo(1, "a")).await;
    assert_eq!(peer.next().await["result"]["content"][0]["text"], "a");
    peer.send_raw(echo(2, "last, without a line end").to_string().as_bytes()).await;
    let (rest, ended) = peer.end().await;
    assert_eq!((rest[0]["id"].clone(), rest.len()), (json!(2), 1));
    ended.unwrap();
}

#[tokio::test]
async fn bad_messages_are_answered_and_the_next_one_is_read() {
    let options = StdioOptions { max_line_bytes: 1000, ..StdioOptions::default() };
    let mut peer = start(server(&Arc::default(), &Arc::default()), options);
    for (line, code) in [
        ("{", -32700),
        ("\u{fffd}nonsense", -32700),
        ("[]", -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, -32600),
        (&*"x".repeat(5000), -32600),
    ] {
        peer.send_raw(format!("{line}\n").as_bytes()).await;
        let answer = peer.next().await;
        assert_eq!(answer["error"]["code"], code, "{line:.40}");
        assert!(answer.get("id").is_none());
    }
    peer.send_raw(b"\xff\xfe\n\r\n   \n").await;
    assert_eq!(peer.next().await["error"]["code"], -32700);
    peer.send(&echo(3, "still here")).await;
    assert_eq!(peer.next().await["id"], 3);
}

#[tokio::test]
async fn a_line_of_16_mib_is_refused_and_the_next_one_read() {
    let mut peer = peer();
    let mut line = vec![b'x'; 16 * 1024 * 1024];
    line.push(b'\n');
    peer.send_raw(&line).await;
    peer.send(&echo(1, "after")).await;
    assert_eq!(peer.next().await["error"]["code"], -32600);
    assert_eq!(peer.next().await["id"], 1);
}

#[tokio::test]
async fn a_notification_may_come_first_and_is_not_answered() {
    let mut peer = peer();
    peer.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } })).await;
    peer.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": [] }))
        .await;
    peer.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    peer.send(&echo(1, "x")).await;
    assert_eq!(peer.next().await["id"], 1);
}

#[tokio::test]
async fn a_duplicate_id_in_flight_is_refused_without_that_id() {
    let gate = Arc::new(Notify::new());
    let mut peer = start(server(&gate, &Arc::default()), StdioOptions::default());
    let mut waiting = call("waits", json!({}));
    waiting["id"] = json!("same");
    peer.send(&waiting).await;
    peer.send(&echo("same", "x")).await;
    let refused = peer.next().await;
    assert_eq!(refused["error"]["code"], -32600);
    assert!(refused.get("id").is_none());
    gate.notify_one();
    assert_eq!(peer.next().await["result"]["content"][0]["text"], "waited");
    peer.send(&echo("same", "again")).await;
    assert_eq!(peer.next().await["result"]["content"][0]["text"], "again");
}

#[tokio::test]
async fn requests_interleave_and_a_cancelled_one_is_silent() {
    let (gate, dropped) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let mut peer = start(server(&gate, &dropped), StdioOptions::default());
    let mut waiting = call("waits", json!({}));
    waiting["id"] = json!(1);
    peer.send(&waiting).await;
    peer.send(&echo(2, "in between")).await;
    assert_eq!(peer.next().await["id"], 2);
    peer.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1, "reason": "enough" } })).await;
    peer.send(&echo(3, "after")).await;
    assert_eq!(peer.next().await["id"], 3);
    while dropped.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    gate.notify_one();
    let (rest, ended) = peer.end().await;
    assert!(rest.is_empty(), "{rest:?}");
    ended.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_nothing_that_was_read() {
    let mut peer = peer();
    // Many more bytes of answers than the pipe holds, written before any of them is read.
    let text = "y".repeat(1000);
    for id in 0..500 {
        peer.send(&echo(id, &text)).await;
    }
    for id in 0..500 {
        assert_eq!(peer.next().await["id"], id);
    }
}

#[tokio::test]
async fn progress_is_in_order_and_precedes_the_answer() {
    let mut peer = peer();
    let mut reports = call("reports", json!({}));
    reports["params"]["_meta"]["progressToken"] = json!(5);
    peer.send(&reports).await;
    let mut last = -1.0;
    loop {
        let message = peer.next().await;
        if message["id"] == 1 {
            break;
        }
        let progress = message["params"]["progress"].as_f64().unwrap();
        assert!(progress > last);
        last = progress;
    }
    let (rest, _) = peer.end().await;
    assert!(rest.is_empty(), "nothing follows the answer");
}

#[tokio::test]
async fn shutdown_ends_subscriptions_and_serving() {
    let mut peer = peer();
    peer.send(&request(
        1,
        "subscriptions/listen",
        json!({ "notifications": { "toolsListChanged": true } }),
    ))
    .await;
    assert_eq!(peer.next().await["method"], "notifications/subscriptions/acknowledged");
    peer.trigger.request();
    let cancelled = peer.next().await;
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], 1);
    assert_eq!(peer.next().await["result"]["resultType"], "complete");
    peer.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn handlers_that_never_end_do_not_keep_the_server_up() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let options = StdioOptions { drain: Duration::from_millis(50), ..StdioOptions::default() };
    let mut peer = start(server(&Arc::default(), &dropped), options);
    peer.send(&call("waits", json!({}))).await;
    let (rest, ended) = peer.end().await;
    assert!(rest.is_empty());
    ended.unwrap();
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}
