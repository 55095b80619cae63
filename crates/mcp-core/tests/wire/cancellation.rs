//! Cancellation over lines: what stops, what is ignored, and what a server never says.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_core::server::{Cx, ServedTool};
use mcp_core::transport::StdioOptions;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::common::pipe::{Peer, start};
use crate::common::{call, request};
use crate::support::{builder, echo};

fn cancelled(params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params })
}

/// A gate that lets nobody through yet.
fn closed() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}

fn peer(gate: &Arc<Semaphore>, options: StdioOptions) -> Peer {
    let gate = Arc::clone(gate);
    let server = builder()
        .tool(ServedTool::new("ticks", async |cx: Cx| -> String {
            let mut ticks = 0;
            loop {
                ticks += 1;
                cx.progress(ticks, None, "");
                tokio::task::yield_now().await;
            }
        }))
        .tool(ServedTool::new("gated", move || {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                "through"
            }
        }))
        .tool(ServedTool::new("panics", async || -> String { panic!("a bug") }))
        .tool(
            ServedTool::new("sleeps", async || std::future::pending::<String>().await)
                .timeout(Duration::from_millis(10)),
        )
        .build()
        .unwrap();
    start(server, options)
}

fn gated(id: impl Into<Value>) -> Value {
    request(id, "tools/call", json!({ "name": "gated" }))
}

#[tokio::test]
async fn silence_after_cancellation() {
    let mut peer = peer(&closed(), StdioOptions::default());
    let mut ticks = call("ticks", json!({}));
    ticks["params"]["_meta"]["progressToken"] = json!("ticks");
    peer.send(&ticks).await;
    for _ in 0..3 {
        assert_eq!(peer.next().await["params"]["progressToken"], "ticks");
    }
    peer.send(&cancelled(json!({ "requestId": 1 }))).await;
    peer.send(&echo(2, "x")).await;
    // What was on its way may come; what follows the next answer cannot have been.
    while peer.next().await["id"] != 2 {}
    for id in 3..10 {
        peer.send(&echo(id, "x")).await;
        assert_eq!(peer.next().await["id"], id);
    }
    let (rest, ended) = peer.end().await;
    assert!(rest.is_empty(), "{rest:?}");
    ended.unwrap();
}

#[tokio::test]
async fn crossing_cancellation() {
    let gate = closed();
    let mut peer = peer(&gate, StdioOptions::default());
    // After the answer, and twice.
    peer.send(&echo(1, "x")).await;
    assert_eq!(peer.next().await["id"], 1);
    for _ in 0..2 {
        peer.send(&cancelled(json!({ "requestId": 1 }))).await;
    }
    // For what never was, and for what comes only later.
    peer.send(&cancelled(json!({ "requestId": "never" }))).await;
    peer.send(&cancelled(json!({ "requestId": 2 }))).await;
    peer.send(&gated(2)).await;
    gate.add_permits(1);
    assert_eq!(peer.next().await["id"], 2);
    // Twice while it runs; then its id is free again.
    peer.send(&gated(3)).await;
    for _ in 0..2 {
        peer.send(&cancelled(json!({ "requestId": 3 }))).await;
    }
    peer.send(&echo(3, "again")).await;
    let again = peer.next().await;
    assert_eq!(again["result"]["content"][0]["text"], "again", "{again}");
    assert!(peer.end().await.0.is_empty());
}

#[tokio::test]
async fn bad_cancellations_are_ignored() {
    let gate = closed();
    let mut peer = peer(&gate, StdioOptions::default());
    peer.send(&gated(1)).await;
    for params in [
        json!({}),
        json!({ "requestId": null }),
        json!({ "requestId": 1.5 }),
        json!({ "requestId": "1" }),
        json!({ "requestId": [1] }),
        json!({ "requestId": 2 }),
        json!({ "requestid": 1 }),
        json!([1]),
        json!(1),
        Value::Null,
    ] {
        peer.send(&cancelled(params)).await;
    }
    peer.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" })).await;
    peer.send(&echo(2, "x")).await;
    let mut seen = vec![peer.next().await];
    while seen.last().unwrap()["id"] != 2 {
        seen.push(peer.next().await);
    }
    // A message of the wrong shape may be refused, without an id: it is a notification.
    assert!(seen[..seen.len() - 1].is_empty(), "{seen:?}");
    gate.add_permits(1);
    assert_eq!(peer.next().await["result"]["content"][0]["text"], "through");
}

#[tokio::test]
async fn server_cancels_nothing_else() {
    let options = StdioOptions { drain: Duration::from_millis(50), ..StdioOptions::default() };
    let mut peer = peer(&closed(), options);
    let mut seen = Vec::new();
    for tool in ["panics", "sleeps"] {
        seen.extend(peer.ask(&call(tool, json!({}))).await);
    }
    assert!(seen.iter().all(|answer| answer["error"]["code"] == -32603), "{seen:?}");
    peer.send(&gated("open")).await;
    peer.send(&gated("cancelled")).await;
    peer.send(&cancelled(json!({ "requestId": "cancelled" }))).await;
    seen.extend(peer.ask(&echo("echo", "x")).await);
    peer.trigger.request();
    let (rest, ended) = peer.end().await;
    ended.unwrap();
    seen.extend(rest);
    assert!(seen.iter().all(|message| message["method"] != "notifications/cancelled"), "{seen:?}");
    assert!(seen.iter().all(|message| message["id"] != "cancelled"), "{seen:?}");
}

/// Writes events down, one a line.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl tracing::Subscriber for Notes {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("mcp_core")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn reason_is_logged() {
    let notes = Notes::default();
    let long = "y".repeat(100_000);
    tracing::subscriber::with_default(notes.clone(), || {
        // Another test may be registering the place that logs just now, without knowing of us.
        tracing::callsite::rebuild_interest_cache();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut peer = peer(&closed(), StdioOptions::default());
            for (id, reason) in [
                ("a", json!("the user\nclosed \u{1b}[31mthe tab")),
                ("b", json!(long)),
                ("c", json!(7)),
                ("d", Value::Null),
            ] {
                peer.send(&gated(id)).await;
                peer.send(&cancelled(json!({ "requestId": id, "reason": reason }))).await;
            }
            peer.ask(&echo("echo", "x")).await;
            assert!(peer.end().await.0.is_empty());
        });
    });
    let lines = notes.0.lock().unwrap().clone();
    let about = |id: &str| {
        let found: Vec<_> = lines
            .iter()
            .filter(|line| line.contains("was cancelled") && line.contains(&format!("id={id}")))
            .collect();
        assert_eq!(found.len(), 1, "{id}: {lines:?}");
        found[0].clone()
    };
    let said = about("a");
    assert!(said.contains("the user") && said.contains("the tab"), "{said}");
    assert!(!said.contains('\n') && !said.contains('\u{1b}'), "{said}");
    let said = about("b");
    assert!(said.contains("yyyy") && said.len() < 1000, "{}", said.len());
    // A reason that is none leaves the cancellation what it is.
    about("c");
    about("d");
}
