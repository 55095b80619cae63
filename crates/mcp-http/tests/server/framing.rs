//! Requests whose bytes are odd, wrong, too many or too slow.

use std::time::Duration;

use mcp_http::ServeOptions;
use mcp_testkit::{HttpConnection, HttpRequest, call_tool};
use serde_json::{Value, json};

use crate::support::{Running, mcp, plain, serve, start, start_with};

async fn exchange(running: &Running, bytes: &[u8]) -> u16 {
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    connection.write(bytes).await.unwrap();
    connection.read_response().await.unwrap().status()
}

const HEAD: &str = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: plain\r\n";

#[tokio::test]
async fn wrong_framing_is_refused() {
    let running = start().await;
    let body = plain().to_json().to_string();
    let length = body.len();
    for headers in [
        format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 1),
        "Content-Length: x\r\n".to_owned(),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 99999999999999999999\r\n".to_owned(),
        "Transfer-Encoding: gzip\r\n".to_owned(),
        "Transfer-Encoding: chunked, gzip\r\n".to_owned(),
    ] {
        let request = format!("{HEAD}{headers}\r\n{body}");
        assert_eq!(exchange(&running, request.as_bytes()).await, 400, "{headers}");
    }
    for chunks in ["zz\r\n{}\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "2\r\n{}XX0\r\n\r\n"] {
        let request = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(exchange(&running, request.as_bytes()).await, 400, "{chunks:?}");
    }
    assert_eq!(exchange(&running, b"nonsense\r\n\r\n").await, 400);
    assert_eq!(exchange(&running, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await, 400);
}

#[tokio::test]
async fn chunked_bodies_are_read() {
    let running = start().await;
    let body = plain().to_json().to_string();
    let mut chunked = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
    for piece in body.as_bytes().chunks(7) {
        let piece = std::str::from_utf8(piece).unwrap();
        chunked += &format!("{:x};note=1\r\n{piece}\r\n", piece.len());
    }
    chunked += "0\r\nTrailer: x\r\n\r\n";
    assert_eq!(exchange(&running, chunked.as_bytes()).await, 200);
}

