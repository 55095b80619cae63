//! Schemas and icons of servers: checked against, and never fetched.

use std::net::TcpListener;

use mcp_core::client::ClientError;
use serde_json::json;

use crate::support::{Act, Scripted, result};

fn list(tools: &[String]) -> Vec<Act> {
    result(&format!(r#"{{"tools":[{}],"ttlMs":0,"cacheScope":"public"}}"#, tools.join(",")))
}

#[cfg(feature = "validation")]
fn tool(name: &str, output: &str) -> String {
    format!(r#"{{"name":"{name}","inputSchema":{{}},"outputSchema":{output}}}"#)
}

fn structured(content: &str) -> Vec<Act> {
    result(&format!(r#"{{"content":[],"structuredContent":{content}}}"#))
}

/// A listener that nobody must connect to.
struct Trap(TcpListener);

impl Trap {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.0.local_addr().unwrap())
    }

    fn check(&self) {
        let waiting = self.0.accept().unwrap_err();
        assert_eq!(waiting.kind(), std::io::ErrorKind::WouldBlock, "somebody connected");
    }
}

#[cfg(feature = "validation")]
#[tokio::test]
async fn output_is_checked_by_2020_12() {
    let schema = r#"{"type":"object","properties":{"a":{"prefixItems":[{"type":"string"}]}},
        "unevaluatedProperties":false}"#;
    let server = Scripted::new([
        list(&[tool("t", schema)]),
        structured(r#"{"a":["x",1]}"#),
        structured(r#"{"a":[7]}"#),
        structured(r#"{"a":["x"],"b":1}"#),
    ]);
    let client = server.client();
    client.list_tools().await.unwrap();
    client.call("t").send().await.unwrap();
    for place in ["/a/0", "b"] {
        let error = client.call("t").send().await.unwrap_err();
        assert!(matches!(error, ClientError::StructuredContent { .. }), "{error}");
        assert!(error.to_string().contains(place), "{error}");
    }
}

#[cfg(feature = "validation")]
#[tokio::test]
async fn client_survives_invalid_schema() {
    let server = Scripted::new([
        list(&[tool("bad", r#"{"type":"objekt"}"#), tool("good", r#"{"type":"object"}"#)]),
        structured("{}"),
    ]);
    let client = server.client();
    assert_eq!(client.list_tools().await.unwrap().len(), 2);
    let error = client.call("bad").send().await.unwrap_err();
    assert!(matches!(error, ClientError::OutputSchema { .. }), "{error}");
    assert!(error.to_string().contains("bad"), "{error}");
    client.call("good").send().await.unwrap();
}

#[tokio::test]
async fn client_fetches_no_ref() {
    let trap = Trap::new();
    let reference = json!({ "type": "object", "properties": { "a": { "$ref": trap.url("s") } } });
    let both = format!(r#"{{"name":"t","inputSchema":{reference},"outputSchema":{reference}}}"#);
    let input = format!(r#"{{"name":"u","inputSchema":{reference}}}"#);
    // Without validation the first call is sent, too.
    let script =
        || [list(&[both.clone(), input.clone()]), structured(r#"{"a":1}"#), structured("{}")];
    for server in [Scripted::new(script()), Scripted::mirroring(script())] {
        let client = server.client();
        client.list_tools().await.unwrap();
        let called = client.call_tool("t", &json!({ "a": 1 })).await;
        if cfg!(feature = "validation") {
            assert!(matches!(called.unwrap_err(), ClientError::OutputSchema { .. }));
        }
        client.call_tool("u", &json!({ "a": 1 })).await.unwrap();
    }
    trap.check();
}

#[tokio::test]
async fn icons_are_never_fetched() {
    let trap = Trap::new();
    let icons = json!([{ "src": trap.url("a.png") }, { "src": "javascript:alert(1)" }]);
    let info = json!({ "name": "far", "version": "1", "icons": icons });
    let server = Scripted::new([
        result(
            &json!({
                "supportedVersions": ["2026-07-28"], "capabilities": {}, "ttlMs": 0, "cacheScope": "public",
                "_meta": { "io.modelcontextprotocol/serverInfo": info },
            })
            .to_string(),
        ),
        list(&[json!({ "name": "t", "inputSchema": {}, "icons": icons }).to_string()]),
        result(
            &json!({ "resources": [{ "uri": "a:b", "name": "a", "icons": icons }], "ttlMs": 0, "cacheScope": "public" })
                .to_string(),
        ),
    ]);
    let client = server.client();
    client.discover().await.unwrap();
    let tool = client.list_tools().await.unwrap().remove(0);
    assert_eq!(serde_json::to_value(&tool).unwrap()["icons"], icons, "handed out as they came");
    client.list_resources().await.unwrap();
    trap.check();
}
