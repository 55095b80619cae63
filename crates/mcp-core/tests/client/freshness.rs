//! For how long, and for whom, answers are used again.

use std::time::Duration;

use mcp_core::client::{Client, SubscriptionEvent};
use mcp_core::protocol::SubscriptionFilter;
use serde_json::json;
use tokio::time::advance;

use crate::support::{Act, Scripted, result};

fn tools(name: &str, hints: &str) -> Vec<Act> {
    result(&format!(r#"{{"tools":[{{"name":"{name}","inputSchema":{{}}}}]{hints}}}"#))
}

async fn first_tool(client: &Client) -> String {
    client.list_tools().await.unwrap().remove(0).name
}

#[tokio::test(start_paused = true)]
async fn freshness() {
    for (ttl, fresh) in [
        ("", 0),
        (r#","ttlMs":0"#, 0),
        (r#","ttlMs":-5"#, 0),
        (r#","ttlMs":-9223372036854775809"#, 0),
        (r#","ttlMs":"1000""#, 0),
        (r#","ttlMs":true"#, 0),
        (r#","ttlMs":1000"#, 1000),
        (r#","ttlMs":1e3"#, 1000),
        (r#","ttlMs":1152921504606846976"#, 60_000),
        (r#","ttlMs":1e300"#, 60_000),
    ] {
        for scope in [r#","cacheScope":"public""#, r#","cacheScope":"private""#] {
            let hints = format!("{ttl}{scope}");
            let server = Scripted::new([tools("one", &hints), tools("two", &hints)]);
            let client = server.client();
            assert_eq!(first_tool(&client).await, "one", "{hints}");
            if fresh > 0 {
                advance(Duration::from_millis(fresh - 1)).await;
                assert_eq!(first_tool(&client).await, "one", "{hints}");
            }
            if fresh < 60_000 {
                advance(Duration::from_millis(u64::from(fresh > 0))).await;
                assert_eq!(first_tool(&client).await, "two", "{hints}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_unasked() {
    let minute = r#","ttlMs":60000,"cacheScope":"public""#;
    let server = Scripted::new([tools("one", minute), tools("two", minute)]);
    let client = server.client();
    assert_eq!(first_tool(&client).await, "one");
    // A timer of the client's own would fire in this sleep.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(server.seen().len(), 1);
    assert_eq!(first_tool(&client).await, "two");
    assert_eq!(server.seen().len(), 2, "once, when it is needed");
}

#[tokio::test(start_paused = true)]
async fn cache_key_is_method_and_params() {
    let hints = r#""ttlMs":60000,"cacheScope":"public""#;
    let contents = |text: &str| {
        result(&format!(r#"{{"contents":[{{"uri":"a:b","text":"{text}"}}],{hints}}}"#))
    };
    let page = |name: &str| {
        result(&format!(
            r#"{{"tools":[{{"name":"{name}","inputSchema":{{}}}}],"nextCursor":"2",{hints}}}"#
        ))
    };
    let server = Scripted::new([
        contents("a"),
        contents("b"),
        page("first"),
        page("second"),
        result(&format!(r#"{{"prompts":[],{hints}}}"#)),
        result(&format!(r#"{{"resources":[],{hints}}}"#)),
        result(&format!(r#"{{"resourceTemplates":[],{hints}}}"#)),
        contents("labelled"),
    ]);
    let client = server.client();
    let read = async |uri: &str| {
        client.read_resource(uri).await.unwrap().contents[0].as_text().unwrap().to_owned()
    };
    for _ in 0..3 {
        assert_eq!((read("a:a").await, read("a:b").await), ("a".to_owned(), "b".to_owned()));
        assert_eq!(client.list_tools_page(None).await.unwrap().tools[0].name, "first");
        let second = client.list_tools_page(Some("2".to_owned())).await.unwrap();
        assert_eq!(second.tools[0].name, "second");
        assert!(client.list_prompts().await.unwrap().is_empty());
        assert!(client.list_resources().await.unwrap().is_empty());
        assert!(client.list_resource_templates().await.unwrap().is_empty());
        let labelled = client.read("a:a").meta("com.example/purpose", &"care").send();
        assert_eq!(labelled.await.unwrap().contents[0].as_text(), Some("labelled"));
    }
    assert_eq!(server.seen().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn private_answers_stay_apart() {
    let private = r#","ttlMs":600000,"cacheScope":"private""#;
    // Two clients stand for two authorizations: they share no answer.
    let server =
        Scripted::new([tools("alice's", private), tools("bob's", private), tools("new", private)]);
    let (alice, bob) = (server.client(), server.client());
    assert_eq!(first_tool(&alice).await, "alice's");
    assert_eq!(first_tool(&bob).await, "bob's");
    assert_eq!(first_tool(&alice).await, "alice's");
    // One whose authorization changes forgets what it was told before.
    alice.forget_cached();
    assert_eq!(first_tool(&alice).await, "new");
    assert_eq!(first_tool(&bob).await, "bob's");
    assert_eq!(server.seen().len(), 3);
}

fn note(method: &str, more: &str) -> Act {
    Act::Tell(format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":$id}}{more}}}}}"#
    ))
}

/// Asks for everything that is cached and says which of it went to the server.
async fn asked_again(client: &Client, server: &Scripted) -> Vec<String> {
    let before = server.seen().len();
    client.list_tools().await.unwrap();
    client.list_prompts().await.unwrap();
    client.list_resources().await.unwrap();
    client.list_resource_templates().await.unwrap();
    client.read_resource("a:a").await.unwrap();
    client.read_resource("a:b").await.unwrap();
    let seen = server.seen();
    seen[before..].iter().map(|seen| seen.method().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn notifications_invalidate() {
    let hints = r#""ttlMs":600000,"cacheScope":"public""#;
    let empty = |member: &str| result(&format!(r#"{{"{member}":[],{hints}}}"#));
    let everything = ["tools", "prompts", "resources", "resourceTemplates", "contents", "contents"];
    for (changed, asked) in [
        (note("tools/list_changed", ""), vec!["tools/list"]),
        (note("prompts/list_changed", ""), vec!["prompts/list"]),
        (note("resources/list_changed", ""), vec!["resources/list", "resources/templates/list"]),
        (note("resources/updated", r#","uri":"a:b""#), vec!["resources/read"]),
        (note("resources/updated", r#","uri":"a:other""#), vec![]),
    ] {
        let server = Scripted::new(everything.map(empty));
        let client = server.client();
        assert_eq!(asked_again(&client, &server).await.len(), 6);
        assert!(asked_again(&client, &server).await.is_empty());
        let filter: SubscriptionFilter = serde_json::from_value(json!({
            "toolsListChanged": true,
            "promptsListChanged": true,
            "resourcesListChanged": true,
            "resourceSubscriptions": ["a:b"],
        }))
        .unwrap();
        let acknowledged = note("subscriptions/acknowledged", r#","notifications":{}"#);
        server.more(vec![acknowledged, changed, Act::Hang]);
        let mut changes = client.listen(filter);
        let first = changes.next().await.unwrap().unwrap();
        assert!(matches!(first, SubscriptionEvent::Acknowledged(_)));
        changes.next().await.unwrap().unwrap();
        for method in &asked {
            server.more(empty(match *method {
                "tools/list" => "tools",
                "prompts/list" => "prompts",
                "resources/list" => "resources",
                "resources/templates/list" => "resourceTemplates",
                _ => "contents",
            }));
        }
        assert_eq!(asked_again(&client, &server).await, asked);
    }
}
