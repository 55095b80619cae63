//! Requests that take several rounds, each on a connection of its own.

use std::sync::Arc;

use mcp_core::server::{Cx, HandlerError, ServedTool};
use mcp_http::ServeOptions;
use mcp_testkit::{Message, call_tool};
use serde_json::{Value, json};

use crate::support::{mcp, serve, server};

fn call(round: Value) -> Message {
    let message = call_tool("twice", json!({})).id(1).capability("roots", json!({}));
    let mut message = message;
    for (name, member) in round.as_object().unwrap() {
        message = message.param(name, member);
    }
    message
}

#[tokio::test]
async fn round_trip_over_two_connections() {
    let counts = Arc::default();
    let server = server(&counts)
        .tool(ServedTool::new("twice", async |cx: Cx| -> Result<String, HandlerError> {
            let first = cx.roots("first").await?.len();
            let second = cx.roots("second").await?.len();
            Ok(format!("{first} {second}"))
        }))
        .build()
        .unwrap();
    let running = serve(server, counts, ServeOptions::default(), |builder| builder).await;
    let roots = |count| json!({ "roots": vec![json!({ "uri": "file:///a" }); count] });
    // `send` opens a connection each time.
    let first = running.send(&mcp(&call(json!({})))).await.json().unwrap();
    assert!(first["result"]["inputRequests"]["first"].is_object(), "{first}");
    let answers = json!({ "inputResponses": { "first": roots(1) } });
    let second = running.send(&mcp(&call(answers))).await.json().unwrap();
    let state = &second["result"]["requestState"];
    assert!(state.is_string() && second["result"]["inputRequests"]["second"].is_object());
    let answers = json!({ "requestState": state, "inputResponses": { "second": roots(2) } });
    let done = running.send(&mcp(&call(answers))).await.json().unwrap();
    assert_eq!(done["result"]["content"][0]["text"], "1 2", "{done}");
}
