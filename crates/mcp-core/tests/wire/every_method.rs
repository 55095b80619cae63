//! One request of every method of the core, and what all answers have in common.

use serde_json::{Value, json};

use crate::common::{declaring, exchange, messages, request};
use crate::support::{builder, everything, listen, server};
use mcp_core::server::Server;

const INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Each with the type of its result.
fn requests() -> Vec<(Value, &'static str)> {
    let reference = json!({ "type": "ref/prompt", "name": "explain" });
    let argument = json!({ "name": "topic", "value": "in " });
    let topic = json!({ "name": "explain", "arguments": { "topic": "traits" } });
    let echo = json!({ "name": "echo", "arguments": { "text": "x" } });
    let mut requests = vec![
        (request(0, "server/discover", json!({})), "complete"),
        (request(0, "tools/list", json!({})), "complete"),
        (request(0, "tools/call", echo), "complete"),
        (request(0, "prompts/list", json!({})), "complete"),
        (request(0, "prompts/get", topic), "complete"),
        (request(0, "resources/list", json!({})), "complete"),
        (request(0, "resources/templates/list", json!({})), "complete"),
        (request(0, "resources/read", json!({ "uri": "x:1" })), "complete"),
        (
            request(0, "completion/complete", json!({ "ref": reference, "argument": argument })),
            "complete",
        ),
        (declaring(everything(), "tools/call", json!({ "name": "form" })), "input_required"),
        (listen(0, json!({ "toolsListChanged": true })), "complete"),
    ];
    for (id, (request, _)) in requests.iter_mut().enumerate() {
        request["id"] = json!(id);
    }
    requests
}

async fn response(server: &Server, request: &Value) -> Value {
    let exchange = exchange(server, request);
    if request["method"] == "subscriptions/listen" {
        server.end_subscriptions();
    }
    messages(exchange).await.pop().unwrap()
}

#[tokio::test]
async fn results_are_objects() {
    let server = server();
    for (request, _) in requests() {
        let response = response(&server, &request).await;
        assert!(response["result"].is_object(), "{response}");
        assert!(response.get("error").is_none(), "{response}");
        assert_eq!(response["id"], request["id"]);
        assert_eq!(response["jsonrpc"], "2.0");
    }
}

#[tokio::test]
async fn every_result_says_its_type() {
    let server = server();
    for (request, kind) in requests() {
        let response = response(&server, &request).await;
        assert_eq!(response["result"]["resultType"], kind, "{request}");
    }
}

#[tokio::test]
async fn server_info_in_every_result() {
    let (named, anonymous) = (server(), builder().anonymous().build().unwrap());
    for (request, _) in requests() {
        let response = self::response(&named, &request).await;
        let info = &response["result"]["_meta"][INFO];
        assert_eq!(info, &json!({ "name": "app", "version": "1.2.3" }), "{request}");
        let response = self::response(&anonymous, &request).await;
        assert!(response["result"]["_meta"].get(INFO).is_none(), "{response}");
    }
}

#[tokio::test]
async fn client_info_changes_nothing() {
    let server = server();
    let long = "界".repeat(5000);
    for (mut request, _) in requests() {
        let mut answers = Vec::new();
        for info in [
            Value::Null,
            json!({ "name": "app", "version": "1.2.3" }),
            json!({ "name": "admin", "version": "", "title": "root" }),
            json!({ "name": long, "version": "\u{202e}\n" }),
        ] {
            let meta = &mut request["params"]["_meta"];
            if info.is_null() {
                meta.as_object_mut().unwrap().remove("io.modelcontextprotocol/clientInfo");
            } else {
                meta["io.modelcontextprotocol/clientInfo"] = info;
            }
            answers.push(response(&server, &request).await);
        }
        assert!(answers[0]["result"].is_object(), "{}", answers[0]);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{request}");
    }
}
