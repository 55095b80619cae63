//! `subscriptions/listen`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod common;

use std::time::Duration;

use common::{exchange, request};
use mcp_core::protocol::{ReadResourceResult, TextResourceContents};
use mcp_core::server::{
    Exchange, Limits, ResponseKind, ServedPrompt, ServedResource, ServedTool, Server, ServerMessage,
};
use serde_json::{Value, json};

fn server() -> Server {
    Server::builder("app", "1")
        .tool(ServedTool::new("t", async || "x"))
        .prompt(ServedPrompt::new("p", async || "x".to_owned()))
        .resource(ServedResource::new("x:1", "one", async || {
            ReadResourceResult::new(vec![TextResourceContents::new("x:1", "1").into()])
        }))
        .build()
        .unwrap()
}

fn listen(server: &Server, id: impl Into<Value>, filter: Value) -> Exchange {
    exchange(server, &request(id, "subscriptions/listen", json!({ "notifications": filter })))
}

async fn next(exchange: &mut Exchange) -> Value {
    let message = tokio::time::timeout(Duration::from_secs(5), exchange.next()).await.unwrap();
    match message.unwrap() {
        ServerMessage::Notification(bytes) => serde_json::from_slice(&bytes).unwrap(),
        ServerMessage::Response(response) => serde_json::from_slice(&response.body).unwrap(),
    }
}

async fn is_silent(exchange: &mut Exchange) -> bool {
    tokio::time::timeout(Duration::from_millis(5), exchange.next()).await.is_err()
}

#[tokio::test]
async fn what_was_asked_for_is_acknowledged_and_told_and_nothing_else() {
    let server = server();
    let filter = json!({ "toolsListChanged": true, "promptsListChanged": false, "resourceSubscriptions": ["x:1"], "unknown": {} });
    let mut listening = listen(&server, "sub-1", filter);
    let first = next(&mut listening).await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    let acknowledged = json!({ "toolsListChanged": true, "resourceSubscriptions": ["x:1"] });
    assert_eq!(first["params"]["notifications"], acknowledged);
    let handle = server.handle();
    handle.prompts_changed();
    handle.resources_changed();
    handle.resource_updated("x:2");
    assert!(is_silent(&mut listening).await);
    handle.tools_changed();
    handle.resource_updated("x:1");
    for method in ["notifications/tools/list_changed", "notifications/resources/updated"] {
        let told = next(&mut listening).await;
        assert_eq!(told["method"], method);
        assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "sub-1");
        assert!(told.get("id").is_none());
    }
}

#[tokio::test]
async fn a_reader_that_sleeps_misses_nothing_and_grows_nothing() {
    let server = server();
    let mut listening = listen(
        &server,
        1,
        json!({ "toolsListChanged": true, "resourceSubscriptions": ["x:1", "x:2"] }),
    );
    next(&mut listening).await;
    for _ in 0..10_000 {
        server.handle().tools_changed();
        server.handle().resource_updated("x:2");
        server.handle().resource_updated("x:1");
    }
    let mut told = Vec::new();
    while !is_silent_then_push(&mut listening, &mut told).await {}
    told.sort();
    assert_eq!(
        told,
        [
            "notifications/resources/updated x:1",
            "notifications/resources/updated x:2",
            "notifications/tools/list_changed "
        ]
    );
}

