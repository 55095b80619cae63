//! Redirects are followed by hand.

use crate::support::{Internet, PUBLIC, get, ok, redirect, refused};

/// Answers a document at `/end`, and redirects everything else.
fn leading(to: &'static str) -> Internet {
    let internet = Internet::answering(move |request| match request.path() {
        "/end" => ok("{}", ""),
        _ => redirect(to),
    });
    internet.name("a.example", &[&[PUBLIC]]).name("b.example", &[&["9.9.9.10"]])
}

#[tokio::test]
async fn they_lead_to_other_hosts_and_leave_nothing_behind() {
    let internet = leading("https://b.example/end#x");
    let fetched = get(&internet.fetcher(), "https://a.example/secret?token=1").await.unwrap();
    assert_eq!(fetched.url.as_str(), "https://b.example/end");
    assert_eq!(fetched.redirects.len(), 1);
    let requests = internet.requests();
    assert_eq!(requests.len(), 2);
    assert!(!requests[1].head.contains("secret"), "{}", requests[1].head);
}

#[tokio::test]
async fn a_request_says_what_it_must_and_no_more() {
    let internet = Internet::answering(|_| ok("{}", "set-cookie: id=1\r\netag: \"1\"\r\n"))
        .name("a.example", &[&[PUBLIC]]);
    let fetcher =
        internet.builder().cache(mcp_identity::fetch::CacheLimits::none()).build().unwrap();
    for _ in 0..2 {
        get(&fetcher, "https://a.example/x?y").await.unwrap();
        let request = internet.requests().pop().unwrap();
        let mut lines: Vec<_> = request.head.trim_end().lines().collect();
        lines[1..].sort_unstable();
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            lines,
            [
                "GET /x?y HTTP/1.1",
                "accept-encoding: identity",
                "accept: application/json",
                "connection: close",
                "host: a.example",
                &format!("user-agent: mcp-identity/{version}"),
            ]
        );
    }
}

#[tokio::test]
async fn they_lead_into_no_private_range() {
    for (to, name) in [
        ("https://127.0.0.1/end", "address-loopback"),
        ("https://10.0.0.1/end", "address-private"),
        ("https://169.254.169.254/latest/meta-data", "address-link-local"),
        ("https://100.64.0.1/", "address-carrier-nat"),
        ("https://[::ffff:169.254.169.254]/", "address-ipv4-mapped"),
        ("https://[64:ff9b::7f00:1]/", "address-translated"),
        ("https://[fd00::1]/", "address-unique-local"),
        ("https://inside.example/", "address-private"),
        ("https://2130706433/", "url-odd-address"),
        ("https://0177.0.0.1/", "url-odd-address"),
        ("https://user:password@b.example/", "url-user-info"),
        ("https://b.example:22/", "port"),
        ("http://b.example/end", "redirect-downgrade"),
        ("http://127.0.0.1/end", "redirect-downgrade"),
        ("file:///etc/passwd", "url-scheme"),
        ("gopher://b.example/", "url-scheme"),
    ] {
        // Also where this machine may be asked: it was not asked first.
        for loopback in [false, true] {
            let internet = leading(to).name("inside.example", &[&["192.168.7.7"]]);
            let fetcher = internet.builder().allow_loopback(loopback).build().unwrap();
            assert_eq!(refused(&fetcher, "https://a.example/").await, name, "{to} {loopback}");
            assert_eq!(internet.connected().len(), 1, "{to}");
        }
    }
}

#[tokio::test]
async fn they_come_to_an_end() {
    let internet = leading("/");
    assert_eq!(refused(&internet.fetcher(), "https://a.example/").await, "redirect-loop");
    assert_eq!(refused(&internet.fetcher(), "https://a.example/x").await, "redirect-loop");
    assert_eq!(internet.connected().len(), 3);

    let internet = Internet::answering(|request| redirect(&format!("{}x", request.path())))
        .name("a.example", &[&[PUBLIC]]);
    assert_eq!(refused(&internet.fetcher(), "https://a.example/").await, "too-many-redirects");
    assert_eq!(internet.connected().len(), 6);

    let internet = Internet::answering(|_| "HTTP/1.1 307 Gone\r\n\r\n".to_owned())
        .name("a.example", &[&[PUBLIC]]);
    assert_eq!(refused(&internet.fetcher(), "https://a.example/").await, "redirect-nowhere");
}

#[tokio::test]
async fn a_document_from_elsewhere_does_not_lead_here() {
    let internet = leading("/end");
    let fetcher = internet.builder().allow_loopback(true).build().unwrap();
    let from = get(&fetcher, "https://a.example/end").await.unwrap();
    let here = crate::support::url("http://127.0.0.1/end");
    let error = fetcher.follow(&from, &here, &[crate::support::JSON]).await.unwrap_err();
    assert_eq!(error.refusal.name(), "insecure");
    let here = crate::support::url("https://127.0.0.1/end");
    let error = fetcher.follow(&from, &here, &[crate::support::JSON]).await.unwrap_err();
    assert_eq!(error.refusal.name(), "address-loopback");
    let from = get(&fetcher, "http://127.0.0.1/end").await.unwrap();
    fetcher
        .follow(&from, &crate::support::url("http://[::1]/end"), &[crate::support::JSON])
        .await
        .unwrap();
}
