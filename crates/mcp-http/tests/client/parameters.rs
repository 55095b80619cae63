//! `Mcp-Param-*`: arguments that a tool wants mirrored.

use mcp_core::client::ClientError;
use mcp_core::header_value::decode;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::recorder::{Recorder, Reply};

/// A server with one tool, which wants values of every kind mirrored, at every depth.
async fn recorder() -> Recorder {
    Recorder::start(|seen| match seen.rpc() {
        "tools/list" => {
            let city = json!({ "type": "string", "x-mcp-header": "City" });
            let inner = json!({ "type": "object", "properties": { "city": city } });
            let schema = json!({ "type": "object", "properties": {
                "region": { "type": "string", "x-mcp-header": "Region" },
                "count": { "type": "integer", "x-mcp-header": "Count" },
                "flag": { "type": "boolean", "x-mcp-header": "Flag" },
                "method": { "type": "string", "x-mcp-header": "Method" },
                "place": { "type": "object", "properties": { "deep": { "type": "object", "properties": { "inner": inner } } } },
                "secret": { "type": "string" },
            } });
            let tools = json!([{ "name": "query", "inputSchema": schema }]);
            Reply::result(seen, &json!({ "tools": tools, "ttlMs": 60_000, "cacheScope": "public" }))
        }
        _ => Reply::done(seen),
    })
    .await
}

/// The headers that arguments get.
async fn headers(recorder: &Recorder, arguments: &str) -> Vec<(String, String)> {
    let client = recorder.client();
    let arguments = mcp_core::RawJson::from_string(arguments.to_owned()).unwrap();
    client.call("query").arguments(&arguments).send().await.unwrap();
    let seen = recorder.seen().pop().unwrap();
    assert_eq!(seen.header("mcp-method"), Some("tools/call"));
    assert_eq!(seen.header("mcp-name"), Some("query"));
    seen.params()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn designated_arguments_are_mirrored() {
    let recorder = recorder().await;
    let arguments = json!({ "region": "eu", "method": "m", "secret": "s", "other": 1 });
    let sent = headers(&recorder, &arguments.to_string()).await;
    assert_eq!(sent, pairs(&[("method", "m"), ("region", "eu")]));
    assert_eq!(recorder.methods(), ["tools/list", "tools/call"], "its definition comes first");
    let raw = format!("{:?}", recorder.seen()[1].headers);
    assert!(!raw.contains("\"s\""), "{raw}");
}

#[tokio::test]
async fn call_headers_from_body() {
    let arguments = json!({
        "region": "us west 1", "count": 42, "flag": true, "method": "x/y",
        "place": { "deep": { "inner": { "city": "Köln" } } },
    });
    let sent = headers(&recorder().await, &arguments.to_string()).await;
    assert_eq!(
        sent,
        pairs(&[
            ("city", "=?base64?S8O2bG4=?="),
            ("count", "42"),
            ("flag", "true"),
            ("method", "x/y"),
            ("region", "us west 1"),
        ])
    );
}

#[tokio::test]
async fn values_are_written_plainly() {
    let recorder = recorder().await;
    for (arguments, name, value) in [
        (r#"{"count":42}"#, "count", "42"),
        (r#"{"count":-7}"#, "count", "-7"),
        (r#"{"count":0}"#, "count", "0"),
        (r#"{"count":42.0}"#, "count", "42"),
        (r#"{"count":4.2e1}"#, "count", "42"),
        (r#"{"flag":true}"#, "flag", "true"),
        (r#"{"flag":false}"#, "flag", "false"),
        (r#"{"region":"us-west1"}"#, "region", "us-west1"),
        (r#"{"region":"us west 1"}"#, "region", "us west 1"),
        (r#"{"region":"\u0065u"}"#, "region", "eu"),
    ] {
        assert_eq!(headers(&recorder, arguments).await, pairs(&[(name, value)]), "{arguments}");
    }
}

#[tokio::test]
async fn only_safe_integers() {
    let recorder = recorder().await;
    for number in ["9007199254740991", "-9007199254740991"] {
        let sent = headers(&recorder, &format!(r#"{{"count":{number}}}"#)).await;
        assert_eq!(sent, pairs(&[("count", number)]));
    }
    let before = recorder.seen().len();
    let client = recorder.client();
    client.list_tools().await.unwrap();
    for number in ["9007199254740992", "-9007199254740992", "9007199254740993", "1e300", "0.5"] {
        let arguments: Value = serde_json::from_str(&format!(r#"{{"count":{number}}}"#)).unwrap();
        let error = client.call_tool("query", &arguments).await.unwrap_err();
        assert!(
            matches!(&error, ClientError::Parameters { reason, .. } if reason.contains("Count")),
            "{number}: {error}"
        );
    }
    assert_eq!(recorder.seen().len(), before + 1, "none of them was sent");
}

#[tokio::test]
async fn null_and_absent_have_no_header() {
    let recorder = recorder().await;
    for arguments in [
        r#"{}"#,
        r#"{"region":null,"count":null,"flag":null}"#,
        r#"{"place":{}}"#,
        r#"{"place":{"deep":{"inner":{"city":null}}}}"#,
        r#"{"place":null}"#,
        r#"{"place":7}"#,
    ] {
        assert_eq!(headers(&recorder, arguments).await, [], "{arguments}");
    }
    assert_eq!(headers(&recorder, r#"{"region":""}"#).await, pairs(&[("region", "")]));
}

#[tokio::test]
async fn look_alikes_are_encoded() {
    let recorder = recorder().await;
    for text in ["=?base64?literal?=", "=?base64??=", "=?base64?w7w=?="] {
        let sent = headers(&recorder, &json!({ "region": text }).to_string()).await;
        assert_ne!(sent[0].1, text);
        assert!(sent[0].1.starts_with("=?base64?") && sent[0].1.ends_with("?="), "{sent:?}");
        assert_eq!(decode(sent[0].1.as_bytes()).unwrap(), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn unsafe_values_are_base64(texts in proptest::collection::vec("[ -~\t\r\n\u{e9}\u{1f600}\u{0}]{0,6}", 8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let recorder = recorder().await;
            for text in texts {
                let sent = headers(&recorder, &json!({ "region": text }).to_string()).await;
                let value = &sent[0].1;
                assert_eq!(decode(value.as_bytes()).unwrap(), text, "{value}");
                let inner = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
                let is_plain = text.bytes().all(inner) && text.trim_matches([' ', '\t']) == text;
                let looks_encoded = text.starts_with("=?base64?") && text.ends_with("?=");
                assert_eq!(*value == text, is_plain && !looks_encoded, "{text:?}: {value}");
            }
        });
    }
}
