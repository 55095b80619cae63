//! Who says where a name is.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_core::client::transport::TransportError;
use mcp_core::client::{Client, ClientError};
use mcp_http::HttpTransport;
use serde_json::json;

use crate::recorder::{Recorder, Reply};

fn client(transport: HttpTransport) -> Client {
    Client::builder("tester", "1.0.0").connect(transport).unwrap()
}

#[tokio::test]
async fn a_name_is_where_its_resolver_says() {
    let answer = json!({ "supportedVersions": ["2026-07-28"], "capabilities": {}, "ttlMs": 0, "cacheScope": "public" });
    let server = Recorder::start(move |seen| Reply::result(seen, &answer)).await;
    let (address, asked) = (server.address(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    let transport = HttpTransport::builder(&format!("http://docs.test:{}/mcp", address.port()))
        .resolver(move |host: String| {
            counted.fetch_add(1, Ordering::SeqCst);
            // Whatever port the answer has, the server's own address names it.
            async move {
                assert_eq!(host, "docs.test");
                Ok(vec![SocketAddr::new(address.ip(), 0)])
            }
        })
        .build()
        .unwrap();
    let client = client(transport);
    client.discover().await.unwrap();
    client.discover().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].header("host"), Some(format!("docs.test:{}", address.port()).as_str()));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "once for each connection");
}

#[tokio::test]
async fn what_a_resolver_refuses_is_not_connected_to() {
    let transport = HttpTransport::builder("http://docs.test/mcp")
        .resolver(|_: String| async { Err(io::Error::other("an address of the inside")) })
        .build()
        .unwrap();
    let error = client(transport).discover().await.unwrap_err();
    let ClientError::Transport(error) = &error else { panic!("{error:?}") };
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
    let TransportError::Connect(reason) = error else { return };
    assert!(reason.to_string().contains("an address of the inside"), "{reason}");
}
