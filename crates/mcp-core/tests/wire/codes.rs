//! Which error has which code.

use std::time::Duration;

use mcp_core::server::{InputError, ServedTool};
use mcp_core::{ApplicationCode, Error};
use serde_json::{Value, json};

use crate::common::pipe::Peer;
use crate::common::{call, declaring, request};
use crate::support::{builder, echo};

fn old() -> Value {
    let mut old = echo(1, "x");
    old["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("1900-01-01");
    old
}

fn bare() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} })
}

fn read(uri: &str) -> Value {
    request(1, "resources/read", json!({ "uri": uri }))
}

fn complete(argument: Value) -> Value {
    let reference = json!({ "type": "ref/prompt", "name": "nobody" });
    request(1, "completion/complete", json!({ "ref": reference, "argument": argument }))
}

/// Every way to fail that the core has, each with its code.
fn failures() -> Vec<(Value, i64)> {
    let stated = json!({ "name": "echo", "requestState": "forged" });
    let filter = json!({ "notifications": { "toolsListChanged": 7 } });
    vec![
        (json!([]), -32600),
        (json!("text"), -32600),
        (json!({ "jsonrpc": "1.0", "id": 1, "method": "tools/list" }), -32600),
        (json!({ "jsonrpc": "2.0", "id": null, "method": "tools/list" }), -32600),
        (json!({ "jsonrpc": "2.0", "id": 1, "result": {} }), -32600),
        (request(1, "no/such", json!({})), -32601),
        (request(1, "logging/setLevel", json!({ "level": "info" })), -32601),
        (request(1, "resources/subscribe", json!({ "uri": "x:1" })), -32601),
        (bare(), -32602),
        (request(1, "tools/call", json!({})), -32602),
        (request(1, "tools/call", stated), -32602),
        (request(1, "tools/list", json!({ "cursor": "nonsense" })), -32602),
        (call("nobody", json!({})), -32602),
        (request(1, "prompts/get", json!({ "name": "nobody" })), -32602),
        (request(1, "prompts/get", json!({ "name": "explain" })), -32602),
        (read("x:2"), -32602),
        (read("no uri"), -32602),
        (complete(json!({ "name": "topic", "value": "" })), -32602),
        (complete(json!(7)), -32602),
        (request(1, "subscriptions/listen", filter), -32602),
        (call("panics", json!({})), -32603),
        (call("sleeps", json!({})), -32603),
        (call("form", json!({})), -32021),
        (call("url", json!({})), -32021),
        (call("sample", json!({})), -32021),
        (call("roots", json!({})), -32021),
        (declaring(json!({ "elicitation": {} }), "tools/call", json!({ "name": "url" })), -32021),
        (old(), -32022),
        (call("sold_out", json!({})), 4001),
    ]
}

#[tokio::test]
async fn defined_codes_keep_their_meaning() {
    let server = builder()
        .tool(ServedTool::new("panics", async || -> String { panic!("a bug") }))
        .tool(
            ServedTool::new("sleeps", async || std::future::pending::<String>().await)
                .timeout(Duration::from_millis(10)),
        )
        .tool(ServedTool::new("sold_out", async || -> Result<String, InputError> {
            Err(Error::application(ApplicationCode::new(4001), "sold out").into())
        }))
        .build()
        .unwrap();
    let mut peer = Peer::new(server);
    for (message, code) in failures() {
        let response = peer.ask(&message).await.pop().unwrap();
        assert_eq!(response["error"]["code"], code, "{message}: {response}");
        assert!(response.get("result").is_none(), "{response}");
        let data = &response["error"]["data"];
        match code {
            -32021 => assert!(data["requiredCapabilities"].is_object(), "{response}"),
            -32022 => assert!(data["supported"].is_array() && data["requested"].is_string()),
            _ => {}
        }
    }
    assert!(peer.ask(&echo(2, "x")).await[0]["result"].is_object());
}
