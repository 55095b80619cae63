//! Messages that are wrong are refused with an error that says what is wrong, and where.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use mcp_core::protocol::{
    CallToolRequest, CallToolResult, CallToolResultResponse, CancelledNotification, ClientRequest,
    ErrorObject, JsonRpcErrorResponse, JsonRpcMessage, ListToolsResult, Tool,
    ToolListChangedNotification,
};
use serde::de::DeserializeOwned;

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// The error of reading a text, which must contain all of these.
#[track_caller]
fn refused<T: DeserializeOwned + std::fmt::Debug>(text: &str, expected: &[&str]) {
    let error = match serde_json::from_str::<T>(text) {
        Ok(value) => panic!("accepted {text}: {value:?}"),
        Err(error) => error.to_string(),
    };
    for expected in expected {
        assert!(error.contains(expected), "{text}: {error:?} lacks {expected:?}");
    }
}

fn call(id: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#)
}

#[test]
fn ids_that_are_none() {
    let params = format!(r#"{{{META},"name":"now"}}"#);
    assert!(serde_json::from_str::<CallToolRequest>(&call("1", &params)).is_ok());
    for id in ["null", "1.5", "1.0", "true", "[]", "{}", "9223372036854775808"] {
        refused::<CallToolRequest>(&call(id, &params), &["id: ", "a request id"]);
    }
}

#[test]
fn params_of_a_wrong_shape() {
    for (params, expected) in [
        ("[]", "params: invalid type: sequence, expected a `CallToolRequestParams` object"),
        ("null", "params: invalid type: null"),
        ("\"now\"", "params: invalid type: string"),
        ("{}", "params: missing field `name` of `CallToolRequestParams`"),
        (r#"{"name":"now"}"#, "params: missing field `_meta` of `CallToolRequestParams`"),
        (r#"{"name":7}"#, "params: name: invalid type: integer `7`, expected a string"),
        (r#"{"name":null}"#, "params: name: invalid type: null, expected a string"),
        (
            r#"{"name":"a","arguments":[1]}"#,
            "params: arguments: expected a JSON object, found an array",
        ),
        (r#"{"name":"a","name":"b"}"#, "params: duplicate field `name`"),
        (r#"{"name":"a","x":1,"x":1}"#, "params: missing field `_meta`"),
        (
            r#"{"_meta":{}}"#,
            "params: _meta: missing field `io.modelcontextprotocol/protocolVersion`",
        ),
        (r#"{"_meta":[]}"#, "params: _meta: invalid type: sequence"),
        (r#"{"inputResponses":[]}"#, "params: inputResponses: invalid type: sequence"),
        (r#"{"requestState":{}}"#, "params: requestState: invalid type: map"),
    ] {
        refused::<CallToolRequest>(&call("1", params), &[expected]);
    }
    let twice = format!(r#"{{{META},"name":"a","x":1,"x":1}}"#);
    refused::<CallToolRequest>(&call("1", &twice), &["params: the object repeats the key `x`"]);
}

#[test]
fn envelopes_of_a_wrong_shape() {
    let params = format!(r#"{{{META},"name":"now"}}"#);
    for (text, expected) in [
        ("[]".to_owned(), "invalid type: sequence, expected JSON-RPC request"),
        ("null".to_owned(), "invalid type: null"),
        ("{}".to_owned(), "missing field `jsonrpc` of `JSON-RPC request`"),
        (call("1", &params).replace("2.0", "1.0"), "jsonrpc: expected \"2.0\", found \"1.0\""),
        (call("1", &params).replace("tools/call", "tools/list"), "method: expected \"tools/call\""),
        (call("1", &params).replace("\"id\":1,", ""), "missing field `id`"),
        (call("1", &params).replace("\"id\":1,", "\"id\":1,\"id\":1,"), "duplicate field `id`"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#.to_owned(), "missing field `params`"),
    ] {
        refused::<CallToolRequest>(&text, &[expected]);
    }
    let unknown = r#"{"jsonrpc":"2.0","id":1,"method":"tools/nope","params":{}}"#;
    refused::<ClientRequest>(unknown, &["unknown ClientRequest \"tools/nope\""]);
}

#[test]
fn notifications_have_no_id_and_may_lack_params_only_where_they_may() {
    let params = r#"{"requestId":1}"#;
    let text =
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{params}}}"#);
    assert!(serde_json::from_str::<CancelledNotification>(&text).is_ok());
    refused::<CancelledNotification>(
        &text.replace("\"method\"", "\"id\":1,\"method\""),
        &["a notification has no `id`"],
    );
    refused::<CancelledNotification>(
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
        &["missing field `params`"],
    );
    refused::<CancelledNotification>(&text.replace(":1}", ":null}"), &["params: requestId: "]);

    let bare = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let changed: ToolListChangedNotification = serde_json::from_str(bare).unwrap();
    assert_eq!(changed.params, None);
    assert_eq!(serde_json::to_string(&changed).unwrap(), bare);
}

#[test]
fn responses_of_a_wrong_shape() {
    refused::<CallToolResultResponse>(
        r#"{"jsonrpc":"2.0","id":null,"result":{"content":[]}}"#,
        &["id: ", "a request id"],
    );
    refused::<CallToolResultResponse>(
        r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"task","content":[]}}"#,
        &["result: resultType: expected \"complete\" or \"input_required\", found \"task\""],
    );
    refused::<CallToolResultResponse>(
        r#"{"jsonrpc":"2.0","id":1,"result":[]}"#,
        &["result: ", "invalid type: sequence"],
    );
    refused::<CallToolResultResponse>(
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a"},{"type":"image"}]}}"#,
        &["result: content: missing field `data` of `ImageContent`"],
    );
    refused::<JsonRpcErrorResponse>(
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"m"}}"#,
        &["error: code: invalid type: string"],
    );
    let unreadable = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#;
    let response: JsonRpcErrorResponse = serde_json::from_str(unreadable).unwrap();
    assert_eq!(response.id, None);
}

#[test]
fn null_is_a_structured_result_and_no_optional_text() {
    let result: CallToolResult =
        serde_json::from_str(r#"{"content":[],"structuredContent":null,"isError":null}"#).unwrap();
    assert_eq!(result.is_error, None);
    assert!(result.structured_content.as_ref().is_some_and(|content| content.is_null()));
    assert_eq!(
        serde_json::to_string(&result).unwrap(),
        r#"{"content":[],"structuredContent":null}"#
    );
    let absent: CallToolResult = serde_json::from_str(r#"{"content":[]}"#).unwrap();
    assert_eq!(absent.structured_content, None);
}

#[test]
fn deep_nesting_is_kept_where_it_is_not_looked_at_and_refused_elsewhere() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));

    // In the positions that belong to the application, depth is for the application to limit.
    let text = format!(r#"{{"code":1,"message":"m","data":{deep},"x":{deep}}}"#);
    let error: ErrorObject = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&error).unwrap(), text);
    let tool = format!(r#"{{"name":"a","inputSchema":{{"type":"object","default":{deep}}}}}"#);
    assert!(serde_json::from_str::<Tool>(&tool).is_ok());

    for text in
        [format!(r#"{{"code":{deep},"message":"m"}}"#), format!(r#"{{"code":1,"message":{deep}}}"#)]
    {
        refused::<ErrorObject>(&text, &["invalid type: sequence"]);
    }
    refused::<CallToolResult>(
        &format!(r#"{{"content":{deep}}}"#),
        &["content: invalid type: sequence"],
    );
    refused::<JsonRpcMessage>(&deep, &["invalid type: sequence"]);
    let open = "{\"content\":[".repeat(200_000);
    refused::<CallToolResult>(&open, &["EOF"]);
}

#[test]
fn many_members_cost_no_more_than_sorting_them() {
    let members: String = (0..200_000).map(|n| format!(",\"k{n}\":0")).collect();
    let text = format!(r#"{{"tools":[]{members}}}"#);
    let result: ListToolsResult = serde_json::from_str(&text).unwrap();
    assert_eq!(result.extra.len(), 200_000);
    let twice = format!(r#"{{"tools":[]{members},"k777":1}}"#);
    refused::<ListToolsResult>(&twice, &["repeats the key `k777`"]);
}

#[test]
fn text_that_is_no_json() {
    for text in
        ["", "{", "{\"jsonrpc\"", "nul", "{\"a\":}", "\u{feff}{}", "{} {}", "{\"a\":\"\u{1}\"}"]
    {
        assert!(serde_json::from_str::<JsonRpcMessage>(text).is_err(), "{text:?}");
    }
    assert!(serde_json::from_slice::<JsonRpcMessage>(b"{\"method\":\"\xff\"}").is_err());
}
