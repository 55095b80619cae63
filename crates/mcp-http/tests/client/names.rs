//! `Mcp-Name`: whatever a tool, prompt or resource is called.

use mcp_core::header_value::decode;
use serde_json::json;

use crate::recorder::{Recorder, Reply};

const ODD: [&str; 12] = [
    "größer",
    " padded ",
    "\ttab",
    "trailing\t",
    "line\nbreak",
    "carriage\r\nreturn: injected",
    "nul\0",
    "\u{7f}",
    "\u{1f600}",
    "=?base64?literal?=",
    "=?base64??=",
    "\u{a0}",
];
const PLAIN: [&str; 7] =
    ["plain", "with inner space", "a/b?c=d&e=%20", "=?base64?half", "half?=", "~!#$\"\\", "*"];

#[tokio::test]
async fn names_are_encoded() {
    let recorder = Recorder::start(|seen| match seen.rpc() {
        "tools/list" => {
            Reply::result(seen, &json!({ "tools": [], "ttlMs": 60_000, "cacheScope": "public" }))
        }
        "tools/call" => Reply::done(seen),
        "prompts/get" => Reply::result(seen, &json!({ "messages": [] })),
        _ => Reply::result(seen, &json!({ "contents": [] })),
    })
    .await;
    let client = recorder.client();
    let long = "ü".repeat(4096);
    let names = ODD.into_iter().chain(PLAIN).chain([long.as_str()]);
    for name in names.clone() {
        client.call(name).send().await.unwrap();
        client.get_prompt(name, &json!({})).await.unwrap();
        client.read_resource(name).await.unwrap();
    }
    let named: Vec<_> =
        recorder.seen().into_iter().filter(|seen| seen.rpc() != "tools/list").collect();
    assert_eq!(named.len(), 3 * names.count());
    for seen in named {
        let params = &seen.body["params"];
        let name = params.get("name").or(params.get("uri")).unwrap().as_str().unwrap();
        let header = seen.header("mcp-name").unwrap();
        assert_eq!(decode(header.as_bytes()).unwrap(), name, "{header:.80}");
        let is_encoded = header.starts_with("=?base64?") && header.ends_with("?=");
        assert_eq!(is_encoded, !PLAIN.contains(&name), "{header:.80}");
        assert!(seen.header("injected").is_none());
    }
}
