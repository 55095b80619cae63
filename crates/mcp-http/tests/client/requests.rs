//! Each message is a POST of its own, with the headers that say what it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mcp_core::client::{
    Client, ClientContributions, ClientError, ClientExtension, SubscriptionEvent,
};
use mcp_core::extension::{Extension, ExtensionId, NoSettings};
use mcp_core::protocol::{PromptReference, Root, SubscriptionFilter};
use serde_json::{Value, json};

use crate::recorder::{Recorder, Reply, Seen};

struct Shelf;

impl Extension for Shelf {
    const ID: ExtensionId = ExtensionId::new("com.example/shelf");
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

impl ClientExtension for Shelf {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>) {
        to.routed_method("com.example/search", "term");
    }
}

fn list(field: &str, next: Option<&str>) -> Value {
    let mut list = json!({ "ttlMs": 0, "cacheScope": "public" });
    list[field] = json!([]);
    if let Some(next) = next {
        list["nextCursor"] = json!(next);
    }
    list
}

fn acknowledged(seen: &Seen) -> String {
    let meta = json!({ "io.modelcontextprotocol/subscriptionId": seen.body["id"] });
    let params = json!({ "_meta": meta, "notifications": {} });
    let method = "notifications/subscriptions/acknowledged";
    format!("data: {}\n\n", json!({ "jsonrpc": "2.0", "method": method, "params": params }))
}

/// Answers everything. A call asks; its first retry meets a server of another version.
fn answer(seen: &Seen, is_old: &AtomicBool) -> Reply {
    let params = &seen.body["params"];
    match seen.rpc() {
        "server/discover" => Reply::result(
            seen,
            &json!({ "supportedVersions": ["2026-07-28"], "capabilities": {}, "ttlMs": 0, "cacheScope": "public" }),
        ),
        "tools/list" if params["cursor"].is_null() => {
            Reply::result(seen, &list("tools", Some("2")))
        }
        "tools/list" => Reply::result(seen, &list("tools", None)),
        "prompts/list" => Reply::result(seen, &list("prompts", None)),
        "resources/list" => Reply::result(seen, &list("resources", None)),
        "resources/templates/list" => Reply::result(seen, &list("resourceTemplates", None)),
        "prompts/get" => Reply::result(seen, &json!({ "messages": [] })),
        "resources/read" => Reply::result(seen, &json!({ "contents": [] })),
        "completion/complete" => Reply::result(seen, &json!({ "completion": { "values": [] } })),
        "tools/call" if params["requestState"].is_null() => Reply::result(
            seen,
            &json!({ "resultType": "input_required", "requestState": "s", "inputRequests": { "r": { "method": "roots/list" } } }),
        ),
        "tools/call" if is_old.swap(false, Ordering::SeqCst) => Reply::error(
            seen,
            400,
            &json!({ "code": -32022, "message": "m", "data": { "supported": ["2026-07-28"], "requested": "x" } }),
        ),
        "tools/call" => Reply::done(seen),
        "subscriptions/listen" => Reply::hanging(&acknowledged(seen)),
        method if method.starts_with("notifications/") => Reply::of(202, "", b""),
        _ => Reply::result(seen, &json!({})),
    }
}

/// Everything that a client can send, as it arrived.
async fn everything() -> Vec<Seen> {
    let is_old = AtomicBool::new(true);
    let recorder = Recorder::start(move |seen| answer(seen, &is_old)).await;
    let builder = Client::builder("tester", "1").roots(vec![Root::new("file:///a")]);
    let client = recorder.client_of(builder.extension(Shelf));
    client.discover().await.unwrap();
    client.list_tools().await.unwrap();
    client.list_prompts().await.unwrap();
    client.list_resources().await.unwrap();
    client.list_resource_templates().await.unwrap();
    client.call("t").send().await.unwrap();
    client.get_prompt("p", &json!({})).await.unwrap();
    client.read_resource("a:b").await.unwrap();
    client.complete(PromptReference::new("p"), "a", "", None).await.unwrap();
    let term = json!({ "term": "größer" });
    let search = client.request_extension::<Shelf, _, Value>("com.example/search", &term);
    search.await.unwrap();
    client.notify_extension::<Shelf, _>("notifications/com.example/seen", &term).await.unwrap();
    let mut filter = SubscriptionFilter::default();
    filter.tools_list_changed = Some(true);
    let mut changes = client.listen(filter);
    let first = changes.next().await.unwrap().unwrap();
    assert!(matches!(first, SubscriptionEvent::Acknowledged(_)));
    let seen = recorder.seen();
    let retries = seen.iter().filter(|seen| seen.body["params"]["requestState"] == "s").count();
    assert_eq!(retries, 2, "one of them for the version");
    assert!(seen.iter().any(|seen| seen.body.get("id").is_none()));
    seen
}

