//! gzip, for large JSON answers alone.

use std::io::Read;

use flate2::read::GzDecoder;
use mcp_testkit::{HttpRequest, call_tool};
use serde_json::{Value, json};

use crate::support::{mcp, plain, start, start_with};

fn large() -> HttpRequest {
    mcp(&call_tool("large", json!({})).id(1)).header("Accept-Encoding", "br, gzip;q=0.5")
}

#[tokio::test]
async fn large_answers_are_compressed_for_who_accepts_it() {
    let running = start_with(|builder| builder.compress_from(1000)).await;
    let response = running.send(&large().header("Origin", "http://localhost:1")).await;
    assert_eq!(response.head.header("content-encoding"), Some("gzip"));
    assert_eq!(response.head.header("content-length"), Some(&*response.body.len().to_string()));
    let varies: Vec<_> =
        response.head.headers.iter().filter(|(name, _)| name == "vary").map(|h| &*h.1).collect();
    assert_eq!(varies, ["Accept-Encoding", "Origin"]);
    let mut text = String::new();
    GzDecoder::new(&response.body[..]).read_to_string(&mut text).unwrap();
    assert!(response.body.len() < text.len() / 10);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["result"]["content"][0]["text"].as_str().unwrap().len(), 120_000);
}

#[tokio::test]
async fn everything_else_is_not() {
    let running = start_with(|builder| builder.compress_from(1000)).await;
    for accepts in ["gzip;q=0", "gzip; Q=0.0", "br", "identity", ""] {
        let request = large().replace_header("Accept-Encoding", accepts);
        let response = running.send(&request).await;
        assert!(response.head.header("content-encoding").is_none(), "{accepts}");
        assert!(response.json().is_ok());
    }
    let small = running.send(&mcp(&plain()).header("Accept-Encoding", "gzip")).await;
    assert!(small.head.header("content-encoding").is_none());
    let speaks = mcp(&call_tool("speaks", json!({})).id(1).progress_token(1));
    let stream = running.send(&speaks.header("Accept-Encoding", "gzip")).await;
    assert!(stream.head.header("content-encoding").is_none());
    assert_eq!(stream.messages().unwrap().len(), 4);
    let off = start().await.send(&large()).await;
    assert!(off.head.header("content-encoding").is_none());
}
