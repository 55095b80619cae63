//! Answers that are used again.

use std::time::Duration;

use mcp_core::client::{CacheLimits, Client};
use mcp_core::protocol::ListTools;
use serde_json::json;
use tokio::time::advance;

use crate::support::{Act, Scripted, result};

fn tools(name: &str, hints: &str) -> Vec<Act> {
    result(&format!(r#"{{"tools":[{{"name":"{name}","inputSchema":{{}}}}]{hints}}}"#))
}

fn contents(text: &str, hints: &str) -> Vec<Act> {
    result(&format!(r#"{{"contents":[{{"uri":"a:b","text":"{text}"}}]{hints}}}"#))
}

const MINUTE: &str = r#","ttlMs":60000,"cacheScope":"private""#;

async fn first_tool(client: &Client) -> String {
    client.list_tools().await.unwrap().remove(0).name
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_used_again_while_it_is_fresh() {
    let server = Scripted::new([tools("one", MINUTE), tools("two", MINUTE)]);
    let client = server.client();
    assert_eq!(first_tool(&client).await, "one");
    advance(Duration::from_millis(59_999)).await;
    assert_eq!(first_tool(&client).await, "one");
    assert_eq!(first_tool(&client.clone()).await, "one", "clones share it");
    assert_eq!(server.seen().len(), 1);
    advance(Duration::from_millis(1)).await;
    assert_eq!(first_tool(&client).await, "two");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_without_a_positive_hint() {
    for hints in [
        "",
        r#","ttlMs":0,"cacheScope":"public""#,
        r#","ttlMs":-5,"cacheScope":"public""#,
        r#","ttlMs":"long","cacheScope":"public""#,
        r#","ttlMs":null,"cacheScope":null"#,
    ] {
        let server = Scripted::new([tools("one", hints), tools("two", hints)]);
        let client = server.client();
        assert_eq!(first_tool(&client).await, "one", "{hints}");
        assert_eq!(first_tool(&client).await, "two", "{hints}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_differ_do_not_share_answers() {
    let server = Scripted::new([
        contents("a", MINUTE),
        contents("b", MINUTE),
        contents("care", MINUTE),
        contents("fresh", MINUTE),
    ]);
    let client = server.client();
    let text = |result: mcp_core::protocol::ReadResourceResult| {
        result.contents[0].as_text().unwrap().to_owned()
    };
    assert_eq!(text(client.read_resource("a:a").await.unwrap()), "a");
    assert_eq!(text(client.read_resource("a:b").await.unwrap()), "b");
    assert_eq!(text(client.read_resource("a:a").await.unwrap()), "a");
    let labelled = client.read("a:a").meta("com.example/purpose", &"care");
    assert_eq!(text(labelled.send().await.unwrap()), "care");
    assert_eq!(text(client.read("a:a").fresh().send().await.unwrap()), "fresh");
    assert_eq!(text(client.read_resource("a:a").await.unwrap()), "fresh", "it is kept instead");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn each_page_has_its_own_time() {
    let page = |name: &str, next: &str, ttl: u32| {
        result(&format!(
            r#"{{"tools":[{{"name":"{name}","inputSchema":{{}}}}]{next},"ttlMs":{ttl},"cacheScope":"public"}}"#
        ))
    };
    let next = r#","nextCursor":"2""#;
    let server =
        Scripted::new([page("a", next, 60_000), page("b", "", 1_000), page("c", "", 1_000)]);
    let client = server.client();
    let names = async || -> Vec<String> {
        client.list_tools().await.unwrap().into_iter().map(|tool| tool.name).collect()
    };
    assert_eq!(names().await, ["a", "b"]);
    assert_eq!(names().await, ["a", "b"]);
    advance(Duration::from_secs(2)).await;
    assert_eq!(names().await, ["a", "c"]);
    assert_eq!(server.seen().len(), 3);
    assert_eq!(server.seen()[2].params()["cursor"], "2");
}

#[tokio::test(start_paused = true)]
async fn calls_and_retried_requests_are_not_cached() {
    let asks = || result(r#"{"resultType":"input_required","requestState":"s"}"#);
    let server = Scripted::new([asks(), contents("one", MINUTE), asks(), contents("two", MINUTE)]);
    let client = server.client();
    client.read_resource("a:b").await.unwrap();
    client.read_resource("a:b").await.unwrap();
    assert_eq!(server.seen().len(), 4, "the first answer was not kept");

    let done = r#"{"content":[],"ttlMs":60000,"cacheScope":"public"}"#;
    let server = Scripted::new([result(done), result(done)]);
    let client = server.client();
    client.call("t").send().await.unwrap();
    client.call("t").send().await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn errors_are_not_cached() {
    let server = Scripted::new([
        crate::support::error(r#"{"code":-32603,"message":"m"}"#),
        tools("one", MINUTE),
    ]);
    let client = server.client();
    client.list_tools().await.unwrap_err();
    assert_eq!(first_tool(&client).await, "one");
}

#[tokio::test(start_paused = true)]
async fn the_cache_can_be_turned_off_and_emptied() {
    let server = Scripted::new([tools("one", MINUTE), tools("two", MINUTE)]);
    let client = server.client_of(Client::builder("t", "1").cache(CacheLimits::disabled()));
    assert_eq!(first_tool(&client).await, "one");
    assert_eq!(first_tool(&client).await, "two");

    let server = Scripted::new([tools("one", MINUTE), tools("two", MINUTE)]);
    let client = server.client();
    assert_eq!(first_tool(&client).await, "one");
    client.forget_cached();
    assert_eq!(first_tool(&client).await, "two");
}

#[tokio::test(start_paused = true)]
async fn every_way_to_ask_shares_the_cache() {
    let server = Scripted::new([tools("one", MINUTE)]);
    let client = server.client();
    client.list_tools().await.unwrap();
    client.list_tools_page(None).await.unwrap();
    client.request::<ListTools>(&json!({})).await.unwrap();
    client.request_raw("tools/list", &json!({})).await.unwrap();
    assert!(client.tools().next().await.unwrap().is_ok());
    assert_eq!(server.seen().len(), 1);
}