#[tokio::test]
async fn requests_may_come_in_any_pieces() {
    let running = start().await;
    let bytes = mcp(&plain()).to_bytes("localhost");
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    for piece in bytes.chunks(11) {
        connection.write(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.read_response().await.unwrap().status(), 200);
    // And several in one.
    connection.write(&bytes.repeat(5)).await.unwrap();
    for _ in 0..5 {
        assert_eq!(connection.read_response().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_connection_survives_refusals() {
    let running = start().await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    for (request, status) in [
        (mcp(&plain()).replace_header("Content-Type", "text/plain"), 415),
        (mcp(&plain()).header("Origin", "https://evil.example"), 403),
        (mcp(&plain()).body("{"), 400),
        (mcp(&plain()).without_header("Mcp-Method"), 400),
        (HttpRequest::mcp("/other", &plain()), 404),
        (mcp(&plain()), 200),
    ] {
        connection.send(&request).await.unwrap();
        assert_eq!(connection.read_response().await.unwrap().status(), status);
    }
}

fn of_length(length: usize) -> HttpRequest {
    let text = "x".repeat(length);
    mcp(&call_tool("plain", json!({ "text": text })).id(1))
}

#[tokio::test]
async fn long_messages_are_refused_by_name() {
    let running = start_with(|builder| builder.max_body_bytes(2000)).await;
    assert_eq!(running.send(&of_length(1000)).await.status(), 200);
    running.refused(&of_length(3000), 413, -32600, &Value::Null).await;
    // Without a promised length it is found while reading.
    let body = of_length(3000).to_bytes("localhost");
    let start = body.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = std::str::from_utf8(&body[start..]).unwrap();
    let chunked =
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    assert_eq!(exchange(&running, chunked.as_bytes()).await, 413);
    // At the limit and one beyond.
    let exactly = |length: usize| {
        let head = plain().to_json().to_string();
        mcp(&plain()).body(format!("{head}{}", " ".repeat(length - head.len())))
    };
    assert_eq!(running.send(&exactly(2000)).await.status(), 200);
    assert_eq!(running.send(&exactly(2001)).await.status(), 413);
}

#[tokio::test]
async fn the_reason_arrives_before_the_connection_ends() {
    let running = start().await;
    // Far more than the buffers of both sides hold.
    let long = of_length(12 * 1024 * 1024);
    running.refused(&long, 413, -32600, &Value::Null).await;
    let foreign = long.clone().header("Origin", "https://evil.example");
    running.refused(&foreign, 403, -32600, &Value::Null).await;
    let elsewhere = HttpRequest::new("POST", "/other").body(vec![b'x'; 12 * 1024 * 1024]);
    running.refused(&elsewhere, 404, -32600, &Value::Null).await;
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let running = start().await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    let head = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
    connection.write(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let mut sent = 0;
    while connection.write(chunk.as_bytes()).await.is_ok() {
        sent += 1;
        assert!(sent < 200, "it is read for ever");
    }
}

#[tokio::test]
async fn who_waits_to_continue_is_answered_at_once() {
    let running = start().await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    let head = format!("{HEAD}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
    connection.write(head.as_bytes()).await.unwrap();
    assert_eq!(connection.read_head().await.unwrap().status, 413);
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    let body = plain().to_json().to_string();
    let head = format!("{HEAD}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.write(head.as_bytes()).await.unwrap();
    connection.write(body.as_bytes()).await.unwrap();
    assert_eq!(connection.read_response().await.unwrap().status(), 200);
}

#[tokio::test]
async fn long_heads_are_refused() {
    let counts = std::sync::Arc::default();
    let server = crate::support::server(&counts).build().unwrap();
    let options = ServeOptions { max_header_bytes: 20 * 1024, ..ServeOptions::default() };
    let running = serve(server, counts, options, |builder| builder).await;
    let padded = |bytes: usize| mcp(&plain()).header("X-Padding", "x".repeat(bytes));
    assert_eq!(running.send(&padded(10 * 1024)).await.status(), 200);
    assert_eq!(exchange(&running, &padded(30 * 1024).to_bytes("localhost")).await, 431);
    let mut many = mcp(&plain());
    for index in 0..150 {
        many = many.header(&format!("X-{index}"), "x");
    }
    assert_eq!(exchange(&running, &many.to_bytes("localhost")).await, 431);
}

#[tokio::test]
async fn heads_that_never_end_are_cut_off() {
    let counts = std::sync::Arc::default();
    let server = crate::support::server(&counts).build().unwrap();
    let options =
        ServeOptions { header_timeout: Duration::from_millis(50), ..ServeOptions::default() };
    let running = serve(server, counts, options, |builder| builder).await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    connection.write(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
    connection.expect_close().await.unwrap();
}

#[tokio::test]
async fn a_body_that_never_comes_times_out() {
    let running = start_with(|builder| builder.body_timeout(Duration::from_millis(50))).await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    connection.write(format!("{HEAD}Content-Length: 100\r\n\r\n{{").as_bytes()).await.unwrap();
    let response = connection.read_response().await.unwrap();
    assert_eq!(response.status(), 408);
    assert_eq!(response.json().unwrap()["error"]["code"], -32600);
}

#[tokio::test]
async fn too_many_connections_wait() {
    let counts = std::sync::Arc::default();
    let server = crate::support::server(&counts).build().unwrap();
    let options = ServeOptions { connections: 1, ..ServeOptions::default() };
    let running = serve(server, counts, options, |builder| builder).await;
    let mut first = HttpConnection::open(running.address).await.unwrap();
    first.send(&mcp(&plain())).await.unwrap();
    assert_eq!(first.read_response().await.unwrap().status(), 200);
    let mut second = HttpConnection::open(running.address).await.unwrap();
    second.send(&mcp(&plain())).await.unwrap();
    first.send(&mcp(&plain())).await.unwrap();
    assert_eq!(first.read_response().await.unwrap().status(), 200);
    drop(first);
    assert_eq!(second.read_response().await.unwrap().status(), 200);
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let running = start().await;
    let request = mcp(&plain()).to_bytes("localhost");
    let request = String::from_utf8(request).unwrap().replacen("HTTP/1.1", "HTTP/1.0", 1);
    let stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    tokio::io::AsyncWriteExt::write_all(&mut write, request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut read, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200") && answer.ends_with('}'), "{answer}");
}

#[tokio::test]
async fn all_of_unicode_passes() {
    let running = start().await;
    let text = "A\u{e9}\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{1f600}\u{10ffff}\u{202e}\"\\/\n\r\t\0";
    let plain = call_tool("mirrors", json!({ "free": text })).id(1).to_json().to_string();
    let escaped: String = plain
        .encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        })
        .collect();
    assert!(!plain.is_ascii() && escaped.is_ascii());
    for body in [plain, escaped] {
        let request = mcp(&call_tool("mirrors", json!({})).id(1)).body(body);
        let response = running.send(&request).await.json().unwrap();
        let said = response["result"]["content"][0]["text"].as_str().unwrap();
        let arguments: Value = serde_json::from_str(said).unwrap();
        assert_eq!(arguments["free"], text);
    }
}
