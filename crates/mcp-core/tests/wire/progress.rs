//! Progress: which tokens, which values, and until when.

use std::sync::Arc;

use mcp_core::protocol::LoggingLevel;
use mcp_core::server::{Cx, InputError, ServedTool, Server};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::common::pipe::Peer;
use crate::common::{declaring, exchange, messages};
use crate::support::everything;

fn reporting(tool: &str, token: Value) -> Value {
    let mut message = declaring(everything(), "tools/call", json!({ "name": tool }));
    message["params"]["_meta"]["progressToken"] = token;
    message["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("debug");
    message
}

#[tokio::test]
async fn kinds_of_progress_tokens() {
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("reports", async |cx: Cx| {
            cx.progress(1, 2, "");
            "done"
        }))
        .build()
        .unwrap();
    for token in [json!("a"), json!(""), json!("7"), json!(0), json!(-1), json!(1_i64 << 53)] {
        let seen = messages(exchange(&server, &reporting("reports", token.clone()))).await;
        assert_eq!(seen[0]["params"]["progressToken"], token);
        assert_eq!(seen.len(), 2);
    }
    let mut peer = Peer::new(server);
    for token in [json!(true), json!(1.5), json!({}), json!([1])] {
        let refused = peer.ask(&reporting("reports", token.clone())).await;
        assert_eq!(refused[0]["error"]["code"], -32602, "{token}");
        assert!(refused[0]["error"]["message"].as_str().unwrap().contains("progressToken"));
    }
}

#[tokio::test]
async fn progress_only_grows() {
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("reports", async |cx: Cx| {
            for value in [1.0, 2.0, 2.0, 1.0, f64::NAN, -5.0, f64::INFINITY, 2.5, 2.4, 3.0] {
                cx.progress(value, 3, "");
                tokio::task::yield_now().await;
            }
            "done"
        }))
        .build()
        .unwrap();
    let mut seen = messages(exchange(&server, &reporting("reports", json!("t")))).await;
    assert_eq!(seen.pop().unwrap()["id"], 1);
    let values: Vec<_> = seen.iter().map(|message| message["params"]["progress"].clone()).collect();
    assert_eq!(values, [json!(1.0), json!(2.0), json!(2.5), json!(3.0)]);
}

/// Leaves a task behind that speaks when `gate` opens, and opens `spoken` then.
fn speak_later(cx: Cx, gate: &Arc<Semaphore>, spoken: &Arc<Semaphore>) {
    let (gate, spoken) = (Arc::clone(gate), Arc::clone(spoken));
    tokio::spawn(async move {
        gate.acquire().await.unwrap().forget();
        cx.progress(99, 100, "late");
        cx.log(LoggingLevel::Error, None, &"late");
        spoken.add_permits(1);
    });
}

#[tokio::test]
async fn late_progress_is_dropped() {
    let [gate, spoken] = [0, 0].map(|permits| Arc::new(Semaphore::new(permits)));
    let [(a, b), (c, d), (e, f)] = [(); 3].map(|()| (Arc::clone(&gate), Arc::clone(&spoken)));
    let server = Server::builder("app", "1")
        .logging()
        .tool(ServedTool::new("answers", move |cx: Cx| {
            speak_later(cx, &a, &b);
            async { "done" }
        }))
        .tool(ServedTool::new("asks", move |cx: Cx| {
            speak_later(cx.clone(), &c, &d);
            async move { Ok::<_, InputError>(cx.roots("roots").await?.len().to_string()) }
        }))
        .tool(ServedTool::new("waits", move |cx: Cx| {
            speak_later(cx.clone(), &e, &f);
            async move {
                cx.progress(1, 100, "begun");
                std::future::pending::<String>().await
            }
        }))
        .build()
        .unwrap();
    let mut peer = Peer::new(server);
    for (tool, kind) in [("answers", "complete"), ("asks", "input_required")] {
        let seen = peer.ask(&reporting(tool, json!("t"))).await;
        assert_eq!(seen[0]["result"]["resultType"], kind);
        gate.add_permits(1);
        spoken.acquire().await.unwrap().forget();
    }
    // Cancelled, not answered.
    peer.send(&reporting("waits", json!("t"))).await;
    assert_eq!(peer.next().await["params"]["message"], "begun");
    let cancel = json!({ "requestId": 1 });
    let method = "notifications/cancelled";
    peer.send(&json!({ "jsonrpc": "2.0", "method": method, "params": cancel })).await;
    let mut again = reporting("answers", json!("again"));
    again["id"] = json!("again");
    assert_eq!(peer.ask(&again).await[0]["id"], "again");
    gate.add_permits(2);
    spoken.acquire_many(2).await.unwrap().forget();
    let (rest, ended) = peer.end().await;
    assert!(rest.is_empty(), "{rest:?}");
    ended.unwrap();
}
