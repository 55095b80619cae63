//! Lines: what makes one, what spoils one, and that the next is read.

use mcp_core::RawJson;
use mcp_core::server::{Args, Json, ServedTool, Server};
use mcp_core::transport::{StdioOptions, serve_lines};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::common::pipe::Peer;
use crate::common::text;
use crate::support::{Text, echo, server};

#[tokio::test]
async fn bad_json_is_a_parse_error() {
    let mut peer = Peer::new(server());
    let good = echo(1, "TEXT").to_string();
    let (before, after) = good.split_once("TEXT").unwrap();
    let within =
        |text: &[u8]| [before.as_bytes(), text, after.as_bytes(), b"\n".as_slice()].concat();
    for line in [
        within(b"\xff"),
        within(b"\xed\xa0\x80"),
        within(b"\x00"),
        within(b"\t"),
        format!("{}\n", &good[..good.len() - 1]).into_bytes(),
        format!("{good}x\n").into_bytes(),
        format!("{good}{good}\n").into_bytes(),
        b"{'jsonrpc':'2.0'}\n".to_vec(),
    ] {
        peer.send_raw(&line).await;
        let refused = peer.next().await;
        let line = String::from_utf8_lossy(&line);
        assert_eq!(refused["error"]["code"], -32700, "{line}: {refused}");
        assert!(refused.get("id").is_none(), "{line}");
    }
    // A surrogate on its own, written as an escape, is JSON and no text: no tool gets it.
    peer.send_raw(&within(br"\ud800")).await;
    let refused = peer.next().await;
    let is_refused = refused["error"].is_object() || refused["result"]["isError"] == true;
    assert!(is_refused, "{refused}");
    assert_eq!(text(&peer.ask(&echo(2, "on")).await[0]["result"]), "on");
}

#[tokio::test]
async fn batches_are_refused() {
    let mut peer = Peer::new(server());
    for batch in [
        json!([echo(1, "a"), echo(2, "b")]),
        json!([echo(1, "a")]),
        json!([{ "jsonrpc": "2.0", "method": "notifications/x" }]),
    ] {
        peer.send(&batch).await;
        let refused = peer.next().await;
        assert_eq!(refused["error"]["code"], -32600, "{batch}");
        assert!(refused.get("id").is_none());
    }
    // One refusal each, and none of the calls was answered.
    peer.send(&echo(3, "x")).await;
    assert_eq!(peer.next().await["id"], 3);
    assert!(peer.end().await.0.is_empty());
}

#[tokio::test]
async fn framing_is_forgiving_on_reading() {
    let mut peer = Peer::new(server());
    let [a, b] = [echo("a", "1"), echo("b", "2")];
    for (bytes, ids) in [
        (format!("{a}\r\n"), vec!["a"]),
        (format!("\n\r\n \t\n{a}\n"), vec!["a"]),
        (format!("  {a}\t \n"), vec!["a"]),
        (format!("{a}\n{b}\n"), vec!["a", "b"]),
    ] {
        peer.send_raw(bytes.as_bytes()).await;
        for id in ids {
            assert_eq!(peer.next().await["id"], id, "{bytes:?}");
        }
    }
    for byte in format!("{a}\n").as_bytes() {
        peer.send_raw(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.next().await["id"], "a");
    peer.send_raw(b.to_string().as_bytes()).await;
    let (rest, ended) = peer.end().await;
    assert_eq!((rest.len(), &rest[0]["id"]), (1, &json!("b")));
    ended.unwrap();
}

#[derive(Serialize, JsonSchema)]
struct Pretty {
    raw: RawJson,
}

#[tokio::test]
async fn one_line_per_message() {
    let pretty = "{\n  \"a\": [\r\n    1.50,\r\n    2\r\n  ]\n}";
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("echo", async |Args(Text { text }): Args<Text>| text))
        .tool(ServedTool::new("raw", async move || {
            Json(Pretty { raw: RawJson::from_string(pretty.to_owned()).unwrap() })
        }))
        .build()
        .unwrap();
    let mut peer = Peer::new(server);
    for said in ["a\nb", "a\r\nb\r", "\u{2028}\u{2029}\u{85}", "\\n", "\0\u{7f}"] {
        peer.send(&echo(1, said)).await;
        let line = peer.next_line().await;
        assert!(!line.contains(&b'\n') && !line.contains(&b'\r'), "{said:?}");
        let response: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(text(&response["result"]), said);
    }
    let raw = crate::common::call("raw", json!({}));
    peer.send(&raw).await;
    let line = peer.next_line().await;
    assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
    let response: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(response["id"], raw["id"], "a message in one piece");
    assert_eq!(response["result"]["structuredContent"]["raw"]["a"], json!([1.5, 2]));
}

/// Text of every plane, of control characters, and of what JSON escapes.
const UNICODE: &str = "A\u{e9}\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fdd0}\u{fffd}\u{ffff}\u{10000}\u{1f600}\u{2a6d6}\u{e0001}\u{10ffff}\u{202e}e\u{301}\"\\/\u{8}\u{c}\n\r\t\0\u{1f}";

#[tokio::test]
async fn all_of_unicode_passes() {
    let mut peer = Peer::new(server());
    let plain = echo(1, UNICODE).to_string();
    let escaped: String = plain
        .encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        })
        .collect();
    assert!(!plain.is_ascii() && escaped.is_ascii());
    for line in [plain, escaped] {
        peer.send_raw(format!("{line}\n").as_bytes()).await;
        assert_eq!(text(&peer.next().await["result"]), UNICODE);
    }
}

#[tokio::test]
async fn lines_over_any_byte_stream() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = mcp_core::Shutdown::new();
    let serving = tokio::spawn(async move {
        let (reader, writer) = listener.accept().await.unwrap().0.into_split();
        serve_lines(server(), reader, writer, StdioOptions::default(), shutdown).await
    });
    let (reader, mut writer) = tokio::net::TcpStream::connect(address).await.unwrap().into_split();
    let mut lines = BufReader::new(reader).lines();
    for id in 0..3 {
        writer.write_all(format!("{}\n", echo(id, "x")).as_bytes()).await.unwrap();
        let line = lines.next_line().await.unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["id"], id);
    }
    drop(writer);
    assert!(lines.next_line().await.unwrap().is_none());
    serving.await.unwrap().unwrap();
    drop(trigger);
}
