//! What counts as an answer.

use crate::support::{Internet, PUBLIC, get, ok, refused};

async fn to(answer: &str) -> &'static str {
    let answer = answer.to_owned();
    let internet = Internet::answering(move |_| answer.clone()).name("a.example", &[&[PUBLIC]]);
    refused(&internet.fetcher(), "https://a.example/").await
}

#[tokio::test]
async fn only_a_document_of_the_right_type_does() {
    for (answer, name) in [
        ("HTTP/1.1 404 Not Found\r\n\r\n", "status"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "status"),
        ("HTTP/1.1 206 Partial\r\ncontent-type: application/json\r\n\r\n{}", "status"),
        ("HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\n\r\n", "status"),
        // Nobody said what it has not changed from.
        ("HTTP/1.1 304 Not Modified\r\n\r\n", "status"),
        ("HTTP/1.1 200 OK\r\n\r\n{}", "media-type"),
        ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n{}", "media-type"),
        ("HTTP/1.1 200 OK\r\ncontent-type: application/json-seq\r\n\r\n{}", "media-type"),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\nx",
            "content-coding",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{}",
            "disconnected",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "disconnected",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}", "malformed"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "malformed"),
        ("", "disconnected"),
        ("HTTP/1.1 200 OK\r\ncontent-", "disconnected"),
    ] {
        assert_eq!(to(answer).await, name, "{answer:?}");
    }
}

#[tokio::test]
async fn a_type_has_parameters_and_any_case() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\n\r\n{}";
    let internet = Internet::answering(move |_| answer.to_owned()).name("a.example", &[&[PUBLIC]]);
    let fetched = get(&internet.fetcher(), "https://a.example/").await.unwrap();
    assert_eq!((&fetched.body[..], fetched.media_type.as_str()), (&b"{}"[..], "application/json"));
}

#[tokio::test]
async fn what_a_host_says_is_shown_without_its_escapes() {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: a\t{}\r\n\r\n", "b".repeat(1000));
    let internet = Internet::answering(move |_| answer.clone()).name("a.example", &[&[PUBLIC]]);
    let error = get(&internet.fetcher(), "https://a.example/").await.unwrap_err().to_string();
    assert!(
        error.len() < 250 && error.chars().all(|c| c.is_ascii_graphic() || c == ' '),
        "{error}"
    );
}

#[tokio::test]
async fn the_next_address_is_tried_only_if_one_cannot_be_reached() {
    let internet =
        Internet::answering(|_| ok("{}", "")).name("a.example", &[&["9.9.9.1", "9.9.9.2"]]);
    get(&internet.fetcher(), "https://a.example/").await.unwrap();
    assert_eq!(internet.connected(), ["9.9.9.1:443".parse().unwrap()]);
}
