//! Servers that send nonsense. Each has its named error; nothing panics, nothing hangs.

use std::time::Duration;

use mcp_core::client::transport::TransportError;
use mcp_core::client::{Client, ClientError, ElicitAnswer};
use mcp_core::protocol::Root;
use proptest::prelude::*;
use serde_json::json;

use crate::support::{Act, DONE, Scripted};

async fn answer(acts: Vec<Act>) -> ClientError {
    Scripted::new([acts]).client().call("t").send().await.unwrap_err()
}

#[tokio::test]
async fn what_is_no_message_is_named() {
    for bytes in [
        &b""[..],
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe\x00",
        b"HTTP/1.1 200 OK",
        br#"{"jsonrpc":"2.0","id":1}"#,
        br#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        br#"{"jsonrpc":"2.0","id":1,"result":[]}"#,
        br#"{"jsonrpc":"2.0","id":1,"result":"x"}"#,
        br#"{"jsonrpc":"2.0","id":1,"error":null}"#,
        br#"{"jsonrpc":"2.0","id":1,"error":{"code":"E","message":"m"}}"#,
        br#"{"jsonrpc":"2.0","id":[1],"result":{}}"#,
        br#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}}"#,
        br#"{"jsonrpc":"3.0","id":1,"result":{}}"#,
    ] {
        let error = answer(vec![Act::Bytes(bytes.to_vec())]).await;
        assert!(
            matches!(error, ClientError::Transport(TransportError::Malformed(_))),
            "{}: {error}",
            String::from_utf8_lossy(bytes)
        );
    }
}

#[tokio::test]
async fn the_answer_to_another_request_is_not_ours() {
    for id in ["0", "99", r#""1""#, "-1", r#""$id""#] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{DONE}}}"#);
        let error = answer(vec![Act::Tell(line)]).await;
        assert!(
            matches!(error, ClientError::Transport(TransportError::Malformed(_))),
            "{id}: {error}"
        );
    }
}

#[tokio::test]
async fn an_error_for_a_request_that_could_not_be_read_is_ours() {
    for id in ["", r#""id":null,"#] {
        let line =
            format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32700,"message":"parse error"}}}}"#);
        assert_eq!(answer(vec![Act::Tell(line)]).await.code(), Some(-32700));
    }
}

#[tokio::test]
async fn requests_of_the_server_are_ignored_and_not_answered() {
    let server = Scripted::new([vec![
        Act::Say(r#"{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{}}"#),
        Act::Say(r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#),
        Act::Say(r#"{"jsonrpc":"2.0","method":"com.example/unknown","params":{"a":1}}"#),
        Act::Tell(format!(r#"{{"jsonrpc":"2.0","id":$id,"result":{DONE}}}"#)),
        Act::Say("after the end"),
    ]]);
    server.client().call("t").send().await.unwrap();
    assert_eq!(server.seen().len(), 1);
    assert!(server.notified().is_empty());
}

#[tokio::test]
async fn malformed_metadata_of_a_result_does_not_spoil_the_result() {
    for meta in [
        r#"{"io.modelcontextprotocol/serverInfo":7}"#,
        r#"{"io.modelcontextprotocol/serverInfo":{"name":1}}"#,
        r#"{"io.modelcontextprotocol/serverInfo":null}"#,
    ] {
        let line =
            format!(r#"{{"jsonrpc":"2.0","id":$id,"result":{{"content":[],"_meta":{meta}}}}}"#);
        let server = Scripted::new([vec![Act::Tell(line)]]);
        let client = server.client();
        client.call("t").send().await.unwrap();
        assert!(client.server_info().is_none());
    }
}

fn all_handlers() -> mcp_core::client::ClientBuilder {
    Client::builder("tester", "1")
        .on_elicit_form(async |form| ElicitAnswer::accept(&form.defaults()))
        .on_elicit_url(async |_| ElicitAnswer::opened())
        .roots(vec![Root::new("file:///a")])
        .max_rounds(3)
        .max_pages(3)
        .timeout(Duration::from_millis(200))
        .max_total_timeout(Duration::from_millis(200))
}

/// Asks for everything there is, of a server that answers always the same.
async fn ask_everything(text: &[u8]) {
    let acts = || vec![Act::Tell(String::from_utf8_lossy(text).into_owned())];
    let script = || (0..8).map(|_| acts());
    for server in [Scripted::new(script()), Scripted::mirroring(script())] {
        let client = server.client_of(all_handlers());
        let _ = client.call_tool("t", &json!({})).await;
        let _ = client.list_tools().await;
        server.more(acts());
        server.more(acts());
        let _ = client.read_resource("a:b").await;
        let _ = client.discover().await;
        let mut changes = client.listen(Default::default());
        server.more(acts());
        let _ = changes.next().await;
        let _ = changes.next().await;
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        prop_oneof![
            Just("input_required"),
            Just("complete"),
            Just("elicitation/create"),
            Just("roots/list"),
            Just("text"),
        ]
        .prop_map(Value::from),
    ];
    let names = prop_oneof![
        Just("resultType"),
        Just("content"),
        Just("inputRequests"),
        Just("requestState"),
        Just("method"),
        Just("params"),
        Just("tools"),
        Just("name"),
        Just("inputSchema"),
        Just("properties"),
        Just("x-mcp-header"),
        Just("type"),
        Just("nextCursor"),
        Just("ttlMs"),
        Just("cacheScope"),
        Just("contents"),
        Just("_meta"),
        Just("message"),
        Just("requestedSchema"),
    ]
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(3600), future).await.unwrap();
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        run(ask_everything(&bytes));
    }

    #[test]
    fn any_result_comes_to_an_end(result in json_value()) {
        let line = format!(r#"{{"jsonrpc":"2.0","id":$id,"result":{result}}}"#);
        run(ask_everything(line.as_bytes()));
    }

    #[test]
    fn any_notification_comes_to_an_end(params in json_value(), which in 0..5_usize) {
        let method = [
            "notifications/progress",
            "notifications/message",
            "notifications/cancelled",
            "notifications/subscriptions/acknowledged",
            "notifications/resources/updated",
        ][which];
        let line = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
        run(ask_everything(line.as_bytes()));
    }
}
