//! Subscriptions, their loss and their return.

use std::time::Duration;

use futures_util::StreamExt;
use mcp_core::client::transport::TransportError;
use mcp_core::client::{Client, ClientError, ListenOptions, SubscriptionEvent};
use mcp_core::protocol::SubscriptionFilter;
use serde_json::json;

use crate::support::{Act, Scripted, error, result};

fn filter() -> SubscriptionFilter {
    serde_json::from_value(json!({
        "toolsListChanged": true,
        "promptsListChanged": true,
        "resourcesListChanged": true,
        "resourceSubscriptions": ["a:b"],
    }))
    .unwrap()
}

fn note(method: &str, more: &str) -> Act {
    Act::Tell(format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":$id}}{more}}}}}"#
    ))
}

fn acknowledged() -> Act {
    note("subscriptions/acknowledged", r#","notifications":{"toolsListChanged":true}"#)
}

fn ended() -> Act {
    Act::Say(
        r#"{"jsonrpc":"2.0","id":$id,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":$id}}}"#,
    )
}

async fn events(client: &Client) -> Vec<Result<SubscriptionEvent, ClientError>> {
    client.listen(filter()).collect().await
}

fn kind(event: &Result<SubscriptionEvent, ClientError>) -> &'static str {
    match event {
        Ok(SubscriptionEvent::Acknowledged(_)) => "acknowledged",
        Ok(SubscriptionEvent::Reconnected(_)) => "reconnected",
        Ok(SubscriptionEvent::ToolsListChanged) => "tools",
        Ok(SubscriptionEvent::PromptsListChanged) => "prompts",
        Ok(SubscriptionEvent::ResourcesListChanged) => "resources",
        Ok(SubscriptionEvent::ResourceUpdated { .. }) => "updated",
        Ok(_) => "extension",
        Err(_) => "error",
    }
}

