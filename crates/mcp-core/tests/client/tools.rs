//! What clients know of tools: headers, and the shape of results.

#[cfg(feature = "validation")]
use mcp_core::client::Client;
use mcp_core::client::ClientError;
use serde_json::json;

use crate::support::{Act, DONE, Scripted, error, result};

fn list(tools: &[&str]) -> Vec<Act> {
    result(&format!(r#"{{"tools":[{}],"ttlMs":0,"cacheScope":"public"}}"#, tools.join(",")))
}

const REGIONAL: &str = r#"{"name":"query","inputSchema":{"type":"object","properties":{
    "region":{"type":"string","x-mcp-header":"Region"},
    "limit":{"type":"integer","x-mcp-header":"Limit"},
    "dry":{"type":"boolean","x-mcp-header":"Dry"},
    "sql":{"type":"string"}}}}"#;
const RENAMED: &str = r#"{"name":"query","inputSchema":{"type":"object","properties":{
    "region":{"type":"string","x-mcp-header":"Zone"}}}}"#;
const BROKEN: &str = r#"{"name":"broken","inputSchema":{"type":"object","properties":{
    "a":{"type":"number","x-mcp-header":"A"}}}}"#;
const PLAIN: &str = r#"{"name":"plain","inputSchema":{"type":"object"}}"#;

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn annotated_arguments_are_mirrored() {
    let server = Scripted::mirroring([list(&[REGIONAL]), result(DONE), result(DONE)]);
    let client = server.client();
    client.list_tools().await.unwrap();
    let arguments = json!({ "region": "Köln", "limit": 42, "dry": false, "sql": "select" });
    client.call_tool("query", &arguments).await.unwrap();
    client.call_tool("query", &json!({ "region": null })).await.unwrap();
    let seen = server.seen();
    let mut headers = seen[1].param_headers.clone();
    headers.sort();
    // Encoding them is the transport's part.
    assert_eq!(headers, [header("Dry", "false"), header("Limit", "42"), header("Region", "Köln")]);
    assert!(seen[2].param_headers.is_empty());
}

#[tokio::test]
async fn tools_are_listed_before_the_first_call_if_need_be() {
    let server = Scripted::mirroring([list(&[REGIONAL]), result(DONE), result(DONE), result(DONE)]);
    let client = server.client();
    client.call_tool("query", &json!({ "region": "a" })).await.unwrap();
    client.call_tool("query", &json!({ "region": "b" })).await.unwrap();
    client.call_tool("unlisted", &json!({})).await.unwrap();
    assert_eq!(server.methods(), ["tools/list", "tools/call", "tools/call", "tools/call"]);
    assert_eq!(server.seen()[1].param_headers, [header("Region", "a")]);
}

#[tokio::test]
async fn other_transports_list_nothing_and_mirror_nothing() {
    let server = Scripted::new([result(DONE), list(&[REGIONAL, BROKEN]), result(DONE)]);
    let client = server.client();
    client.call_tool("query", &json!({ "region": "a" })).await.unwrap();
    assert_eq!(client.list_tools().await.unwrap().len(), 2, "the annotations do not matter here");
    client.call_tool("query", &json!({ "region": "a" })).await.unwrap();
    assert!(server.seen().iter().all(|seen| seen.param_headers.is_empty()));
}

#[tokio::test]
async fn tools_with_invalid_annotations_are_left_out_and_cannot_be_called() {
    let server = Scripted::mirroring([list(&[PLAIN, BROKEN, REGIONAL]), list(&[PLAIN, BROKEN])]);
    let client = server.client();
    let names: Vec<_> =
        client.list_tools().await.unwrap().into_iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["plain", "query"]);
    let error = client.call("broken").send().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::InvalidToolDefinition { tool, .. } if tool == "broken"),
        "{error}"
    );
    assert_eq!(server.seen().len(), 1, "nothing was sent");
    let page = client.list_tools_page(None).await.unwrap();
    assert_eq!(page.tools.len(), 1);
}

