//! Lists in pages.

use futures_util::TryStreamExt;
use mcp_core::client::{Client, ClientError};
use serde_json::json;

use crate::support::{Act, Scripted, error, result};

fn page(field: &str, entry: &str, next: Option<&str>) -> Vec<Act> {
    let next = next.map_or(String::new(), |next| format!(r#","nextCursor":"{next}""#));
    result(&format!(r#"{{"{field}":[{entry}]{next},"ttlMs":0,"cacheScope":"public"}}"#))
}

fn tools(name: &str, next: Option<&str>) -> Vec<Act> {
    page("tools", &format!(r#"{{"name":"{name}","inputSchema":{{}}}}"#), next)
}

#[tokio::test]
async fn all_pages_are_read_and_cursors_are_not_looked_into() {
    let server = Scripted::new([
        tools("a", Some("x\\n{}")),
        tools("b", Some("")),
        result(r#"{"tools":[],"nextCursor":"last","ttlMs":0,"cacheScope":"public"}"#),
        tools("c", None),
    ]);
    let all = server.client().list_tools().await.unwrap();
    assert_eq!(all.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let seen = server.seen();
    assert!(seen[0].params().get("cursor").is_none());
    assert_eq!(seen[1].params()["cursor"], "x\n{}");
    assert_eq!(seen[2].params()["cursor"], "", "an empty cursor is no end");
    assert_eq!(seen[3].params()["cursor"], "last");
}

#[tokio::test]
async fn the_other_lists_are_paged_alike() {
    let server = Scripted::new([
        page("prompts", r#"{"name":"a"}"#, Some("2")),
        page("prompts", r#"{"name":"b"}"#, None),
        page("resources", r#"{"name":"a","uri":"a:a"}"#, Some("2")),
        page("resources", r#"{"name":"b","uri":"a:b"}"#, None),
        page("resourceTemplates", r#"{"name":"a","uriTemplate":"a:{x}"}"#, Some("2")),
        page("resourceTemplates", r#"{"name":"b","uriTemplate":"b:{x}"}"#, None),
    ]);
    let client = server.client();
    assert_eq!(client.list_prompts().await.unwrap().len(), 2);
    assert_eq!(client.list_resources().await.unwrap().len(), 2);
    assert_eq!(client.list_resource_templates().await.unwrap().len(), 2);
    let methods = server.methods();
    assert_eq!(methods[0..2], ["prompts/list"; 2]);
    assert_eq!(methods[2..4], ["resources/list"; 2]);
    assert_eq!(methods[4..6], ["resources/templates/list"; 2]);
}

#[tokio::test]
async fn single_pages_are_to_be_had() {
    let server = Scripted::new([tools("a", Some("2")), tools("b", None)]);
    let client = server.client();
    let first = client.list_tools_page(None).await.unwrap();
    assert_eq!(first.next_cursor.as_deref(), Some("2"));
    let second = client.list_tools_page(first.next_cursor).await.unwrap();
    assert_eq!(second.tools[0].name, "b");
}

#[tokio::test]
async fn lists_that_go_in_circles_are_found_out() {
    let circle = || [tools("a", Some("1")), tools("b", Some("2")), tools("c", Some("1"))];
    let error = Scripted::new(circle()).client().list_tools().await.unwrap_err();
    assert!(matches!(error, ClientError::RepeatedCursor { method: "tools/list" }), "{error}");

    let client = Scripted::new(circle()).client();
    let mut entries = client.tools();
    assert_eq!(entries.next().await.unwrap().unwrap().name, "a");
    assert_eq!(entries.next().await.unwrap().unwrap().name, "b");
    assert!(matches!(
        entries.next().await.unwrap().unwrap_err(),
        ClientError::RepeatedCursor { .. }
    ));
    assert!(entries.next().await.is_none());
}

#[tokio::test]
async fn the_number_of_pages_is_bounded() {
    let pages = (0..100).map(|i| tools("a", Some(&i.to_string()))).collect::<Vec<_>>();
    let server = Scripted::new(pages);
    let client = server.client_of(Client::builder("t", "1").max_pages(5));
    let error = client.list_tools().await.unwrap_err();
    assert!(matches!(error, ClientError::TooManyPages { limit: 5, .. }), "{error}");
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn streams_read_pages_as_they_are_needed() {
    let server = Scripted::new([tools("a", Some("2")), tools("b", None)]);
    let client = server.client();
    let mut entries = client.tools();
    assert!(server.seen().is_empty());
    assert_eq!(entries.try_next().await.unwrap().unwrap().name, "a");
    assert_eq!(server.seen().len(), 1);
    assert_eq!(entries.try_next().await.unwrap().unwrap().name, "b");
    assert!(entries.try_next().await.unwrap().is_none());
    assert!(entries.try_next().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_cursor_from_the_cache_that_is_no_longer_valid_starts_the_list_anew() {
    let fresh = |name: &str, next: &str| {
        result(&format!(
            r#"{{"tools":[{{"name":"{name}","inputSchema":{{}}}}]{next},"ttlMs":60000,"cacheScope":"public"}}"#
        ))
    };
    let gone = || error(r#"{"code":-32602,"message":"invalid cursor"}"#);
    let server = Scripted::new([
        fresh("old", r#","nextCursor":"2""#),
        gone(),
        fresh("new", r#","nextCursor":"3""#),
        fresh("more", ""),
    ]);
    let client = server.client();
    client.list_tools_page(None).await.unwrap();
    let all = client.list_tools().await.unwrap();
    assert_eq!(all.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["new", "more"]);
    assert_eq!(server.seen().len(), 4);

    // A server that never accepts its own cursors is not asked for ever.
    let server = Scripted::new([
        fresh("a", r#","nextCursor":"2""#),
        gone(),
        fresh("a", r#","nextCursor":"2""#),
        gone(),
    ]);
    assert_eq!(server.client().list_tools().await.unwrap_err().code(), Some(-32602));
}

#[tokio::test]
async fn a_first_page_that_is_refused_is_an_error_at_once() {
    let server = Scripted::new([error(r#"{"code":-32602,"message":"m"}"#)]);
    assert_eq!(server.client().list_tools().await.unwrap_err().code(), Some(-32602));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn completion_asks_with_what_is_known() {
    let server = Scripted::new([result(r#"{"completion":{"values":["a","b"],"hasMore":true}}"#)]);
    let mut known = mcp_core::protocol::CompletionContext::default();
    known.arguments = Some([("x".to_owned(), "y".to_owned())].into());
    let reference = mcp_core::protocol::PromptReference::new("p");
    let completed =
        server.client().complete(reference, "arg", "a", Some(known)).await.unwrap().completion;
    assert_eq!(completed.values, ["a", "b"]);
    assert_eq!(completed.has_more, Some(true));
    let seen = server.seen();
    assert_eq!(seen[0].params()["ref"], json!({ "type": "ref/prompt", "name": "p" }));
    assert_eq!(seen[0].params()["argument"], json!({ "name": "arg", "value": "a" }));
    assert_eq!(seen[0].params()["context"], json!({ "arguments": { "x": "y" } }));
}
