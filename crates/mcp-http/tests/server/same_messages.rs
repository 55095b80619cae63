//! The same requests without a transport, over lines and over HTTP: the same messages come back.

use mcp_testkit::{
    HttpConnection, LineClient, Message, RawClient, call_tool, notification, request,
};
use serde_json::{Value, json};

use crate::support::{listen, mcp, start};

/// One of each kind: plain, with progress, with a question, with its answer, and failures.
fn requests() -> Vec<Message> {
    let asks = || call_tool("asks", json!({})).progress_token("t").capability("roots", json!({}));
    vec![
        request("server/discover").id(1),
        request("tools/list").id("two"),
        call_tool("plain", json!({})).id(3),
        call_tool("large", json!({})).id(4),
        call_tool("speaks", json!({})).id(5).progress_token("t"),
        request("prompts/get").id(6).param("name", "greeting"),
        request("resources/read").id(7).param("uri", "file:///a b"),
        asks().id(8),
        asks().id(9).param("inputResponses", json!({ "roots": { "roots": [] } })),
        call_tool("asks", json!({})).id(10),
        call_tool("nobody", json!({})).id(11),
        call_tool("panics", json!({})).id(12),
        request("nobody/knows").id(13),
        request("tools/list").id(14).version("1999-01-01"),
        request("tools/list").id(15).without_meta(),
        request("tools/list").id(16).param("cursor", "nonsense"),
    ]
}

#[tokio::test]
async fn one_suite_for_all_transports() {
    let running = start().await;
    let plain = RawClient::new(&running.server);
    let mut lines = LineClient::in_memory(&running.server);
    for message in requests() {
        let expected = plain.send(message.clone()).await;
        let over_lines = lines.ask(message.clone()).await.unwrap();
        // Without metadata there is no version to say in a header; it does not matter.
        let over_http = running.send(&mcp(&message)).await.answer().unwrap();
        for (transport, answer) in [("lines", over_lines), ("HTTP", over_http)] {
            assert_eq!(answer.response(), expected.response(), "{transport}: {message:?}");
            assert_eq!(
                answer.notifications(),
                expected.notifications(),
                "{transport}: {message:?}"
            );
        }
    }
}

/// What a subscriber is told, from the acknowledgement to the change.
#[tokio::test]
async fn subscriptions_are_alike_too() {
    let running = start().await;
    let handle = running.server.handle();
    let mut plain = RawClient::new(&running.server).open(listen(7));
    let mut lines = LineClient::in_memory(&running.server);
    lines.send(&listen(7)).await.unwrap();
    let mut http = HttpConnection::open(running.address).await.unwrap();
    http.send(&mcp(&listen(7))).await.unwrap();
    http.read_head().await.unwrap();
    for change in [false, true] {
        if change {
            handle.tools_changed();
        }
        let expected = plain.next().await.unwrap();
        assert_eq!(lines.next_message().await.unwrap(), expected);
        let event = http.next_event().await.unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&event.data).unwrap(), expected);
    }
    // Each has its own way to be cancelled.
    drop((plain, http));
    let cancelled = notification("notifications/cancelled").param("requestId", 7);
    lines.send(&cancelled).await.unwrap();
    crate::support::until(|| running.server.listener_count() == 0).await;
}
