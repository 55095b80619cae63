//! Prompts as servers send them.

use mcp_core::client::ClientError;
use serde_json::json;

use crate::support::{Scripted, result};

#[tokio::test]
async fn prompt_messages_are_checked() {
    let text = json!({ "type": "text", "text": "hi" });
    let whole = json!([
        { "role": "user", "content": text },
        { "role": "assistant", "content": { "type": "hologram", "z": 1 } },
    ]);
    let server = Scripted::new([result(&json!({ "messages": whole }).to_string())]);
    let got = server.client().get_prompt("p", &json!({})).await.unwrap();
    assert_eq!(serde_json::to_value(got.messages).unwrap(), whole, "content of unknown type too");
    for messages in [
        json!([{ "role": "system", "content": text }]),
        json!([{ "role": 7, "content": text }]),
        json!([{ "content": text }]),
        json!([{ "role": "user" }]),
        json!([{ "role": "user", "content": "hi" }]),
        json!([{ "role": "user", "content": { "type": "text" } }]),
        json!([{ "role": "user", "content": { "type": "image", "data": "AA==" } }]),
        json!(["hi"]),
        json!("hi"),
        json!(null),
    ] {
        let server = Scripted::new([result(&json!({ "messages": messages }).to_string())]);
        let error = server.client().get_prompt("p", &json!({})).await.unwrap_err();
        let named = matches!(&error, ClientError::UnexpectedResult { method, .. }
            if method == "prompts/get");
        assert!(named, "{messages}: {error}");
    }
}