#[tokio::test]
async fn every_event_is_told_until_the_clean_end() {
    let server = Scripted::new([vec![
        acknowledged(),
        note("tools/list_changed", ""),
        note("prompts/list_changed", ""),
        note("resources/list_changed", ""),
        note("resources/updated", r#","uri":"a:b/c""#),
        note("com.example/alarm", r#","level":3"#),
        ended(),
    ]]);
    let seen = events(&server.client()).await;
    assert_eq!(
        seen.iter().map(kind).collect::<Vec<_>>(),
        ["acknowledged", "tools", "prompts", "resources", "updated", "extension"]
    );
    let Ok(SubscriptionEvent::Acknowledged(honoured)) = &seen[0] else { panic!() };
    assert_eq!(honoured.tools_list_changed, Some(true));
    assert_eq!(honoured.prompts_list_changed, None, "what the server does not honour is missing");
    let Ok(SubscriptionEvent::ResourceUpdated { uri }) = &seen[4] else { panic!() };
    assert_eq!(uri, "a:b/c");
    let Ok(SubscriptionEvent::Extension { method, params }) = &seen[5] else { panic!() };
    assert_eq!(method, "notifications/com.example/alarm");
    assert_eq!(params.parse::<serde_json::Value>().unwrap()["level"], 3);
    let request = &server.seen()[0];
    assert_eq!(request.method(), "subscriptions/listen");
    assert_eq!(request.params()["notifications"], serde_json::to_value(filter()).unwrap());
    assert_eq!(server.seen().len(), 1, "a clean end is an end");
}

#[tokio::test]
async fn notifications_with_another_id_or_none_are_ignored() {
    let wrong = |meta: &str| {
        Act::Tell(format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/tools/list_changed"{meta}}}"#
        ))
    };
    let id = |id: &str| {
        wrong(&format!(
            r#","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}"#
        ))
    };
    let server = Scripted::new([vec![
        acknowledged(),
        wrong(""),
        wrong(r#","params":{}"#),
        wrong(r#","params":{"_meta":{}}"#),
        id("99"),
        id(r#""$id""#),
        id("null"),
        id("{}"),
        note("resources/updated", ""),
        note("resources/updated", r#","uri":7"#),
        Act::Say(r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#),
        Act::Say(
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#,
        ),
        note("prompts/list_changed", ""),
        ended(),
    ]]);
    let seen = events(&server.client()).await;
    assert_eq!(seen.iter().map(kind).collect::<Vec<_>>(), ["acknowledged", "prompts"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_subscription_begins_anew_and_says_so() {
    let server = Scripted::new([
        vec![acknowledged(), note("tools/list_changed", "")],
        vec![Act::Break(TransportError::Http { status: 503 })],
        error(r#"{"code":-32603,"message":"not yet"}"#),
        vec![Act::Break(TransportError::Disconnected)],
        vec![acknowledged(), Act::Break(TransportError::Disconnected)],
        vec![acknowledged(), ended()],
    ]);
    let begun = tokio::time::Instant::now();
    let seen = events(&server.client()).await;
    assert_eq!(
        seen.iter().map(kind).collect::<Vec<_>>(),
        ["acknowledged", "tools", "reconnected", "reconnected"]
    );
    let requests = server.seen();
    assert_eq!(requests.len(), 6);
    let ids: std::collections::HashSet<_> =
        requests.iter().map(|request| request.message["id"].to_string()).collect();
    assert_eq!(ids.len(), 6, "each with its own id");
    // 0.5 + 1 + 2 + 4 seconds and, after a success, 0.5 again; each shortened by half at most.
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(4) && waited <= Duration::from_secs(8), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_cannot_begin_is_an_error_at_once() {
    for acts in [
        error(r#"{"code":-32601,"message":"m"}"#),
        error(r#"{"code":-32603,"message":"m"}"#),
        vec![],
        vec![Act::Break(TransportError::Disconnected)],
        vec![Act::Hang],
        vec![Act::Say("nonsense")],
        result(r#"{"resultType":"input_required","requestState":"s"}"#),
    ] {
        let server = Scripted::new([acts]);
        let seen = events(&server.client()).await;
        assert_eq!(seen.iter().map(kind).collect::<Vec<_>>(), ["error"]);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_trying_again_cannot_mend_ends_it() {
    for (second, what) in [
        (error(r#"{"code":-32601,"message":"m"}"#), "-32601"),
        (vec![Act::Break(TransportError::Closed)], "closed"),
        (vec![Act::Break(TransportError::Http { status: 404 })], "404"),
    ] {
        let server = Scripted::new([vec![acknowledged()], second]);
        let seen = events(&server.client()).await;
        assert_eq!(seen.iter().map(kind).collect::<Vec<_>>(), ["acknowledged", "error"], "{what}");
        assert!(seen[1].as_ref().unwrap_err().to_string().contains(what));
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn tries_can_be_bounded() {
    let server = Scripted::new((0..10).map(|i| if i == 0 { vec![acknowledged()] } else { vec![] }));
    let client = server.client();
    let options = ListenOptions { attempts: 3, ..ListenOptions::default() };
    let seen: Vec<_> = client.listen_with(filter(), options).collect().await;
    assert_eq!(seen.iter().map(kind).collect::<Vec<_>>(), ["acknowledged", "error"]);
    assert_eq!(server.seen().len(), 4);

    let server = Scripted::new([vec![acknowledged()]]);
    let client = server.client();
    let options = ListenOptions::without_reconnect();
    let seen: Vec<_> = client.listen_with(filter(), options).collect().await;
    assert!(matches!(
        seen[1].as_ref().unwrap_err(),
        ClientError::Transport(TransportError::NoResponse)
    ));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn another_revision_is_tried_once() {
    let version = || {
        error(
            r#"{"code":-32022,"message":"m","data":{"supported":["2026-07-28"],"requested":"x"}}"#,
        )
    };
    let server = Scripted::new([version(), vec![acknowledged(), ended()]]);
    let seen = events(&server.client()).await;
    assert_eq!(seen.iter().map(kind).collect::<Vec<_>>(), ["acknowledged"]);
    let server = Scripted::new([version(), version()]);
    let seen = events(&server.client()).await;
    assert_eq!(seen[0].as_ref().unwrap_err().code(), Some(-32022));
}

#[tokio::test(start_paused = true)]
async fn once_acknowledged_it_may_be_silent_for_ever() {
    let server = Scripted::new([vec![acknowledged(), Act::Hang]]);
    let mut changes = server.client().listen(filter());
    changes.next().await.unwrap().unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    assert!(tokio::time::timeout(day, changes.next()).await.is_err());
    assert_eq!(server.dropped(), 0);
    drop(changes);
    assert_eq!(server.dropped(), 1);
}

fn tools(name: &str) -> Vec<Act> {
    result(&format!(
        r#"{{"tools":[{{"name":"{name}","inputSchema":{{}}}}],"ttlMs":600000,"cacheScope":"public"}}"#
    ))
}

#[tokio::test(start_paused = true)]
async fn changes_make_cached_answers_stale() {
    let server = Scripted::new([
        tools("one"),
        vec![
            acknowledged(),
            note("tools/list_changed", ""),
            Act::Break(TransportError::Disconnected),
        ],
    ]);
    let client = server.client();
    let name = async || client.list_tools().await.unwrap().remove(0).name;
    assert_eq!(name().await, "one");
    let mut changes = client.listen(filter());
    changes.next().await.unwrap().unwrap();
    assert_eq!(name().await, "one", "still fresh");
    changes.next().await.unwrap().unwrap();
    server.more(tools("two"));
    assert_eq!(name().await, "two");
    assert_eq!(name().await, "two");
    // After a loss, anything may have changed.
    server.more(vec![acknowledged(), Act::Hang]);
    let event = changes.next().await.unwrap().unwrap();
    assert!(matches!(event, SubscriptionEvent::Reconnected(_)));
    server.more(tools("three"));
    assert_eq!(name().await, "three");
}

#[tokio::test(start_paused = true)]
async fn a_changed_resource_makes_only_itself_stale() {
    let contents = |text: &str| {
        result(&format!(
            r#"{{"contents":[{{"uri":"a:b","text":"{text}"}}],"ttlMs":600000,"cacheScope":"private"}}"#
        ))
    };
    let server = Scripted::new([
        contents("b"),
        contents("c"),
        vec![acknowledged(), note("resources/updated", r#","uri":"a:b""#), Act::Hang],
        contents("new"),
    ]);
    let client = server.client();
    let read = async |uri: &str| {
        client.read_resource(uri).await.unwrap().contents[0].as_text().unwrap().to_owned()
    };
    assert_eq!((read("a:b").await, read("a:c").await), ("b".to_owned(), "c".to_owned()));
    let mut changes = client.listen(filter());
    changes.next().await.unwrap().unwrap();
    changes.next().await.unwrap().unwrap();
    assert_eq!((read("a:c").await, read("a:b").await), ("c".to_owned(), "new".to_owned()));
}