#[tokio::test]
async fn a_refused_header_lists_the_tools_again_and_repeats_the_call_once() {
    let mismatch = || error(r#"{"code":-32020,"message":"Header mismatch"}"#);
    let server =
        Scripted::mirroring([list(&[REGIONAL]), mismatch(), list(&[RENAMED]), result(DONE)]);
    let client = server.client();
    client.call_tool("query", &json!({ "region": "a" })).await.unwrap();
    let seen = server.seen();
    assert_eq!(server.methods(), ["tools/list", "tools/call", "tools/list", "tools/call"]);
    assert_eq!(seen[1].param_headers, [header("Region", "a")]);
    assert_eq!(seen[3].param_headers, [header("Zone", "a")]);
    assert_ne!(seen[1].message["id"], seen[3].message["id"]);

    let server = Scripted::mirroring([list(&[REGIONAL]), mismatch(), list(&[RENAMED]), mismatch()]);
    let error = server.client().call_tool("query", &json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some(-32020));

    // Elsewhere there are no headers to mend.
    let server = Scripted::new([mismatch()]);
    assert_eq!(server.client().call("query").send().await.unwrap_err().code(), Some(-32020));
    let server = Scripted::mirroring([mismatch()]);
    let error = server.client().read_resource("a:b").await.unwrap_err();
    assert_eq!(error.code(), Some(-32020));
}

#[tokio::test]
async fn a_server_that_does_not_list_tools_can_still_be_called() {
    let server = Scripted::mirroring([
        error(r#"{"code":-32601,"message":"m"}"#),
        result(DONE),
        result(DONE),
    ]);
    let client = server.client();
    client.call("t").send().await.unwrap();
    client.call("t").send().await.unwrap();
    assert_eq!(server.methods(), ["tools/list", "tools/call", "tools/call"]);
}

#[tokio::test]
async fn an_argument_of_the_wrong_type_cannot_be_mirrored() {
    let server = Scripted::mirroring([list(&[REGIONAL])]);
    let error = server.client().call_tool("query", &json!({ "limit": "many" })).await.unwrap_err();
    assert!(matches!(&error, ClientError::Parameters { reason, .. } if reason.contains("Limit")));
}

const TYPED: &str = r#"{"name":"typed","inputSchema":{},"outputSchema":{"type":"object",
    "properties":{"n":{"type":"integer"}},"required":["n"]}}"#;

fn structured(content: &str) -> Vec<Act> {
    result(&format!(r#"{{"content":[],{content}}}"#))
}

#[tokio::test]
async fn structured_results_are_checked_where_the_schema_is_known() {
    let server = Scripted::new([
        structured(r#""structuredContent":{"n":"unchecked"}"#),
        list(&[TYPED]),
        structured(r#""structuredContent":{"n":1}"#),
        structured(r#""isError":true"#),
        structured(r#""other":1"#),
    ]);
    let client = server.client();
    client.call("typed").send().await.unwrap();
    client.list_tools().await.unwrap();
    client.call("typed").send().await.unwrap();
    assert!(client.call("typed").send().await.unwrap().is_error == Some(true));
    let error = client.call("typed").send().await.unwrap_err();
    let ClientError::StructuredContent { tool, result, .. } = error else { panic!("{error}") };
    assert_eq!(tool, "typed");
    assert_eq!(result.extra.get("other").unwrap().get(), "1", "the result is not lost");
}

#[cfg(feature = "validation")]
#[tokio::test]
async fn structured_results_that_do_not_fit_are_named_without_their_values() {
    let server = Scripted::new([
        list(&[TYPED]),
        structured(r#""structuredContent":{"n":"Jane Doe"}"#),
        structured(r#""structuredContent":null"#),
    ]);
    let client = server.client();
    client.list_tools().await.unwrap();
    let error = client.call("typed").send().await.unwrap_err();
    assert!(matches!(error, ClientError::StructuredContent { .. }), "{error}");
    assert!(error.to_string().contains("/n") && !error.to_string().contains("Jane"), "{error}");
    let error = client.call("typed").send().await.unwrap_err();
    assert!(matches!(error, ClientError::StructuredContent { .. }), "{error}");
}

#[cfg(feature = "validation")]
#[tokio::test]
async fn a_schema_that_cannot_be_used_stops_the_call_before_it_is_sent() {
    let external =
        r#"{"name":"bad","inputSchema":{},"outputSchema":{"$ref":"https://example.com/s"}}"#;
    let dialect =
        r#"{"name":"bad","inputSchema":{},"outputSchema":{"$schema":"https://example.com/d"}}"#;
    for tool in [external, dialect] {
        let server = Scripted::new([list(&[tool]), structured(r#""structuredContent":{}"#)]);
        let client = server.client();
        client.list_tools().await.unwrap();
        let error = client.call("bad").send().await.unwrap_err();
        assert!(matches!(error, ClientError::OutputSchema { .. }), "{error}");
        assert_eq!(server.seen().len(), 1);

        let server = Scripted::new([list(&[tool]), structured(r#""structuredContent":{}"#)]);
        let client = server.client_of(Client::builder("t", "1").check_results(false));
        client.list_tools().await.unwrap();
        client.call("bad").send().await.unwrap();
    }
}

#[tokio::test]
async fn schemas_come_as_they_are() {
    let schema = r##"{ "$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"a":{"type":"string"}},
        "properties":{"a":{"$ref":"#/$defs/a"},"z":{"maximum":1.50}}, "additionalProperties":false}"##;
    let server = Scripted::new([
        list(&[&format!(r#"{{"name":"t","inputSchema":{schema}}}"#)]),
        result(DONE),
    ]);
    let client = server.client();
    let tool = client.list_tools().await.unwrap().remove(0);
    assert_eq!(tool.input_schema.get(), schema);
    client.call("echo").arguments(&json!({ "schema": tool.input_schema })).send().await.unwrap();
}