async fn is_silent_then_push(listening: &mut Exchange, told: &mut Vec<String>) -> bool {
    match tokio::time::timeout(Duration::from_millis(5), listening.next()).await {
        Err(_) => true,
        Ok(Some(ServerMessage::Notification(bytes))) => {
            let message: Value = serde_json::from_slice(&bytes).unwrap();
            let uri = message["params"]["uri"].as_str().unwrap_or_default();
            told.push(format!("{} {uri}", message["method"].as_str().unwrap()));
            false
        }
        Ok(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_stops_ends_subscriptions_cleanly() {
    let server = server();
    let mut listening = listen(&server, 7, json!({ "toolsListChanged": true }));
    next(&mut listening).await;
    server.end_subscriptions();
    let last = next(&mut listening).await;
    assert_eq!(last["id"], 7);
    assert_eq!(last["result"]["resultType"], "complete");
    assert_eq!(last["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
    assert!(listening.next().await.is_none());
    let mut late = listen(&server, 8, json!({ "toolsListChanged": true }));
    assert_eq!(next(&mut late).await["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(next(&mut late).await["id"], 8);
}

#[tokio::test]
async fn a_thousand_listeners_are_told_and_leave_no_trace() {
    let server = server();
    let mut all: Vec<_> =
        (0..1000).map(|id| listen(&server, id, json!({ "resourcesListChanged": true }))).collect();
    for listening in &mut all {
        next(listening).await;
    }
    assert_eq!(server.listener_count(), 1000);
    server.handle().resources_changed();
    for listening in &mut all {
        assert_eq!(next(listening).await["method"], "notifications/resources/list_changed");
    }
    drop(all);
    assert_eq!(server.listener_count(), 0);
}

#[tokio::test]
async fn subscriptions_are_bounded() {
    let limits = Limits { listeners: 1, subscribed_resources: 2, ..Limits::default() };
    let server = Server::builder("app", "1").limits(limits).resources().build().unwrap();
    let mut first = listen(&server, 1, json!({}));
    next(&mut first).await;
    match listen(&server, 2, json!({})).next().await {
        Some(ServerMessage::Response(response)) => {
            assert_eq!(response.kind, ResponseKind::Overloaded)
        }
        other => panic!("{other:?}"),
    }
    drop(first);
    let mut many = listen(&server, 3, json!({ "resourceSubscriptions": ["a:", "b:", "c:"] }));
    assert_eq!(next(&mut many).await["error"]["code"], -32602);
}

#[tokio::test]
async fn filters_of_a_wrong_shape_are_invalid_params() {
    let server = server();
    for params in [
        json!({}),
        json!({ "notifications": [] }),
        json!({ "notifications": { "toolsListChanged": "yes" } }),
        json!({ "notifications": { "resourceSubscriptions": "x:1" } }),
    ] {
        let mut refused = exchange(&server, &request(1, "subscriptions/listen", params.clone()));
        assert_eq!(next(&mut refused).await["error"]["code"], -32602, "{params}");
    }
}

#[tokio::test]
async fn tools_that_come_and_go_are_told() {
    let server = server();
    let mut listening = listen(&server, 1, json!({ "toolsListChanged": true }));
    next(&mut listening).await;
    server.handle().add_tool(ServedTool::new("late", async || "x")).unwrap();
    assert_eq!(next(&mut listening).await["method"], "notifications/tools/list_changed");
    assert!(!server.handle().remove_tool("never"));
    assert!(is_silent(&mut listening).await);
    assert!(server.handle().remove_tool("late"));
    assert_eq!(next(&mut listening).await["method"], "notifications/tools/list_changed");
}

/// The keys that a list has now.
async fn listed(server: &Server, method: &str, member: &str, key: &str) -> Vec<String> {
    let list = common::result(server, &request(99, method, json!({}))).await;
    let entries = list[member].as_array().unwrap();
    entries.iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn changes_of_every_list_are_told_after_the_new_list_is_served() {
    let server = server();
    let handle = server.handle();
    let resource = || {
        ServedResource::new("x:late", "late", async || {
            ReadResourceResult::new(vec![TextResourceContents::new("x:late", "1").into()])
        })
    };
    let tool = || ServedTool::new("late", async || "x");
    let prompt = || ServedPrompt::new("late", async || "x".to_owned());
    for (kind, list, key, name) in [
        ("tools", "tools/list", "name", "late"),
        ("prompts", "prompts/list", "name", "late"),
        ("resources", "resources/list", "uri", "x:late"),
    ] {
        let field = format!("{kind}ListChanged");
        let mut listening = listen(&server, 1, json!({ field: true }));
        next(&mut listening).await;
        let mut others = listen(
            &server,
            2,
            json!({ "toolsListChanged": kind != "tools", "promptsListChanged": kind != "prompts",
                    "resourcesListChanged": kind != "resources" }),
        );
        next(&mut others).await;
        let method = format!("notifications/{kind}/list_changed");
        match kind {
            "tools" => handle.add_tool(tool()).unwrap(),
            "prompts" => handle.add_prompt(prompt()).unwrap(),
            _ => handle.add_resource(resource()).unwrap(),
        }
        assert_eq!(next(&mut listening).await["method"], method);
        assert!(listed(&server, list, kind, key).await.contains(&name.to_owned()));
        // Replacing it is a change too, and so is taking it away.
        match kind {
            "tools" => handle.add_tool(tool()).unwrap(),
            "prompts" => handle.add_prompt(prompt()).unwrap(),
            _ => handle.add_resource(resource()).unwrap(),
        }
        assert_eq!(next(&mut listening).await["method"], method);
        assert!(match kind {
            "tools" => handle.remove_tool(name),
            "prompts" => handle.remove_prompt(name),
            _ => handle.remove_resource(name),
        });
        assert_eq!(next(&mut listening).await["method"], method);
        assert!(!listed(&server, list, kind, key).await.contains(&name.to_owned()));
        assert!(is_silent(&mut listening).await, "{kind}: once for each change");
        assert!(is_silent(&mut others).await, "{kind}: only to those who listen for it");
    }
}
