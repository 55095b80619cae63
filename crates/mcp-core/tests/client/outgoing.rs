//! What a client writes: requests that are whole, notifications, and nothing else.

use std::collections::HashSet;
use std::time::Duration;

use mcp_core::RawJson;
use mcp_core::client::{Client, ClientError, ElicitAnswer};
use mcp_core::protocol::{PromptReference, Root, SubscriptionFilter};
use mcp_core::transport::LineOptions;
use serde_json::{Value, json};

use crate::support::{Act, DONE, Peer, Scripted, error, result, spawn_call};

const ASKS: &str = r#"{"resultType":"input_required","requestState":"s",
    "inputRequests":{"r":{"method":"roots/list"}}}"#;

fn page(field: &str, next: &str) -> Vec<Act> {
    result(&format!(r#"{{"{field}":[]{next},"ttlMs":0,"cacheScope":"public"}}"#))
}

fn filter() -> SubscriptionFilter {
    let mut filter = SubscriptionFilter::default();
    filter.tools_list_changed = Some(true);
    filter
}

/// Calls everything that a client can call.
async fn call_everything(client: &Client) {
    client.discover().await.unwrap();
    client.list_tools().await.unwrap();
    client.list_prompts().await.unwrap();
    client.list_resources().await.unwrap();
    client.list_resource_templates().await.unwrap();
    client.call("t").progress(|_| {}).send().await.unwrap();
    client.get_prompt("p", &json!({})).await.unwrap();
    client.read_resource("a:b").await.unwrap();
    client.complete(PromptReference::new("p"), "a", "", None).await.unwrap();
    client.request_raw("com.example/m", &json!({})).await.unwrap();
    let mut changes = client.listen(filter());
    changes.next().await.unwrap().unwrap();
}

const DISCOVERED: &str =
    r#"{"supportedVersions":["2026-07-28"],"capabilities":{},"ttlMs":0,"cacheScope":"public"}"#;
const ACKNOWLEDGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":$id},"notifications":{}}}"#;

#[tokio::test]
async fn every_request_has_its_meta() {
    let server = Scripted::new([
        result(DISCOVERED),
        page("tools", r#","nextCursor":"2""#),
        page("tools", ""),
        page("prompts", ""),
        page("resources", ""),
        page("resourceTemplates", ""),
        result(ASKS),
        error(
            r#"{"code":-32022,"message":"m","data":{"supported":["2026-07-28"],"requested":"x"}}"#,
        ),
        result(DONE),
        result(r#"{"messages":[]}"#),
        result(r#"{"contents":[]}"#),
        result(r#"{"completion":{"values":[]}}"#),
        result("{}"),
        vec![Act::Say(ACKNOWLEDGED), Act::Hang],
    ]);
    let builder = Client::builder("tester", "1").roots(vec![Root::new("file:///a")]);
    call_everything(&server.client_of(builder)).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 14, "with a second page, a retry, and another for the version");
    let mut ids = HashSet::new();
    let mut tokens = HashSet::new();
    for seen in &seen {
        let meta = seen.meta();
        let method = seen.method();
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28", "{method}");
        let declared = &meta["io.modelcontextprotocol/clientCapabilities"];
        assert_eq!(declared, &json!({ "roots": {} }), "{method}");
        let id = &seen.message["id"];
        assert!(id.is_i64() || id.is_string(), "{id}");
        assert!(ids.insert(id.to_string()), "{id} twice");
        if let Some(token) = meta.get("progressToken") {
            assert!(token.is_i64() || token.is_string(), "{token}");
            tokens.insert(token.to_string());
        }
    }
    // The call, its retry, and the retry of that: each under a token of its own.
    assert_eq!(tokens.len(), 3, "{tokens:?}");
}

/// The answer of a server that knows everything.
fn answer(request: &Value) -> &'static str {
    match request["method"].as_str().unwrap() {
        "server/discover" => DISCOVERED,
        "tools/list" => r#"{"tools":[],"ttlMs":0,"cacheScope":"public"}"#,
        "prompts/list" => r#"{"prompts":[],"ttlMs":0,"cacheScope":"public"}"#,
        "resources/list" => r#"{"resources":[],"ttlMs":0,"cacheScope":"public"}"#,
        "resources/templates/list" => r#"{"resourceTemplates":[],"ttlMs":0,"cacheScope":"public"}"#,
        "tools/call" if request["params"].get("requestState").is_none() => ASKS,
        "tools/call" => DONE,
        "prompts/get" => r#"{"messages":[]}"#,
        "resources/read" => r#"{"contents":[]}"#,
        "completion/complete" => r#"{"completion":{"values":[]}}"#,
        _ => "{}",
    }
}

#[tokio::test]
async fn stdin_is_only_messages() {
    let builder = Client::builder("tester", "1").roots(vec![Root::new("file:///a")]);
    let (client, mut peer) = Peer::new(builder, LineOptions::default());
    let calling = tokio::spawn(async move {
        call_everything(&client).await;
        let pretty = RawJson::from_string("{\n  \"a\":\r\n  \"b\\nc\"\n}".to_owned()).unwrap();
        client.call("t").arguments(&pretty).send().await.unwrap();
        let hasty = client.call("hangs").timeout(Duration::from_millis(20)).send().await;
        assert!(matches!(hasty.unwrap_err(), ClientError::Timeout { .. }));
        client.close().await;
    });
    let mut methods = HashSet::new();
    let mut is_cancelled = 0;
    while is_cancelled < 2 {
        // One line, and one JSON value on it.
        let message = peer.read().await;
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        let method = message["method"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned();
        for member in ["result", "error"] {
            assert!(message.get(member).is_none(), "{message}");
        }
        match message.get("id") {
            Some(id) => {
                assert!(id.is_i64() || id.is_string(), "{message}");
                // Requests and noise of the server's, which are not answered.
                peer.say(r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#).await;
                peer.say(r#"{"jsonrpc":"2.0","id":"x","method":"nobody/knows"}"#).await;
                peer.say(r#"{"jsonrpc":"2.0","method":"notifications/nobody/knows"}"#).await;
                if method == "subscriptions/listen" {
                    peer.say(&ACKNOWLEDGED.replace("$id", &id.to_string())).await;
                } else if message["params"]["name"] != "hangs" {
                    peer.answer(id, &answer(&message).replace('\n', " ")).await;
                }
            }
            None => {
                assert_eq!(method, "notifications/cancelled", "{message}");
                is_cancelled += 1;
            }
        }
        methods.insert(method);
    }
    calling.await.unwrap();
    assert!(peer.at_end().await);
    assert_eq!(methods.len(), 12, "{methods:?}");
}

#[tokio::test]
async fn client_answers_no_notification() {
    let (client, mut peer) = Peer::plain();
    for _ in 0..2 {
        for line in [
            r#"{"jsonrpc":"2.0","method":"notifications/nobody/knows","params":{"a":1}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":{}}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":[]}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":7}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
        ] {
            peer.say(line).await;
        }
        let call = spawn_call(&client, "t");
        let request = peer.read().await;
        assert_eq!(request["method"], "tools/call", "the first thing that is written");
        peer.answer_text(&request["id"], "fine").await;
        assert_eq!(call.await.unwrap().unwrap(), "fine");
    }
}

#[tokio::test]
async fn stdio_probes_first() {
    let (client, mut peer) = Peer::plain();
    let probing = tokio::spawn(async move { client.probe().await });
    let first = peer.read().await;
    assert_eq!(first["method"], "server/discover");
    let id = &first["id"];
    peer.say(&format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"Method not found"}}}}"#
    ))
    .await;
    let error = probing.await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::NotModern(_)), "{error}");
    assert!(peer.at_end().await, "nothing else was written");
}

#[tokio::test]
async fn retry_has_a_new_id() {
    let server = Scripted::new([result(ASKS), result(ASKS), result(ASKS), result(DONE)]);
    let builder = Client::builder("tester", "1").roots(vec![Root::new("file:///a")]);
    server.client_of(builder).call("t").send().await.unwrap();
    let ids: HashSet<_> = server.seen().iter().map(|it| it.message["id"].to_string()).collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn odd_states_come_back_unread() {
    let long = "QUJD".repeat(16 * 1024);
    for state in
        ["", " ", r#"{"a": 1}"#, &long, "\u{1f600}\u{202e}", r"\/\u0041", "a\r\nb\0", "null", "\""]
    {
        let state = json!(state);
        let server = Scripted::new([
            result(&format!(r#"{{"resultType":"input_required","requestState":{state}}}"#)),
            result(DONE),
        ]);
        server.client().call("t").send().await.unwrap();
        assert_eq!(server.seen()[1].params()["requestState"], state);
    }
}

#[tokio::test]
async fn parallel_calls_do_not_mix() {
    let builder = Client::builder("tester", "1")
        .on_elicit_form(async |form| ElicitAnswer::accept(&json!({ "name": form.message })));
    let (client, mut peer) = Peer::new(builder, LineOptions::default());
    let calls = [spawn_call(&client, "t"), spawn_call(&client, "t")];
    let requests = [peer.read().await, peer.read().await];
    for (request, which) in requests.iter().zip(["one", "two"]).rev() {
        let asks = format!(
            r#"{{"resultType":"input_required","requestState":"state {which}","inputRequests":{{"q":{{"method":"elicitation/create","params":{{"message":"{which}","requestedSchema":{{"type":"object","properties":{{"name":{{"type":"string"}}}}}}}}}}}}}}"#
        );
        peer.answer(&request["id"], &asks).await;
    }
    let other = spawn_call(&client, "t");
    let mut states = HashSet::new();
    for _ in 0..3 {
        let request = peer.read().await;
        let params = &request["params"];
        match params.get("requestState") {
            None => assert!(params.get("inputResponses").is_none(), "{request}"),
            Some(state) => {
                let name = &params["inputResponses"]["q"]["content"]["name"];
                assert_eq!(*state, format!("state {}", name.as_str().unwrap()));
                states.insert(state.to_string());
            }
        }
        peer.answer_text(&request["id"], "done").await;
    }
    assert_eq!(states.len(), 2);
    for call in calls.into_iter().chain([other]) {
        assert_eq!(call.await.unwrap().unwrap(), "done");
    }
}
