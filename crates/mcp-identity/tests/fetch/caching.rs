//! What was fetched before.

use std::time::Duration;

use mcp_identity::fetch::{CacheLimits, Source};

use crate::support::{Internet, PUBLIC, get, ok, refused};

/// A document with an entity tag, which 304 is answered to.
fn tagged(cache_control: &'static str) -> Internet {
    let internet = Internet::answering(move |request| match request.header("if-none-match") {
        Some("\"1\"") => {
            format!("HTTP/1.1 304 Not Modified\r\ncache-control: {cache_control}\r\n\r\n")
        }
        _ => ok("{\"a\":1}", &format!("etag: \"1\"\r\ncache-control: {cache_control}\r\n")),
    });
    internet.name("a.example", &[&[PUBLIC]])
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_again_when_it_is_no_longer_fresh() {
    let internet = tagged("max-age=60");
    let fetcher = internet.fetcher();
    let mut sources = Vec::new();
    for seconds in [0, 30, 31, 30, 31] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        let fetched = get(&fetcher, "https://a.example/").await.unwrap();
        assert_eq!(&fetched.body[..], b"{\"a\":1}");
        assert_eq!(fetched.etag.as_deref(), Some("\"1\""));
        sources.push(fetched.source);
    }
    use Source::{Host, Kept, Revalidated};
    assert_eq!(sources, [Host, Kept, Revalidated, Kept, Revalidated]);
    assert_eq!(internet.requests().len(), 3);
    fetcher.forget();
    assert_eq!(get(&fetcher, "https://a.example/").await.unwrap().source, Host);
}

#[tokio::test]
async fn it_is_kept_only_where_the_host_lets_it() {
    for (cache_control, second) in [("no-store", Source::Host), ("no-cache", Source::Revalidated)] {
        let internet = tagged(cache_control);
        let fetcher = internet.fetcher();
        get(&fetcher, "https://a.example/").await.unwrap();
        let fetched = get(&fetcher, "https://a.example/").await.unwrap();
        assert_eq!(fetched.source, second, "{cache_control}");
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let mut limits = CacheLimits::default();
    limits.entries = 3;
    let internet = tagged("max-age=3600");
    let fetcher = internet.builder().cache(limits).build().unwrap();
    for n in 0..10 {
        get(&fetcher, &format!("https://a.example/{n}")).await.unwrap();
    }
    let kept = |n| {
        let fetcher = fetcher.clone();
        async move {
            get(&fetcher, &format!("https://a.example/{n}")).await.unwrap().source == Source::Kept
        }
    };
    assert!(kept(9).await && kept(8).await && kept(7).await);
    assert!(!kept(6).await);
}

#[tokio::test]
async fn what_is_kept_does_not_excuse_the_host() {
    let internet = tagged("max-age=3600").name("a.example", &[&[PUBLIC], &["10.0.0.1"]]);
    let fetcher = internet.fetcher();
    get(&fetcher, "https://a.example/").await.unwrap();
    assert_eq!(refused(&fetcher, "https://a.example/").await, "address-private");
}
