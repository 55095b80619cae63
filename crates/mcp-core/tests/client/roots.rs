//! The folders that a client shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_core::client::{Client, ClientError};
use mcp_core::protocol::Root;

use crate::support::{Act, DONE, Scripted, result};

fn asks() -> Vec<Act> {
    result(r#"{"resultType":"input_required","inputRequests":{"roots":{"method":"roots/list"}}}"#)
}

fn showing(uri: &str) -> mcp_core::client::ClientBuilder {
    let uri = uri.to_owned();
    Client::builder("tester", "1").on_roots(move |_| {
        let root = Root::new(uri.clone());
        async { Ok::<_, String>(vec![Root::new("file:///fine"), root]) }
    })
}

async fn is_refused(uri: &str) {
    let server = Scripted::new([asks(), result(DONE)]);
    let error = server.client_of(showing(uri)).call("t").send().await.unwrap_err();
    assert!(
        matches!(error, ClientError::InvalidAnswer { method: "roots/list", .. }),
        "{uri:?}: {error}"
    );
    assert_eq!(server.seen().len(), 1, "{uri:?}: no retry");
    // And those that never change are checked when the client is built.
    let fixed = Client::builder("tester", "1").roots(vec![Root::new(uri)]);
    assert!(fixed.connect(Scripted::new([])).is_err(), "{uri:?}");
}

async fn is_sent(uri: &str) {
    let server = Scripted::new([asks(), result(DONE)]);
    server.client_of(showing(uri)).call("t").send().await.unwrap();
    let seen = server.seen();
    let sent = &seen[1].params()["inputResponses"]["roots"]["roots"][1]["uri"];
    assert_eq!(sent, uri, "as it was given");
}

#[tokio::test]
async fn roots_are_file_uris() {
    for uri in [
        "http://x",
        "https://example.com/",
        "/home/ada",
        "C:\\work",
        "file:relative",
        "file:/a",
        "",
    ] {
        is_refused(uri).await;
    }
    for uri in ["file:///home/ada", "file:///C:/work", "file:///"] {
        is_sent(uri).await;
    }
}

#[tokio::test]
async fn roots_have_no_dots() {
    for uri in [
        "file:///a/../b",
        "file:///a/..",
        "file:///..",
        "file:///a/%2e%2e/b",
        "file:///a/.%2E/b",
        "file:///a%2f..%2fb",
        "file:///a\\..\\b",
        "file:///a%5C..%5cb",
        "file:///a\0b",
        "file:///a%00b",
        "file:///a b",
        "file:///a\nb",
        "file://localhost/../a",
    ] {
        is_refused(uri).await;
    }
    for uri in ["file:///a/b%20c", "file:///a..b/...", "file:///a/.hidden", "file:///%C3%A9"] {
        is_sent(uri).await;
    }
}

#[tokio::test]
async fn roots_are_asked_anew() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let builder = Client::builder("tester", "1").on_roots(move |_| {
        let count = counter.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, String>(vec![Root::new(format!("file:///{count}"))]) }
    });
    let server = Scripted::new([asks(), asks(), result(DONE), asks(), result(DONE)]);
    let client = server.client_of(builder);
    client.call("t").send().await.unwrap();
    client.call("t").send().await.unwrap();
    let sent: Vec<_> = server
        .seen()
        .iter()
        .filter_map(|seen| {
            let roots = &seen.params()["inputResponses"]["roots"]["roots"];
            roots[0]["uri"].as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(sent, ["file:///0", "file:///1", "file:///2"]);
}
