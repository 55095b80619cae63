//! Answers without end: each stops at a number of bytes or a time of its own. Time is the test's, not the
//! machine's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::support::{Internet, PUBLIC, Stream, refused};

/// What an answer may bring beyond its limit: what lies in buffers when the connection ends.
const SLACK: u64 = 192 * 1024;

/// Writes `head`, then `piece` for as long as anybody reads; counts.
fn endless(head: &'static str, piece: &'static str) -> (Internet, Arc<AtomicU64>) {
    let written = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&written);
    let internet = Internet::playing(move |_, mut stream: Stream| {
        let count = Arc::clone(&count);
        async move {
            if stream.write_all(head.as_bytes()).await.is_err() {
                return;
            }
            let piece = piece.repeat(4096 / piece.len() + 1);
            while stream.write_all(piece.as_bytes()).await.is_ok() {
                count.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        }
    });
    (internet.name("a.example", &[&[PUBLIC]]), written)
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

#[tokio::test]
async fn bodies_without_end_are_cut_off() {
    for (head, piece, name, most) in [
        ("\r\n", "[1],", "body-too-large", 64 * 1024),
        (
            "transfer-encoding: chunked\r\n\r\n",
            "4\r\n[1],\r\n",
            "body-too-large",
            128 * 1024 + 32 * 1024,
        ),
        ("transfer-encoding: chunked\r\n\r\n1;", "extension", "disconnected", 32 * 1024),
        ("transfer-encoding: chunked\r\n\r\n0\r\n", "a: b\r\n", "disconnected", 64 * 1024),
    ] {
        let head: &'static str = format!("{HEAD}{head}").leak();
        let (internet, written) = endless(head, piece);
        let fetcher = internet.limited(|limits| limits.body = 64 * 1024);
        assert_eq!(refused(&fetcher, "https://a.example/").await, name, "{head}");
        let written = written.load(Ordering::Relaxed);
        assert!(written < most + SLACK, "{head}: {written}");
    }
}

#[tokio::test]
async fn heads_without_end_are_cut_off() {
    for (head, piece, name) in [
        ("HTTP/1.1 200 OK\r\n", "a: b\r\n", "head-too-large"),
        ("HTTP/1.1 200 OK\r\nx: ", "y", "head-too-large"),
        ("HTTP/1.1 200 ", "OK", "head-too-large"),
        // Interim answers can come without end; each is a small head.
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n", "too-many-bytes"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n", "too-many-bytes"),
    ] {
        let (internet, written) = endless(head, piece);
        let fetcher = internet.limited(|limits| limits.body = 16 * 1024);
        assert_eq!(refused(&fetcher, "https://a.example/").await, name, "{head}{piece}");
        let written = written.load(Ordering::Relaxed);
        assert!(written < 16 * 8 * 1024 + 160 * 1024 + SLACK, "{head}: {written}");
    }
}

#[tokio::test]
async fn a_length_that_is_too_large_is_not_waited_for() {
    let internet = Internet::playing(|_, mut stream: Stream| async move {
        let head = format!("{HEAD}content-length: 99999999999\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
        std::future::pending::<()>().await;
    });
    let internet = internet.name("a.example", &[&[PUBLIC]]);
    assert_eq!(refused(&internet.fetcher(), "https://a.example/").await, "body-too-large");
}

/// Plays `before` at once, then a byte of `drip` at a time.
fn dripping(before: &'static str, drip: &'static str, every: Duration) -> Internet {
    let internet = Internet::playing(move |_, mut stream: Stream| async move {
        let _ = stream.write_all(before.as_bytes()).await;
        let _ = stream.flush().await;
        for byte in drip.bytes().cycle() {
            tokio::time::sleep(every).await;
            if stream.write_all(&[byte]).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    });
    internet.name("a.example", &[&[PUBLIC]])
}

#[tokio::test(start_paused = true)]
async fn slow_answers_are_given_up() {
    let second = Duration::from_secs(1);
    let head: &'static str = format!("{HEAD}\r\n").leak();
    for (before, drip, every, name, seconds) in [
        // Each piece comes in time, and there is no last one.
        (head, " ", second, "timeout-total", 20),
        (head, " ", 6 * second, "timeout-idle", 5),
        ("HTTP/1.1 200 OK\r\n", "x", second, "timeout-idle", 5),
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n", second / 10, "timeout-idle", 5),
    ] {
        let internet = dripping(before, drip, every);
        let start = tokio::time::Instant::now();
        assert_eq!(refused(&internet.fetcher(), "https://a.example/").await, name);
        assert_eq!(start.elapsed().as_secs(), seconds, "{before}");
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_share_one_limit_of_time() {
    let internet = Internet::playing(|request, mut stream: Stream| async move {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let answer = crate::support::redirect(&format!("{}x", request.path()));
        let _ = stream.write_all(answer.as_bytes()).await;
    });
    let internet = internet.name("a.example", &[&[PUBLIC]]);
    let fetcher = internet.limited(|limits| limits.redirects = 100);
    assert_eq!(refused(&fetcher, "https://a.example/").await, "timeout-total");
    assert_eq!(internet.connected().len(), 5);
}

mod silent {
    use std::io;
    use std::net::{IpAddr, SocketAddr};

    use async_trait::async_trait;
    use mcp_identity::fetch::{Connection, Network};

    use crate::support::{Internet, refused};

    /// A network that is silent from some point on.
    #[derive(Clone, Copy, PartialEq)]
    enum Silent {
        Resolver,
        Connecting,
        Connected,
    }

    #[async_trait]
    impl Network for Silent {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            if *self == Self::Resolver {
                std::future::pending::<()>().await;
            }
            Ok(vec![[9, 9, 9, 9].into(), [9, 9, 9, 10].into()])
        }

        async fn connect(&self, _: SocketAddr) -> io::Result<Box<dyn Connection>> {
            if *self == Self::Connecting {
                std::future::pending::<()>().await;
            }
            let (here, there) = tokio::io::duplex(1024);
            tokio::spawn(async move {
                let _there = there;
                std::future::pending::<()>().await;
            });
            Ok(Box::new(here))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn networks_are_given_up() {
        for (silent, seconds) in
            [(Silent::Resolver, 5), (Silent::Connecting, 10), (Silent::Connected, 5)]
        {
            let trusting = Internet::answering(|_| String::new()).builder();
            let fetcher = trusting.network(silent).build().unwrap();
            let start = tokio::time::Instant::now();
            assert_eq!(refused(&fetcher, "https://a.example/").await, "timeout-connect");
            assert_eq!(start.elapsed().as_secs(), seconds);
        }
    }
}
