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
use mcp_core::protocol::{LoggingLevel, ReadResourceResult};
use mcp_core::server::{
    Args, Cx, ServedPrompt, ServedResource, ServedTemplate, ServedTool, Server,
};
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

/// The four lists as they are sent, one after the other.
async fn lists(peer: &mut Peer) -> Vec<Value> {
    let mut seen = Vec::new();
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        peer.send(&request(method, method, json!({}))).await;
        loop {
            let message = peer.next().await;
            if message["id"] == method {
                seen.push(message);
                break;
            }
        }
    }
    seen
}

#[tokio::test]
async fn lists_do_not_depend_on_the_past() {
    fn resource() -> ReadResourceResult {
        ReadResourceResult::new(Vec::new())
    }
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("echo", async |Args(Echo { text }): Args<Echo>| text))
        .prompt(ServedPrompt::new("greet", async || "Hello".to_owned()))
        .resource(ServedResource::new("x:1", "one", async || resource()))
        .template(ServedTemplate::new("y:{id}", "some", async || resource()))
        .build()
        .unwrap();
    let mut one = start(server.clone(), StdioOptions::default());
    let before = lists(&mut one).await;
    assert!(before.iter().all(|list| list["result"].is_object()));
    one.send(&echo(1, "x")).await;
    one.send(&call("unknown", json!({}))).await;
    one.send(&request(3, "prompts/get", json!({ "name": "greet" }))).await;
    one.send(&request(4, "resources/read", json!({ "uri": "x:1" }))).await;
    let listen = json!({ "notifications": { "toolsListChanged": true } });
    one.send(&request(5, "subscriptions/listen", listen)).await;
    assert_eq!(lists(&mut one).await, before, "after other requests");
    let mut other = start(server, StdioOptions::default());
    assert_eq!(lists(&mut other).await, before, "on another connection");
}

#[tokio::test]
async fn logs_stay_before_their_own_answers() {
    let server = Server::builder("app", "1")
        .logging()
        .tool(ServedTool::new("logs", async |cx: Cx, Args(Echo { text }): Args<Echo>| {
            cx.log(LoggingLevel::Info, None, &format!("low {text}"));
            tokio::task::yield_now().await;
            cx.log(LoggingLevel::Error, None, &format!("high {text}"));
            text
        }))
        .build()
        .unwrap();
    let mut peer = start(server, StdioOptions::default());
    for (id, level) in [(1, Some("debug")), (2, Some("warning")), (3, None)] {
        let mut message = call("logs", json!({ "text": id.to_string() }));
        message["id"] = json!(id);
        if let Some(level) = level {
            message["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!(level);
        }
        peer.send(&message).await;
    }
    let (seen, _) = peer.end().await;
    let place = |wanted: &dyn Fn(&Value) -> bool| seen.iter().position(wanted);
    let answered = |id: i64| place(&|message| message["id"] == id).unwrap();
    for (id, expected) in [(1, vec!["low 1", "high 1"]), (2, vec!["high 2"]), (3, vec![])] {
        let own: Vec<_> = seen
            .iter()
            .enumerate()
            .filter(|(_, message)| {
                let data = message["params"]["data"].as_str();
                data.is_some_and(|data| data.ends_with(&id.to_string()))
            })
            .collect();
        let data: Vec<_> = own.iter().map(|(_, message)| &message["params"]["data"]).collect();
        assert_eq!(data, expected, "{id}");
        assert!(own.iter().all(|(at, _)| *at < answered(id)), "{id}: none after the answer");
    }
    assert_eq!(seen.len(), 6, "and nothing else: {seen:?}");
}
