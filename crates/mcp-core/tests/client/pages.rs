//! Pages of lists, however they come.

use serde_json::{Value, json};

use crate::support::{Act, Scripted, result};

fn page(names: &[String], next: &Value) -> Vec<Act> {
    let tools: Vec<_> =
        names.iter().map(|name| json!({ "name": name, "inputSchema": {} })).collect();
    let mut page = json!({ "tools": tools, "ttlMs": 0, "cacheScope": "public" });
    if *next != json!("absent") {
        page["nextCursor"] = next.clone();
    }
    result(&page.to_string())
}

fn names(count: usize, first: usize) -> Vec<String> {
    (first..first + count).map(|number| format!("t{number}")).collect()
}

#[tokio::test]
async fn pages_of_any_size() {
    let server = Scripted::new([
        page(&names(1, 0), &json!("a")),
        page(&[], &json!("b")),
        page(&names(500, 1), &json!("c")),
        page(&names(3, 501), &json!("absent")),
    ]);
    let all = server.client().list_tools().await.unwrap();
    let all: Vec<_> = all.into_iter().map(|tool| tool.name).collect();
    assert_eq!(all, names(504, 0), "all entries once, in order");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn cursors_come_back_unread() {
    let cursors = [
        String::new(),
        r#"{"page": 2}"#.to_owned(),
        "  ".to_owned(),
        "\u{1F600}\u{e9}\n\"\\\u{0}".to_owned(),
        "0".to_owned(),
        "null".to_owned(),
        "x".repeat(64 * 1024),
    ];
    let mut pages: Vec<_> = cursors.iter().map(|next| page(&[], &json!(next))).collect();
    pages.push(page(&names(1, 0), &json!("absent")));
    let server = Scripted::new(pages);
    assert_eq!(server.client().list_tools().await.unwrap().len(), 1);
    let seen = server.seen();
    assert!(seen[0].params().get("cursor").is_none());
    for (seen, cursor) in seen[1..].iter().zip(&cursors) {
        assert_eq!(seen.params()["cursor"], json!(cursor));
    }
    assert_eq!(seen.len(), cursors.len() + 1);
}

#[tokio::test]
async fn empty_cursor_goes_on_and_a_missing_one_ends() {
    let server =
        Scripted::new([page(&names(1, 0), &json!("")), page(&names(1, 1), &json!("absent"))]);
    assert_eq!(server.client().list_tools().await.unwrap().len(), 2);
    assert_eq!(server.seen()[1].params()["cursor"], "");
    for end in [json!("absent"), json!(null)] {
        let server = Scripted::new([page(&names(2, 0), &end)]);
        let client = server.client();
        let mut entries = client.tools();
        assert!(entries.next().await.unwrap().is_ok());
        assert!(entries.next().await.unwrap().is_ok());
        assert!(entries.next().await.is_none(), "{end}");
        assert_eq!(server.seen().len(), 1, "{end}: one request");
    }
}

#[tokio::test]
async fn partial_completions() {
    let many: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    for completion in [
        json!({ "values": ["a", "b"] }),
        json!({ "values": [] }),
        json!({ "values": [], "total": 7, "hasMore": true }),
        json!({ "values": many }),
        json!({ "values": ["a"], "com.example/more": 1 }),
    ] {
        let server = Scripted::new([result(&json!({ "completion": completion }).to_string())]);
        let reference = mcp_core::protocol::PromptReference::new("p");
        let client = server.client();
        let completed = client.complete(reference, "a", "", None).await.unwrap().completion;
        assert_eq!(serde_json::to_value(completed).unwrap(), completion, "as it came");
    }
}

/// What a server says of its tools changes nothing of how they are called.
#[tokio::test]
async fn annotations_change_nothing() {
    let done = r#"{"content":[],"ttlMs":60000,"cacheScope":"public"}"#;
    for hints in 0..16_u8 {
        let annotations = json!({
            "readOnlyHint": hints & 1 != 0,
            "destructiveHint": hints & 2 != 0,
            "idempotentHint": hints & 4 != 0,
            "openWorldHint": hints & 8 != 0,
        });
        let tool = json!({ "name": "t", "inputSchema": {}, "annotations": annotations });
        let list = json!({ "tools": [tool], "ttlMs": 60_000, "cacheScope": "public" });
        let failed = crate::support::error(r#"{"code":-32603,"message":"m"}"#);
        let server = Scripted::new([
            result(&list.to_string()),
            result(done),
            result(done),
            failed,
            vec![Act::Break(mcp_core::client::transport::TransportError::Disconnected)],
        ]);
        let client = server.client();
        client.list_tools().await.unwrap();
        client.call("t").send().await.unwrap();
        client.call("t").send().await.unwrap();
        client.call("t").send().await.unwrap_err();
        client.call("t").send().await.unwrap_err();
        assert_eq!(server.seen().len(), 5, "{annotations}: neither cached nor repeated");
    }
}

/// A tool's name is the server's to choose, and what it is called by.
#[tokio::test]
async fn client_takes_odd_names() {
    for name in ["", "a b", "\u{e9}", "a/b?c", "x".repeat(1000).as_str()] {
        let tool = json!({ "name": name, "inputSchema": {} });
        let server = Scripted::new([
            result(&json!({ "tools": [tool] }).to_string()),
            result(crate::support::DONE),
        ]);
        let client = server.client();
        assert_eq!(client.list_tools().await.unwrap()[0].name, name);
        client.call(name).send().await.unwrap();
        assert_eq!(server.seen()[1].params()["name"], name);
    }
}