#[tokio::test]
async fn each_message_is_a_post() {
    for seen in everything().await {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/mcp"), "{seen:?}");
        assert_eq!(seen.body["jsonrpc"], "2.0", "one message: {seen:?}");
        assert_eq!(seen.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn accept_lists_both() {
    for seen in everything().await {
        let accept = seen.header("accept").unwrap();
        for kind in ["application/json", "text/event-stream"] {
            assert!(accept.split(',').any(|range| range.trim() == kind), "{accept}");
        }
    }
}

#[tokio::test]
async fn standard_headers_on_every_request() {
    let mut named = 0;
    for seen in everything().await {
        let params = &seen.body["params"];
        assert_eq!(seen.header("mcp-method"), Some(seen.rpc()));
        let name = match seen.rpc() {
            "tools/call" | "prompts/get" => params["name"].as_str(),
            "resources/read" => params["uri"].as_str(),
            "com.example/search" => Some("=?base64?Z3LDtsOfZXI=?="),
            _ => None,
        };
        assert_eq!(seen.header("mcp-name"), name, "{seen:?}");
        named += usize::from(name.is_some());
        assert!(seen.params().is_empty());
    }
    assert_eq!(named, 6);
}

#[tokio::test]
async fn version_header_on_every_post() {
    for seen in everything().await {
        assert_eq!(seen.header("mcp-protocol-version"), Some("2026-07-28"), "{seen:?}");
        // In the body and in the header, before and after a retry: the same.
        assert_eq!(seen.meta("protocolVersion"), "2026-07-28", "{seen:?}");
    }
}

#[tokio::test]
async fn client_posts_no_responses() {
    let recorder = Recorder::start(|seen| {
        let done = json!({ "jsonrpc": "2.0", "id": seen.body["id"], "result": { "content": [] } });
        let mut events = String::new();
        for request in [
            json!({ "jsonrpc": "2.0", "id": 1, "method": "roots/list" }),
            json!({ "jsonrpc": "2.0", "id": "x", "method": "sampling/createMessage", "params": {} }),
            json!({ "jsonrpc": "2.0", "id": seen.body["id"], "method": "nobody/knows" }),
            json!({ "jsonrpc": "2.0", "method": "notifications/nobody/knows" }),
            done,
        ] {
            events += &format!("data: {request}\n\n");
        }
        Reply::events(&events)
    })
    .await;
    let builder = Client::builder("tester", "1").roots(vec![Root::new("file:///a")]);
    let client = recorder.client_of(builder);
    for _ in 0..2 {
        client.request_raw("com.example/m", &json!({})).await.unwrap();
    }
    // Anything that it answered would have come before the second request, or with it.
    assert_eq!(recorder.methods(), ["com.example/m"; 2]);
}

/// Waits until something is so.
async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it does not happen");
}

#[tokio::test]
async fn dropped_call_closes_its_stream() {
    let recorder = Recorder::start(|_| Reply::hanging(": here\n\n")).await;
    let client = recorder.client();
    let calling =
        tokio::spawn(async move { client.request_raw("com.example/m", &json!({})).await });
    until(|| !recorder.seen().is_empty()).await;
    assert_eq!(recorder.left(), 0);
    calling.abort();
    until(|| recorder.left() == 1).await;
    // The time limit of a request does the same.
    let client = recorder.client_of(Client::builder("t", "1").timeout(Duration::from_millis(100)));
    let error = client.request_raw("com.example/m", &json!({})).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
    until(|| recorder.left() == recorder.seen().len()).await;
    assert!(recorder.methods().iter().all(|it| it == "com.example/m"), "no notification is sent");
}
