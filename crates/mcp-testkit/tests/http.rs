//! The HTTP helper against bytes that are written by hand too.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::net::SocketAddr;

use mcp_testkit::{HttpConnection, HttpError, HttpRequest, call_tool};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers one connection with `response`, once it has read something, and closes it.
async fn serve(response: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(response).await.unwrap();
    });
    address
}

async fn ask(response: &'static [u8]) -> Result<mcp_testkit::HttpResponse, HttpError> {
    let message = call_tool("greet", json!({})).id(1);
    HttpRequest::mcp("/mcp", &message).send(serve(response).await).await
}

#[tokio::test]
async fn bodies_are_found_in_each_framing() {
    let counted = ask(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}ignored").await.unwrap();
    assert_eq!((counted.status(), counted.text().as_str()), (200, "{}"));
    let chunked =
        ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nT: 1\r\n\r\n")
            .await
            .unwrap();
    assert_eq!(chunked.text(), "{}");
    let closed = ask(b"HTTP/1.1 200 OK\r\n\r\nto the end").await.unwrap();
    assert_eq!(closed.text(), "to the end");
    let none = ask(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    assert_eq!((none.status(), none.body.len()), (204, 0));
    let informed =
        ask(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            .await;
    assert_eq!(informed.unwrap().status(), 202);
}

#[tokio::test]
async fn broken_responses_are_named() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "the connection ended before a response"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "no HTTP/1.1 response"),
        (b"HTTP/1.1 two OK\r\n\r\n", "no HTTP/1.1 response"),
        (b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n", "No colon"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "in the middle of the body"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "in the middle of a chunk",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\n", "chunk size"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "both Transfer-Encoding and Content-Length",
        ),
    ];
    for (response, words) in cases {
        let error = ask(response).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_event_stream_is_an_answer_too() {
    let response = ask(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\
        : hello\n\ndata: {\"method\":\"notifications/progress\",\"params\":{\"progress\":1}}\n\n\
        data: {\"id\":1,\"result\":{\"resultType\":\"complete\"}}\n\n")
    .await
    .unwrap();
    let answer = response.answer().unwrap();
    assert_eq!(answer.progress(), [1.0]);
    assert_eq!(answer.result_type(), Some("complete"));
    assert_eq!(response.events()[0].comments, ["hello"]);
}

#[tokio::test]
async fn a_stream_is_read_event_by_event() {
    let address =
        serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n3\r\na\n\n\r\n0\r\n\r\n")
            .await;
    let mut connection = HttpConnection::open(address).await.unwrap();
    connection.send(&HttpRequest::new("GET", "/")).await.unwrap();
    assert_eq!(connection.read_head().await.unwrap().status, 200);
    assert_eq!(connection.next_event().await.unwrap().unwrap().data, "a");
    assert!(connection.next_event().await.unwrap().is_none());
    connection.expect_close().await.unwrap();
}

#[test]
fn requests_can_be_wrong_in_every_way() {
    let message = call_tool("wörld", json!({})).version("1999-01-01");
    let request = HttpRequest::mcp("/mcp", &message)
        .header("Mcp-Method", "tools/list")
        .replace_header("Accept", "text/html")
        .header("Host", "evil.example")
        .header("X-Bytes", b"\xff")
        .header("Content-Length", "3");
    let bytes = request.to_bytes("localhost");
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.matches("Mcp-Method").count(), 2);
    assert!(text.contains("MCP-Protocol-Version: 1999-01-01\r\n"));
    assert!(text.contains("Mcp-Name: =?base64?"));
    assert!(text.contains("Accept: text/html\r\n") && !text.contains("application/json, text"));
    assert!(text.contains("Host: evil.example\r\n") && !text.contains("localhost"));
    assert!(bytes.windows(11).any(|part| part == b"X-Bytes: \xff\r"));
    assert_eq!(text.matches("Content-Length").count(), 1);
    let uncounted = HttpRequest::new("POST", "/").body("x").uncounted().to_bytes("a");
    assert_eq!(uncounted, b"POST / HTTP/1.1\r\nHost: a\r\n\r\nx");
}
