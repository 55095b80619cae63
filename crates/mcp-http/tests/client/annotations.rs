//! `x-mcp-header` in schemas: what is refused, on both sides.

use mcp_core::client::ClientError;
use mcp_core::protocol::JsonObject;
use mcp_core::server::{BuildError, RawArgs, ServedTool, Server};
use serde_json::{Value, json};

use crate::recorder::{Recorder, Reply};

fn on(kind: Value, name: Value) -> Value {
    json!({ "a": { "type": kind, "x-mcp-header": name } })
}

/// Schemas of objects that are wrong, each with what is wrong.
fn bad() -> Vec<(String, Value)> {
    let mut bad = Vec::new();
    let mut add = |what: &str, properties: Value| {
        bad.push((what.to_owned(), json!({ "type": "object", "properties": properties })));
    };
    add("empty", on(json!("string"), json!("")));
    for byte in 0..128_u8 {
        let byte = char::from(byte);
        let is_token = byte.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(byte);
        if !is_token {
            let what = format!("character {}", byte.escape_default());
            add(&what, on(json!("string"), json!(format!("A{byte}B"))));
        }
    }
    add("injection", on(json!("string"), json!("A\r\nX-Evil: 1")));
    add("no ASCII", on(json!("string"), json!("\u{e9}")));
    for (index, name) in [json!(7), json!(null), json!(["A"]), json!({})].into_iter().enumerate() {
        add(&format!("no string {index}"), on(json!("string"), name));
    }
    for kind in
        [json!("number"), json!("object"), json!("array"), json!("null"), json!(["string", "null"])]
    {
        add(&format!("type {kind}"), on(kind, json!("A")));
    }
    add("no type", json!({ "a": { "x-mcp-header": "A" } }));
    let annotated = json!({ "type": "string", "x-mcp-header": "Region" });
    let mut other = annotated.clone();
    other["x-mcp-header"] = json!("region");
    add("duplicate", json!({ "a": annotated, "b": other }));
    let inner = json!({ "type": "object", "properties": { "b": other } });
    add("duplicate at another depth", json!({ "a": annotated, "c": inner }));
    let object = json!({ "type": "object", "properties": { "b": annotated } });
    for keyword in ["items", "contains", "additionalProperties", "not", "if", "then", "else"] {
        add(keyword, json!({ "a": { keyword: annotated } }));
        add(&format!("{keyword}, deeper"), json!({ "a": { keyword: object } }));
    }
    for keyword in ["prefixItems", "oneOf", "anyOf", "allOf"] {
        add(keyword, json!({ "a": { keyword: [object] } }));
    }
    for keyword in ["patternProperties", "dependentSchemas", "$defs", "definitions"] {
        add(keyword, json!({ "a": { keyword: { "x": object } } }));
    }
    // Named as keywords are whose values are no schemas.
    for name in ["default", "const", "enum", "examples"] {
        let hidden = json!({ "type": "object", "properties": { name: annotated } });
        add(&format!("a property named {name}"), json!({ "a": { "items": hidden } }));
        add(
            &format!("a definition named {name}"),
            json!({ "a": { "$defs": { name: annotated } } }),
        );
    }
    bad.push(("the root".to_owned(), json!({ "type": "object", "x-mcp-header": "A" })));
    let reference = json!({
        "type": "object", "properties": { "a": { "$ref": "#/$defs/a" } }, "$defs": { "a": annotated },
    });
    bad.push(("$ref".to_owned(), reference));
    bad
}

/// Properties that are fine, with the paths that are mirrored.
fn good() -> Vec<(Value, usize)> {
    let three = json!({ "type": "integer", "x-mcp-header": "!#$%&'*+-.^_`|~09azAZ" });
    let two = json!({ "type": "object", "properties": { "c": three } });
    let one = json!({ "type": "object", "properties": { "b": two } });
    let data = json!({ "type": "object", "default": { "x-mcp-header": "A" } });
    let named =
        json!({ "a": { "items": { "properties": { "x-mcp-header": { "type": "string" } } } } });
    vec![
        (on(json!("string"), json!("A")), 1),
        (on(json!("boolean"), json!("A")), 1),
        (json!({ "a": one }), 1),
        (json!({ "default": { "type": "string", "x-mcp-header": "A" } }), 1),
        (json!({ "x-mcp-header": { "type": "string" } }), 0),
        (json!({ "a": data }), 0),
        (named, 0),
    ]
}

fn tool(name: &str, schema: &Value) -> ServedTool {
    ServedTool::new(name, async |_: RawArgs| "x")
        .input_schema(JsonObject::from_serialize(schema).unwrap())
}

#[test]
fn servers_with_bad_annotations_are_not_built() {
    for (what, schema) in bad() {
        let server = Server::builder("app", "1").tool(tool("bad", &schema)).build();
        let errors = server.err().unwrap_or_else(|| panic!("built: {what}"));
        let named = errors.as_slice().iter().any(|error| {
            matches!(error, BuildError::Schema { tool, which: "x-mcp-header", .. } if tool == "bad")
        });
        assert!(named, "{what}: {errors}");
    }
    // The same name in two tools is fine.
    let mut builder = Server::builder("app", "1");
    for (index, (properties, _)) in good().into_iter().enumerate() {
        let schema = json!({ "type": "object", "properties": properties });
        builder = builder.tool(tool(&format!("good-{index}"), &schema));
    }
    builder.build().unwrap();
}

#[test]
fn annotations_are_found_where_properties_lead() {
    for (properties, count) in good() {
        let schema = json!({ "type": "object", "properties": properties }).to_string();
        let found = mcp_core::param_headers::ParamHeaders::from_schema(&schema).unwrap();
        assert_eq!(found.entries().len(), count, "{schema}");
    }
}

#[tokio::test]
async fn bad_tools_are_left_out() {
    let recorder = Recorder::start(|seen| match seen.rpc() {
        "tools/list" => {
            let bad: Vec<_> = bad()
                .into_iter()
                .map(|(what, schema)| json!({ "name": what, "inputSchema": schema }))
                .collect();
            let schema = json!({ "type": "object", "properties": on(json!("string"), json!("A")) });
            let good = |name: &str| json!({ "name": name, "inputSchema": schema });
            let half = bad.len() / 2;
            let (tools, next) = if seen.body["params"]["cursor"].is_null() {
                ([&bad[..half], &[good("good")]].concat(), json!("2"))
            } else {
                ([&[good("another")], &bad[half..]].concat(), Value::Null)
            };
            let mut page = json!({ "tools": tools, "ttlMs": 60_000, "cacheScope": "public" });
            if !next.is_null() {
                page["nextCursor"] = next;
            }
            Reply::result(seen, &page)
        }
        _ => Reply::done(seen),
    })
    .await;
    let client = recorder.client();
    let listed = client.list_tools().await.unwrap();
    let names: Vec<_> = listed.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["good", "another"]);
    for (what, _) in bad() {
        let error = client.call_tool(&what, &json!({ "a": "x" })).await.unwrap_err();
        assert!(matches!(error, ClientError::InvalidToolDefinition { .. }), "{what}: {error}");
    }
    assert_eq!(recorder.methods(), ["tools/list", "tools/list"], "none of them was sent");
    client.call_tool("good", &json!({ "a": "x" })).await.unwrap();
    let seen = recorder.seen().pop().unwrap();
    assert_eq!(seen.params(), [("a".to_owned(), "x".to_owned())]);
    assert!(recorder.seen().iter().all(|seen| seen.header("x-evil").is_none()));
}
