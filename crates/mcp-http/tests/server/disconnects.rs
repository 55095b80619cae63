//! A client that goes away cancels its request.

use std::sync::atomic::Ordering;

use mcp_testkit::{HttpConnection, call_tool};
use serde_json::json;

use crate::support::{LIMIT, Running, listen, mcp, plain, start};

async fn until_no_listener(running: &Running) {
    tokio::time::timeout(LIMIT, async {
        while running.server.listener_count() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("the subscription goes on");
}

#[tokio::test]
async fn disconnect_drops_the_handler() {
    let running = start().await;
    // Before the first byte of an answer.
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    connection.send(&mcp(&call_tool("waits", json!({})).id(1))).await.unwrap();
    running.until_begun(1).await;
    assert_eq!(running.counts.dropped.load(Ordering::SeqCst), 0);
    drop(connection);
    running.until_dropped(1).await;
    // Within a stream.
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    let speaks = call_tool("speaks_and_waits", json!({})).id(1).progress_token(1);
    connection.send(&mcp(&speaks)).await.unwrap();
    connection.read_head().await.unwrap();
    connection.next_event().await.unwrap().unwrap();
    assert_eq!(running.counts.dropped.load(Ordering::SeqCst), 1);
    drop(connection);
    running.until_dropped(2).await;
    // Within a subscription.
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    connection.send(&mcp(&listen(1))).await.unwrap();
    connection.read_head().await.unwrap();
    assert_eq!(running.server.listener_count(), 1);
    drop(connection);
    until_no_listener(&running).await;
    assert_eq!(running.send(&mcp(&plain())).await.status(), 200);
}

#[tokio::test]
async fn a_half_closed_connection_is_a_client_that_went_away() {
    let running = start().await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    connection.send(&mcp(&call_tool("waits", json!({})).id(1))).await.unwrap();
    running.until_begun(1).await;
    connection.close_sending().await.unwrap();
    running.until_dropped(1).await;
}

#[tokio::test]
async fn nothing_after_the_close() {
    let running = start().await;
    let mut other = HttpConnection::open(running.address).await.unwrap();
    other.send(&mcp(&listen(9))).await.unwrap();
    other.read_head().await.unwrap();
    other.next_event().await.unwrap().unwrap();
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    let floods = call_tool("floods", json!({})).id(1).progress_token(1);
    connection.send(&mcp(&floods)).await.unwrap();
    connection.read_head().await.unwrap();
    connection.next_event().await.unwrap().unwrap();
    drop(connection);
    // The handler stops in the middle: the count comes to rest before its end.
    tokio::time::timeout(LIMIT, async {
        let mut last = running.counts.ran.load(Ordering::SeqCst);
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            let now = running.counts.ran.load(Ordering::SeqCst);
            if now == last {
                break;
            }
            last = now;
        }
    })
    .await
    .expect("the handler goes on");
    assert!(running.counts.ran.load(Ordering::SeqCst) < 200_000);
    running.server.handle().tools_changed();
    let told = other.next_event().await.unwrap().unwrap();
    assert!(told.data.contains("list_changed"), "{}", told.data);
}

#[tokio::test]
async fn half_a_request_runs_nothing() {
    let running = start().await;
    let whole = mcp(&call_tool("mirrors", json!({})).id(1)).to_bytes("localhost");
    for length in [1, 10, whole.len() / 2, whole.len() - 1] {
        let mut connection = HttpConnection::open(running.address).await.unwrap();
        connection.write(&whole[..length]).await.unwrap();
        connection.close_sending().await.unwrap();
        // An answer or none: but an end.
        let _ = connection.read_response().await;
    }
    assert_eq!(running.counts.ran.load(Ordering::SeqCst), 0);
    assert_eq!(running.send(&mcp(&plain())).await.status(), 200);
}
