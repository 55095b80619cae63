//! Answers in every shape that is one, and in those that are none.

use mcp_core::client::transport::TransportError;
use mcp_core::client::{Client, ClientError};
use serde_json::{Value, json};

use crate::recorder::{Recorder, Reply};

/// Answers every request by the bytes that `reply` makes of the response.
async fn answering(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Recorder {
    Recorder::start(move |seen| {
        let result = json!({ "said": "héllo\n", "n": [1, 2] });
        let response = json!({ "jsonrpc": "2.0", "id": seen.body["id"], "result": result });
        reply(&response.to_string())
    })
    .await
}

async fn ask(client: &Client) -> Result<Value, ClientError> {
    let params = json!({});
    let asked = client.request_raw("com.example/m", &params);
    let asked = tokio::time::timeout(std::time::Duration::from_secs(20), asked).await;
    asked.expect("it hangs").map(|raw| serde_json::from_str(raw.get()).unwrap())
}

#[tokio::test]
async fn client_reads_both() {
    type Make = fn(&str) -> Reply;
    let ways: [(&str, Make); 13] = [
        ("JSON", |it| Reply::of(200, "application/json", it.as_bytes())),
        ("JSON with a charset", |it| {
            Reply::of(200, "Application/JSON; charset=utf-8", it.as_bytes())
        }),
        ("one event", |it| Reply::events(&format!("data: {it}\n\n"))),
        ("no space", |it| Reply::events(&format!("data:{it}\n\n"))),
        ("an event with a type and an id", |it| {
            Reply::events(&format!("event: message\nid: 7\nretry: 5\ndata: {it}\n\n"))
        }),
        ("carriage returns and line feeds", |it| {
            Reply::events(&format!("event: message\r\ndata: {it}\r\n\r\n"))
        }),
        ("carriage returns", |it| Reply::events(&format!("data: {it}\r\rdata: more\r\r"))),
        ("a byte order mark", |it| Reply::events(&format!("\u{feff}data: {it}\n\n"))),
        ("unknown fields", |it| {
            Reply::events(&format!("nobody: knows\nnor this\ndata: {it}\nx\n\n"))
        }),
        ("an empty event first", |it| Reply::events(&format!("data:\n\ndata: {it}\n\n"))),
        ("several lines", |it| {
            let (before, after) = it.split_once(',').unwrap();
            Reply::events(&format!("data: {before},\ndata: {after}\n\n"))
        }),
        ("single bytes", |it| {
            let text = format!("id: 1\r\ndata: {it}\r\n\r\n");
            Reply::stream(text.bytes().map(|byte| vec![byte]).collect())
        }),
        ("a notification first", |it| {
            let note = r#"{"jsonrpc":"2.0","method":"notifications/nobody/knows"}"#;
            Reply::events(&format!("data: {note}\n\ndata: {it}\n\n"))
        }),
    ];
    for (what, make) in ways {
        let recorder = answering(make).await;
        let answer = ask(&recorder.client()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer, json!({ "said": "héllo\n", "n": [1, 2] }), "{what}");
    }
}

#[tokio::test]
async fn comments_are_ignored() {
    let recorder = answering(|it| {
        let (before, after) = it.split_once(',').unwrap();
        Reply::events(&format!(
            ":\n\n: keep-alive\n\n:data: {{}}\n\ndata: {before},\n: in between\ndata: {after}\n:\n\n:\n\n"
        ))
    })
    .await;
    assert_eq!(ask(&recorder.client()).await.unwrap()["n"], json!([1, 2]));
}

#[tokio::test]
async fn broken_answers_are_named() {
    type Make = fn(&str) -> Reply;
    type Check = fn(&TransportError) -> bool;
    let malformed: Check = |error| matches!(error, TransportError::Malformed(_));
    let ways: [(&str, Make, Check); 13] = [
        ("HTML", |_| Reply::of(200, "text/html", b"<html></html>"), malformed),
        ("no type", |it| Reply::of(200, "", it.as_bytes()), malformed),
        ("nothing", |_| Reply::of(200, "application/json", b""), malformed),
        ("half a JSON", |it| Reply::of(200, "application/json", &it.as_bytes()[..20]), malformed),
        (
            "another id",
            |_| Reply::json(200, &json!({ "jsonrpc": "2.0", "id": "other", "result": {} })),
            malformed,
        ),
        ("no message", |_| Reply::events("data: nonsense\n\n"), malformed),
        (
            "a stream without a response",
            |_| Reply::events(": bye\n\n"),
            |error| matches!(error, TransportError::NoResponse),
        ),
        (
            "an event that is not finished",
            |it| Reply::events(&format!("data: {it}\n")),
            |error| matches!(error, TransportError::NoResponse),
        ),
        (
            "502 with text",
            |_| Reply::of(502, "text/plain", b"Bad gateway"),
            |error| matches!(error, TransportError::Http { status: 502 }),
        ),
        (
            "500 with JSON of another kind",
            |_| Reply::json(500, &json!({ "error": "no" })),
            |error| matches!(error, TransportError::Http { status: 500 }),
        ),
        (
            "a body that is cut off",
            |_| {
                Reply::raw(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
            },
            |error| matches!(error, TransportError::Disconnected),
        ),
        (
            "a stream that is cut off",
            |_| {
                Reply::raw(b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n: hi\n")
            },
            |error| matches!(error, TransportError::Disconnected),
        ),
        (
            "no HTTP",
            |_| Reply::raw(b"220 mail.example.com ESMTP\r\n\r\n"),
            |error| matches!(error, TransportError::Disconnected),
        ),
    ];
    for (what, make, check) in ways {
        let recorder = answering(make).await;
        let error = ask(&recorder.client()).await.unwrap_err();
        let ClientError::Transport(found) = &error else { panic!("{what}: {error}") };
        assert!(check(found), "{what}: {found:?}");
    }
}
