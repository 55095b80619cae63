//! Subscriptions: what comes first, under which id, and how they end.

use futures_util::FutureExt;
use mcp_core::server::{Exchange, ServedTool, Server, ServerMessage};
use serde_json::{Value, json};

use crate::common::pipe::Peer;
use crate::common::{exchange, messages};
use crate::support::{builder, listen, server};

const ID: &str = "io.modelcontextprotocol/subscriptionId";

async fn next(exchange: &mut Exchange) -> Value {
    match exchange.next().await.unwrap() {
        ServerMessage::Notification(bytes) => serde_json::from_slice(&bytes).unwrap(),
        ServerMessage::Response(response) => serde_json::from_slice(&response.body).unwrap(),
    }
}

fn all() -> Value {
    json!({
        "toolsListChanged": true,
        "promptsListChanged": true,
        "resourcesListChanged": true,
        "resourceSubscriptions": ["x:1"],
    })
}

#[tokio::test]
async fn acknowledged_first() {
    let server = server();
    let mut listening = exchange(&server, &listen(1, all()));
    server.handle().tools_changed();
    server.handle().resource_updated("x:1");
    assert_eq!(next(&mut listening).await["method"], "notifications/subscriptions/acknowledged");
    // Whatever was told before, what changes now is.
    server.handle().prompts_changed();
    loop {
        let told = next(&mut listening).await;
        assert!(told.get("id").is_none(), "{told}");
        if told["method"] == "notifications/prompts/list_changed" {
            break;
        }
    }
}

#[tokio::test]
async fn acknowledged_per_subscription() {
    let server = server();
    let handle = server.handle();
    let changing = tokio::spawn(async move {
        loop {
            handle.tools_changed();
            tokio::task::yield_now().await;
        }
    });
    let mut peer = Peer::new(server);
    let filter = json!({ "toolsListChanged": true });
    let both = format!("{}\n{}\n", listen(1, filter.clone()), listen("1", filter));
    peer.send_raw(both.as_bytes()).await;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    while first.len() < 3 || second.len() < 3 {
        let told = peer.next().await;
        let id = &told["params"]["_meta"][ID];
        let seen = if *id == json!(1) { &mut first } else { &mut second };
        seen.push(told["method"].as_str().unwrap().to_owned());
    }
    changing.abort();
    for seen in [first, second] {
        assert_eq!(seen[0], "notifications/subscriptions/acknowledged");
        assert!(seen[1..].iter().all(|it| it == "notifications/tools/list_changed"), "{seen:?}");
    }
}

#[tokio::test]
async fn acknowledged_subset() {
    let tools = Server::builder("app", "1").tool(ServedTool::new("t", async || "x"));
    for (server, honoured) in [
        (builder().build().unwrap(), all()),
        (tools.build().unwrap(), json!({ "toolsListChanged": true })),
        (Server::builder("app", "1").build().unwrap(), json!({})),
    ] {
        let mut listening = exchange(&server, &listen(1, all()));
        assert_eq!(next(&mut listening).await["params"]["notifications"], honoured);
        assert!(listening.next().now_or_never().is_none(), "it stays open");
        assert_eq!(server.listener_count(), 1);
    }
}

#[tokio::test]
async fn subscription_id_is_the_request_id() {
    for id in [json!(0), json!(7), json!("s-1"), json!("7"), json!("")] {
        let server = server();
        let mut listening = exchange(&server, &listen(id.clone(), all()));
        let mut seen = vec![next(&mut listening).await];
        server.handle().tools_changed();
        seen.push(next(&mut listening).await);
        server.handle().resource_updated("x:1");
        seen.push(next(&mut listening).await);
        for told in &seen {
            assert_eq!(told["params"]["_meta"][ID], id, "{told}");
        }
        server.end_subscriptions();
        let last = next(&mut listening).await;
        assert_eq!((&last["id"], &last["result"]["_meta"][ID]), (&id, &id));
    }
    // What belongs to another request has none.
    let mut call = crate::support::call("form", json!({}), json!({}));
    call["params"]["_meta"]["progressToken"] = json!("t");
    call["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("debug");
    let seen = messages(exchange(&server(), &call)).await;
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|message| !message.to_string().contains(ID)), "{seen:?}");
}

#[tokio::test]
async fn teardown_names_the_listen_request() {
    let mut peer = Peer::new(server());
    for id in [json!(3), json!("s"), json!("gone")] {
        peer.send(&listen(id, all())).await;
        assert_eq!(peer.next().await["method"], "notifications/subscriptions/acknowledged");
    }
    let method = "notifications/cancelled";
    let params = json!({ "requestId": "gone" });
    peer.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    // Answered after the cancellation was read.
    peer.ask(&crate::support::echo("echo", "x")).await;
    peer.trigger.request();
    let (rest, ended) = peer.end().await;
    ended.unwrap();
    for id in [json!(3), json!("s")] {
        let about: Vec<_> = rest
            .iter()
            .filter(|message| message["id"] == id || message["params"]["requestId"] == id)
            .collect();
        assert_eq!(about.len(), 2, "{rest:?}");
        assert_eq!(about[0]["method"], method, "first it is said");
        assert_eq!(about[1]["result"]["resultType"], "complete", "then it is answered");
    }
    assert_eq!(rest.len(), 4, "nothing for the one that was cancelled before: {rest:?}");
}

#[tokio::test]
async fn eof_ends_the_server() {
    let mut peer = Peer::new(server());
    peer.send(&listen("s", all())).await;
    peer.next().await;
    peer.send_raw(br#"{"jsonrpc":"2.0","id":2,"meth"#).await;
    let (rest, ended) = peer.end().await;
    ended.unwrap();
    let unread: Vec<_> = rest.iter().filter(|message| message["error"]["code"] == -32700).collect();
    assert_eq!(unread.len(), 1, "half a message: {rest:?}");
    assert_eq!(rest.iter().filter(|message| message["id"] == "s").count(), 1, "{rest:?}");
}
