//! JSON Schema: which dialects are read, what is refused, and that nothing is fetched.

use std::net::TcpListener;

use mcp_core::protocol::JsonObject;
use mcp_core::schema::{SchemaError, SchemaLimits, Validator};
use mcp_core::server::{BuildError, BuildErrors, RawArgs, ServedTool, Server};
use serde_json::{Value, json};

use crate::common::{call, result, text};

const DRAFT_7: &str = "http://json-schema.org/draft-07/schema#";
const DRAFT_2020: &str = "https://json-schema.org/draft/2020-12/schema";

fn tool(name: &str, schema: &Value) -> ServedTool {
    let handler = async |RawArgs(arguments): RawArgs| arguments.get().to_owned();
    ServedTool::new(name, handler).input_schema(JsonObject::from_serialize(schema).unwrap())
}

fn server(schema: &Value) -> Server {
    Server::builder("app", "1").tool(tool("t", schema)).build().unwrap()
}

fn errors(tools: impl IntoIterator<Item = ServedTool>) -> BuildErrors {
    let builder = Server::builder("app", "1");
    tools.into_iter().fold(builder, |builder, tool| builder.tool(tool)).build().err().unwrap()
}

/// What is wrong with arguments: nothing, or what the model is told.
async fn wrong(server: &Server, arguments: Value) -> Option<String> {
    let answer = result(server, &call("t", arguments)).await;
    (answer["isError"] == true).then(|| text(&answer).to_owned())
}

#[tokio::test]
async fn default_dialect_is_2020_12() {
    for (schema, good, bad, place) in [
        (
            json!({ "properties": { "a": { "prefixItems": [{ "type": "string" }] } } }),
            json!({ "a": ["x", 1] }),
            json!({ "a": [7] }),
            "/a/0",
        ),
        (
            json!({ "dependentRequired": { "a": ["b"] } }),
            json!({ "a": 1, "b": 2 }),
            json!({ "a": 1 }),
            "b",
        ),
        (
            json!({ "allOf": [{ "properties": { "a": {} } }], "unevaluatedProperties": false }),
            json!({ "a": 1 }),
            json!({ "a": 1, "more": 2 }),
            "more",
        ),
    ] {
        let mut schema = schema;
        schema["type"] = json!("object");
        let server = server(&schema);
        assert_eq!(wrong(&server, good).await, None, "{schema}");
        let said = wrong(&server, bad).await.unwrap_or_else(|| panic!("accepted by {schema}"));
        assert!(said.contains(place), "{said}");
    }
}

#[tokio::test]
async fn named_dialect_is_used() {
    // A tuple, as draft 7 writes it and as 2020-12 does: each means nothing, or nothing valid, to the
    // other.
    let tuple = json!([{ "type": "string" }]);
    let of = |dialect: &str, keyword: &str| json!({ "$schema": dialect, "type": "object", "properties": { "a": { keyword: tuple } } });
    let bad = json!({ "a": [7] });
    assert!(wrong(&server(&of(DRAFT_7, "items")), bad.clone()).await.is_some());
    assert!(wrong(&server(&of(DRAFT_2020, "prefixItems")), bad.clone()).await.is_some());
    assert_eq!(wrong(&server(&of(DRAFT_7, "prefixItems")), bad.clone()).await, None);
    assert!(errors([tool("t", &of(DRAFT_2020, "items"))]).to_string().contains("no valid schema"));
    // As without `$schema`.
    let mut unnamed = of(DRAFT_2020, "items");
    unnamed.as_object_mut().unwrap().remove("$schema");
    assert!(errors([tool("t", &unnamed)]).to_string().contains("no valid schema"));
}

#[test]
fn unknown_dialect_is_named() {
    for dialect in [json!("https://example.com/my-dialect"), json!(""), json!(7)] {
        let schema = json!({ "$schema": dialect, "type": "object" });
        let errors = errors([tool("odd", &schema)]);
        let said = errors.to_string();
        assert_eq!(errors.as_slice().len(), 1, "{said}");
        assert!(
            said.contains("odd") && said.contains("input") && said.contains("dialect"),
            "{said}"
        );
    }
}

#[test]
fn invalid_schemas_stop_the_build() {
    let object = |more: Value| {
        let mut schema = json!({ "type": "object" });
        schema["properties"]["a"] = more;
        schema
    };
    let errors = errors([
        tool("kind", &object(json!({ "type": "objekt" }))),
        tool("bound", &object(json!({ "minimum": "1" }))),
        tool("list", &object(json!({ "required": "a" }))),
        tool("pattern", &object(json!({ "pattern": "(" }))),
        tool("fine", &object(json!({ "type": "string" }))),
    ]);
    let named: Vec<_> = errors
        .as_slice()
        .iter()
        .map(|error| match error {
            BuildError::Schema { tool, which: "input", .. } => tool.as_str(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(named, ["kind", "bound", "list", "pattern"]);
}

#[test]
fn server_fetches_no_ref() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let mut refused = 0;
    for reference in [
        format!("http://{address}/schema.json"),
        format!("http://{address}/schema.json#/$defs/a"),
        format!("//{address}/schema.json"),
    ] {
        for keyword in ["$ref", "$dynamicRef"] {
            let schema = json!({ "type": "object", "properties": { "a": { keyword: reference } } });
            let said = errors([tool("external", &schema)]).to_string();
            assert!(said.contains("external") && said.contains("input"), "{said}");
            refused += 1;
        }
    }
    assert_eq!(refused, 6);
    let waiting = listener.accept().unwrap_err();
    assert_eq!(waiting.kind(), std::io::ErrorKind::WouldBlock, "somebody connected");
}

#[test]
fn there_is_no_fetching_mode() {
    // With every feature there is, and what it pulls in: nothing that could.
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--all-features", "-e", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "-p", env!("CARGO_PKG_NAME")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let listed = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let crates: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(crates.contains(&"boon"), "{listed}");
    for client in ["hyper", "reqwest", "ureq", "curl", "isahc", "attohttpc", "minreq", "rustls"] {
        assert!(!crates.contains(&client), "{client}: {listed}");
    }
}

/// `levels` objects, each in the one before.
fn nested(levels: usize) -> String {
    format!("{}{{}}{}", r#"{"not":"#.repeat(levels - 1), "}".repeat(levels - 1))
}

#[test]
fn oversized_schemas_are_refused() {
    let limits = SchemaLimits::default();
    let refused = |schema: &str, limits: &SchemaLimits| match Validator::compile(schema, limits) {
        Ok(_) => None,
        Err(SchemaError::TooLarge { what, limit }) => Some((what, limit)),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(refused(&nested(limits.depth), &limits), None);
    assert_eq!(refused(&nested(limits.depth + 1), &limits), Some(("levels", limits.depth)));
    // The objects of the list, and the one around it.
    let many = |count: usize| format!(r#"{{"anyOf":[{}]}}"#, vec!["{}"; count - 1].join(","));
    assert_eq!(refused(&many(limits.subschemas), &limits), None);
    let over = refused(&many(limits.subschemas + 1), &limits);
    assert_eq!(over, Some(("subschemas", limits.subschemas)));
    let long = |bytes: usize| format!(r#"{{"title":"{}"}}"#, "x".repeat(bytes - 12));
    assert_eq!(refused(&long(limits.bytes), &limits), None);
    assert_eq!(refused(&long(limits.bytes + 1), &limits), Some(("bytes", limits.bytes)));
    let small = SchemaLimits { depth: 3, subschemas: 3, bytes: 100 };
    assert_eq!(refused(&nested(3), &small), None);
    assert_eq!(refused(&nested(4), &small), Some(("levels", 3)));
}
