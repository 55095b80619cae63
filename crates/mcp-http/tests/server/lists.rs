//! Lists and log messages, over several connections.

use mcp_core::protocol::LoggingLevel;
use mcp_core::server::{Cx, ServedTool, ServerBuilder};
use mcp_testkit::{HttpConnection, call_tool, request};
use serde_json::{Value, json};

use crate::support::{Running, listen, mcp, serve, server, start};

/// The four lists as they are sent on a connection of their own.
async fn lists(running: &Running) -> Vec<String> {
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    let mut seen = Vec::new();
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        connection.send(&mcp(&request(method).id(1))).await.unwrap();
        let response = connection.read_response().await.unwrap();
        assert_eq!(response.status(), 200, "{method}");
        seen.push(response.text());
    }
    seen
}

#[tokio::test]
async fn lists_do_not_depend_on_the_past() {
    let running = start().await;
    let before = lists(&running).await;
    let mut busy = HttpConnection::open(running.address).await.unwrap();
    for message in [
        call_tool("plain", json!({})),
        call_tool("unknown", json!({})),
        request("prompts/get").param("name", "greeting"),
        request("resources/read").param("uri", "file:///a%20b"),
    ] {
        busy.send(&mcp(&message.id(2))).await.unwrap();
        busy.read_response().await.unwrap();
        assert_eq!(lists(&running).await, before);
    }
    let mut subscription = HttpConnection::open(running.address).await.unwrap();
    subscription.send(&mcp(&listen(7))).await.unwrap();
    subscription.read_head().await.unwrap();
    assert_eq!(lists(&running).await, before);
}

fn logging(builder: ServerBuilder) -> ServerBuilder {
    builder.logging().tool(ServedTool::new("logs", async |cx: Cx| {
        cx.log(LoggingLevel::Info, None, &json!("low"));
        tokio::task::yield_now().await;
        cx.log(LoggingLevel::Error, None, &json!("high"));
        "logged"
    }))
}

#[tokio::test]
async fn logs_stay_with_their_request() {
    let counts = std::sync::Arc::default();
    let server = logging(server(&counts)).build().unwrap();
    let running = serve(server, counts, mcp_http::ServeOptions::default(), |builder| builder).await;
    let mut subscription = HttpConnection::open(running.address).await.unwrap();
    subscription.send(&mcp(&listen(7).log_level(LoggingLevel::Debug))).await.unwrap();
    subscription.read_head().await.unwrap();
    assert!(subscription.next_event().await.unwrap().unwrap().data.contains("acknowledged"));
    let call = |id: i64| call_tool("logs", json!({})).id(id);
    let all = mcp(&call(1).log_level(LoggingLevel::Debug));
    let some = mcp(&call(2).log_level(LoggingLevel::Warning));
    let none = mcp(&call(3));
    let (all, some, none) =
        tokio::join!(running.send(&all), running.send(&some), running.send(&none));
    for (id, response, expected) in
        [(1, &all, vec!["low", "high"]), (2, &some, vec!["high"]), (3, &none, vec![])]
    {
        let mut messages = response.messages().unwrap();
        let last = messages.pop().unwrap();
        assert_eq!(
            (&last["id"], &last["result"]["content"][0]["text"]),
            (&json!(id), &json!("logged"))
        );
        let data: Vec<Value> = messages.iter().map(|m| m["params"]["data"].clone()).collect();
        assert_eq!(data, expected, "{id}");
    }
    assert_eq!(none.head.header("content-type"), Some("application/json"), "nothing came before");
    // The subscription, which asked for logs too, has none of them: the next is what it is for.
    running.server.handle().tools_changed();
    let next = subscription.next_event().await.unwrap().unwrap();
    assert!(next.data.contains("notifications/tools/list_changed"), "{}", next.data);
}
