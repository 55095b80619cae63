//! The same over real sockets of this machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mcp_identity::fetch::Fetcher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{get, ok, redirect, refused};

/// Answers each connection with a text and, if there is one, an endless rest; counts what was taken.
async fn host(
    answer: impl Fn(SocketAddr) -> String,
    rest: &'static str,
) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer(address);
    let taken = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answer, count) = (answer.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                let piece = rest.repeat(1024);
                while !piece.is_empty() && stream.write_all(piece.as_bytes()).await.is_ok() {
                    count.fetch_add(piece.len() as u64, Ordering::Relaxed);
                }
            });
        }
    });
    (address, taken)
}

fn fetcher() -> Fetcher {
    Fetcher::builder().allow_loopback(true).build().unwrap()
}

#[tokio::test]
async fn a_document_is_fetched() {
    let (address, _) = host(|_| ok("{}", ""), "").await;
    let fetched = get(&fetcher(), &format!("http://{address}/")).await.unwrap();
    assert_eq!(&fetched.body[..], b"{}");
    assert!(fetched.is_local());
}

#[tokio::test]
async fn a_body_without_end_takes_no_more_than_its_limit() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let (address, taken) = host(|_| head.to_owned(), "[1],").await;
    assert_eq!(refused(&fetcher(), &format!("http://{address}/")).await, "body-too-large");
    // The limit, and what the system keeps in its buffers.
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken < 1024 * 1024 + 16 * 1024 * 1024, "{taken}");
}

#[tokio::test]
async fn a_redirect_leads_from_here_into_no_private_range() {
    for (to, name) in [
        ("http://10.0.0.1/", "address-private"),
        ("http://169.254.169.254/latest/", "address-link-local"),
        ("http://[::ffff:127.0.0.1]/", "address-ipv4-mapped"),
        ("http://0.0.0.0/", "address-unspecified"),
        ("http://9.9.9.9/", "insecure"),
        ("http://0x7f.1/", "url-odd-address"),
    ] {
        let (address, _) = host(|_| redirect(to), "").await;
        assert_eq!(refused(&fetcher(), &format!("http://{address}/")).await, name, "{to}");
    }
}

#[tokio::test]
async fn this_machine_is_not_asked_unless_it_may_be() {
    let (address, _) = host(|_| ok("{}", ""), "").await;
    let strict = Fetcher::new().unwrap();
    assert_eq!(refused(&strict, &format!("http://{address}/")).await, "insecure");
    assert_eq!(refused(&strict, &format!("https://{address}/")).await, "address-loopback");
    let port = address.port();
    assert_eq!(refused(&strict, &format!("https://localhost:{port}/")).await, "address-loopback");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(refused(&fetcher(), &format!("http://{address}/")).await, "connect");
}
