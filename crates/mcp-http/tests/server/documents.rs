//! Documents beside the endpoint.

use mcp_core::server::ServedTool;
use mcp_testkit::{HttpConnection, HttpRequest, HttpResponse};
use serde_json::{Value, json};

use crate::extensions::start;
use crate::support::{Running, mcp, plain};

const PATH: &str = "/.well-known/tools.json";

async fn get(running: &Running) -> HttpResponse {
    running.send(&HttpRequest::new("GET", PATH)).await
}

#[tokio::test]
async fn a_document_is_read_by_anyone() {
    let running = start().await;
    let response = get(&running).await;
    assert_eq!(response.status(), 200);
    let header = |name| response.head.header(name);
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(header("access-control-allow-origin"), Some("*"));
    assert_eq!(header("cache-control"), Some("public, max-age=60"));
    assert!(response.json().unwrap().as_array().unwrap().contains(&json!("plain")));
    let page = HttpRequest::new("GET", PATH).header("Origin", "https://elsewhere.example");
    let page = running.send(&page).await;
    assert_eq!((page.status(), &page.body), (200, &response.body));
    let preflight = HttpRequest::new("OPTIONS", PATH)
        .header("Origin", "https://elsewhere.example")
        .header("Access-Control-Request-Method", "GET")
        .header("Access-Control-Request-Headers", "if-none-match");
    let preflight = running.send(&preflight).await;
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.head.header("access-control-allow-origin"), Some("*"));
    assert_eq!(preflight.head.header("access-control-allow-headers"), Some("If-None-Match"));
    // By the server's own name only: a page's name that leads here is not ours.
    let rebound = HttpRequest::new("GET", PATH).header("Host", "evil.example");
    running.refused(&rebound, 403, -32600, &Value::Null).await;
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let running = start().await;
    let response = get(&running).await;
    let etag = response.head.header("etag").unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    for known in [etag, &format!("W/{etag}"), &format!("\"other\", {etag}"), "*"] {
        let request = HttpRequest::new("GET", PATH).header("If-None-Match", known);
        let response = running.send(&request).await;
        assert_eq!((response.status(), response.body.len()), (304, 0), "{known}");
        assert_eq!(response.head.header("etag"), Some(etag));
    }
    for unknown in ["\"other\"", "", "other", &etag.replace('"', "")] {
        let request = HttpRequest::new("GET", PATH).header("If-None-Match", unknown);
        assert_eq!(running.send(&request).await.status(), 200, "{unknown}");
    }
}

#[tokio::test]
async fn a_head_has_the_length_and_nothing_else() {
    let running = start().await;
    let response = get(&running).await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    for _ in 0..2 {
        connection.send(&HttpRequest::new("HEAD", PATH)).await.unwrap();
        let head = connection.read_head().await.unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-length"), Some(&*response.body.len().to_string()));
        assert_eq!(head.header("etag"), response.head.header("etag"));
    }
}

#[tokio::test]
async fn a_change_makes_another_document() {
    let running = start().await;
    let before = get(&running).await;
    assert_eq!(get(&running).await.head.header("etag"), before.head.header("etag"));
    running.server.handle().add_tool(ServedTool::new("added", async || "added")).unwrap();
    let after = get(&running).await;
    assert_ne!(after.head.header("etag"), before.head.header("etag"));
    assert!(after.json().unwrap().as_array().unwrap().contains(&json!("added")));
}

#[tokio::test]
async fn documents_can_only_be_read() {
    let running = start().await;
    for method in ["POST", "PUT", "DELETE"] {
        let request = HttpRequest::new(method, PATH);
        let response = running.refused(&request, 405, -32600, &Value::Null).await;
        assert_eq!(response.head.header("allow"), Some("GET, HEAD"));
    }
}

#[tokio::test]
async fn a_broken_document_breaks_nothing_else() {
    let running = start().await;
    for _ in 0..2 {
        let request = HttpRequest::new("GET", "/broken");
        let response = running.refused(&request, 500, -32603, &Value::Null).await;
        assert!(!response.text().contains("a broken document"));
    }
    assert_eq!(get(&running).await.status(), 200);
    assert_eq!(running.send(&mcp(&plain())).await.status(), 200);
}
