//! Tools: their definitions, their arguments, their results.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_core::protocol::{CallToolResult, ContentBlock, JsonObject};
use mcp_core::server::{Args, BuildError, HandlerError, Json, RawArgs, ServedTool, Server};
use mcp_core::{Principal, RawJson};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{answer_as, call, error, request, result, text};

fn schema(schema: Value) -> JsonObject {
    JsonObject::from_serialize(&schema).unwrap()
}

fn server(tools: impl IntoIterator<Item = ServedTool>) -> Server {
    tools.into_iter().fold(Server::builder("app", "1"), |all, tool| all.tool(tool)).build().unwrap()
}

async fn listed(server: &Server) -> Vec<Value> {
    let list = result(server, &request(1, "tools/list", json!({}))).await;
    list["tools"].as_array().unwrap().clone()
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Fields {
    text: String,
    count: Option<u8>,
}

#[tokio::test]
async fn input_schema_is_an_object() {
    let server = server([
        ServedTool::new("none", async || "x"),
        ServedTool::new("typed", async |Args(_): Args<Fields>| "x"),
        ServedTool::new("raw", async |RawArgs(_)| "x"),
        ServedTool::new("written", async |RawArgs(_)| "x")
            .input_schema(schema(json!({ "type": "object", "maxProperties": 1 }))),
    ]);
    let tools = listed(&server).await;
    assert_eq!(tools.len(), 4);
    for tool in &tools {
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
    }
    assert_eq!(tools[1]["inputSchema"]["required"], json!(["text"]));

    for wrong in [
        json!({ "type": "array" }),
        json!({ "type": ["object", "null"] }),
        json!({ "properties": {} }),
        json!({}),
        json!({ "type": "object", "properties": 7 }),
        json!({ "type": "object", "required": "a" }),
    ] {
        let tool = ServedTool::new("t", async |RawArgs(_)| "x").input_schema(schema(wrong.clone()));
        let errors = Server::builder("app", "1").tool(tool).build().err();
        if wrong["type"] == "object" && cfg!(not(feature = "validation")) {
            continue; // Only the validator reads more than the root's type.
        }
        let errors = errors.unwrap_or_else(|| panic!("{wrong} was taken"));
        assert!(
            errors.as_slice().iter().all(
                |error| matches!(error, BuildError::Schema { tool, which: "input" | "x-mcp-header", .. } if tool == "t")
            ),
            "{errors}"
        );
    }
    // What is no object at all cannot be given.
    for wrong in [json!(null), json!(true), json!("object"), json!([])] {
        assert!(JsonObject::from_serialize(&wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn schema_keywords_survive() {
    let text = r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"a":{"$anchor":"a","type":"string"}},"type":"object","properties":{"n":{"maximum":1.50},"s":{"$ref":"#a"}},"allOf":[{"minProperties":0}],"if":{"required":["n"]},"then":{"required":["s"]},"additionalProperties":false,"x-custom":{"z":1,"a":[ ]}}"##;
    let tool = ServedTool::new("t", async |RawArgs(_)| "x")
        .input_schema(serde_json::from_str(text).unwrap());
    let server = server([tool]);
    let listed = request(1, "tools/list", json!({}));
    let raw = raw_answer(&server, &listed).await;
    let expected = serde_json::from_str::<Value>(text).unwrap();
    let sent: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(sent["result"]["tools"][0]["inputSchema"], expected);
    assert!(raw.contains("1.50"), "numbers as they were written: {raw}");
}

async fn raw_answer(server: &Server, message: &Value) -> String {
    match crate::common::exchange(server, message).next().await {
        Some(mcp_core::server::ServerMessage::Response(response)) => {
            String::from_utf8(response.body.to_vec()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tool_names_are_checked() {
    let long = "x".repeat(129);
    let wrong = ["", long.as_str(), "a b", "a,b", "\u{e9}", "a/b", "a\n"];
    let mut builder = Server::builder("app", "1");
    for name in wrong {
        builder = builder.tool(ServedTool::new(name, async || "x"));
    }
    builder = builder.tool(ServedTool::new("twice", async || "x"));
    builder = builder.tool(ServedTool::new("twice", async || "x"));
    let errors = builder.build().err().unwrap();
    for name in wrong {
        let named =
            |error: &BuildError| matches!(error, BuildError::Name { name: of, .. } if of == name);
        assert!(errors.as_slice().iter().any(named), "{name:?}: {errors}");
    }
    let twice =
        |error: &BuildError| matches!(error, BuildError::Duplicate { name, .. } if name == "twice");
    assert!(errors.as_slice().iter().any(twice), "{errors}");
    assert_eq!(errors.as_slice().len(), wrong.len() + 1, "all at once");

    let longest = "y".repeat(128);
    let fine = ["a", "A", "1", "get_data-v1.2", longest.as_str()];
    let server = server(fine.map(|name| ServedTool::new(name, async || "x")));
    assert_eq!(listed(&server).await.len(), fine.len());
    for name in fine {
        result(&server, &call(name, json!({}))).await;
    }
}

#[tokio::test]
async fn structured_results_have_a_text() {
    fn value() -> Value {
        json!({ "sum": 4, "parts": [1, 3], "why": "it \"adds\" up" })
    }
    fn own() -> CallToolResult {
        let mut result = CallToolResult::new(vec![ContentBlock::text("four")]);
        result.structured_content = Some(RawJson::from_serialize(&json!({ "sum": 4 })).unwrap());
        result
    }
    let server = server([
        ServedTool::new("struct", async || Json(value())),
        ServedTool::new("own", async || own()),
    ]);
    let made = result(&server, &call("struct", json!({}))).await;
    assert_eq!(made["structuredContent"], value());
    assert_eq!(made["content"].as_array().unwrap().len(), 1);
    assert_eq!(serde_json::from_str::<Value>(text(&made)).unwrap(), value());
    let own = result(&server, &call("own", json!({}))).await;
    assert_eq!(own["content"], json!([{ "type": "text", "text": "four" }]), "left as it is");
}

/// A tool with an output schema, and what it returns.
#[cfg(feature = "validation")]
fn returning(output: Value, structured: Option<Value>, is_error: bool) -> ServedTool {
    let mut result = CallToolResult::new(vec![ContentBlock::text("hidden value 98765")]);
    result.structured_content = structured.map(|value| RawJson::from_serialize(&value).unwrap());
    result.is_error = is_error.then_some(true);
    ServedTool::new("t", move || {
        let result = result.clone();
        async move { result }
    })
    .output_schema(schema(output))
}

#[cfg(feature = "validation")]
#[tokio::test]
async fn output_is_checked() {
    let object =
        || json!({ "type": "object", "properties": { "n": { "maximum": 5 } }, "required": ["n"] });
    for (output, structured) in [
        (object(), json!({ "n": 98765 })),
        (object(), json!({})),
        (object(), json!(null)),
        (json!({ "type": "number" }), json!("98765")),
        (json!({ "type": "array", "items": { "type": "string" } }), json!([98765])),
        (json!({ "enum": ["a"] }), json!("98765")),
    ] {
        let server = server([returning(output.clone(), Some(structured.clone()), false)]);
        let refused = error(&server, &call("t", json!({}))).await;
        assert_eq!(refused["code"], -32603, "{output} {structured}");
        assert!(!refused.to_string().contains("98765"), "{refused}");
    }
    for (output, structured) in [
        (object(), json!({ "n": 5 })),
        (json!({ "type": "number" }), json!(7)),
        (json!({ "type": "array" }), json!([1, "a"])),
        (json!({ "type": "null" }), json!(null)),
        (json!({ "type": "string" }), json!("x")),
    ] {
        let server = server([returning(output, Some(structured.clone()), false)]);
        let sent = result(&server, &call("t", json!({}))).await;
        assert!(sent.as_object().unwrap().contains_key("structuredContent"));
        assert_eq!(sent["structuredContent"], structured);
    }
}

#[cfg(feature = "validation")]
#[tokio::test]
async fn output_schema_needs_a_result() {
    let output = || json!({ "type": "object" });
    let none = server([returning(output(), None, false)]);
    assert_eq!(error(&none, &call("t", json!({}))).await["code"], -32603);
    let failed = server([returning(output(), None, true)]);
    assert_eq!(result(&failed, &call("t", json!({}))).await["isError"], true);
}

#[tokio::test]
async fn tool_errors_are_results_and_request_errors_are_errors() {
    #[derive(Deserialize, JsonSchema)]
    struct Age {
        #[schemars(range(max = 150))]
        #[allow(dead_code)]
        age: u32,
    }
    let server = server([
        ServedTool::new("age", async |Args(_): Args<Age>| "x"),
        ServedTool::new("tells", async || -> Result<String, HandlerError> {
            Err(HandlerError::tell("try 7 instead"))
        }),
        ServedTool::new("panics", async || -> String { panic!("a secret reason") }),
    ]);
    let mut mendable = vec![
        (call("tells", json!({})), "try 7 instead"),
        (call("age", json!({})), "age"),
        (call("age", json!({ "age": "x" })), ""),
    ];
    if cfg!(feature = "validation") {
        mendable.push((call("age", json!({ "age": 151 })), "150"));
    }
    for (message, said) in mendable {
        let told = result(&server, &message).await;
        assert_eq!(told["isError"], true, "{message}");
        assert!(text(&told).contains(said) && !text(&told).is_empty(), "{told}");
    }
    for (params, code) in [
        (json!({ "name": "unknown" }), -32602),
        (json!({ "arguments": {} }), -32602),
        (json!({ "name": "age", "arguments": [] }), -32602),
        (json!({ "name": "age", "arguments": "x" }), -32602),
        (json!({ "name": "panics" }), -32603),
    ] {
        let refused = error(&server, &request(1, "tools/call", params.clone())).await;
        assert_eq!(refused["code"], code, "{params}");
        assert!(!refused.to_string().contains("secret"));
    }
}

#[cfg(feature = "validation")]
#[tokio::test]
async fn arguments_are_validated() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let tool = ServedTool::new("t", move |RawArgs(_): RawArgs| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { "ran" }
    })
    .input_schema(schema(json!({
        "type": "object",
        "properties": {
            "n": { "type": "integer", "maximum": 5 },
            "p": { "type": "string", "pattern": "^a+$" },
            "e": { "enum": ["x", "y"] },
            "deep": { "type": "array", "items": { "type": "object", "required": ["in"] } },
        },
        "required": ["n"],
        "additionalProperties": false,
    })));
    let server = server([tool]);
    for (arguments, places) in [
        (json!({}), vec!["(root)"]),
        (json!({ "n": "1" }), vec!["/n"]),
        (json!({ "n": 6 }), vec!["/n"]),
        (json!({ "n": 1, "p": "b" }), vec!["/p"]),
        (json!({ "n": 1, "e": "z" }), vec!["/e"]),
        (json!({ "n": 1, "other": 1 }), vec!["(root)"]),
        (json!({ "n": 1, "deep": [{ "in": 1 }, {}] }), vec!["/deep/1"]),
        (json!({ "n": 6, "p": "b", "e": "z" }), vec!["/n", "/p", "/e"]),
    ] {
        let refused = result(&server, &call("t", arguments.clone())).await;
        assert_eq!(refused["isError"], true, "{arguments}");
        for place in places {
            assert!(text(&refused).contains(place), "{arguments}: {}", text(&refused));
        }
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0, "the handler did not run");
    let fine = json!({ "n": 5, "p": "aa", "e": "x", "deep": [{ "in": 1 }] });
    assert_eq!(text(&result(&server, &call("t", fine)).await), "ran");
}

/// Without the validator it is the handler's own type that refuses.
#[tokio::test]
async fn arguments_that_do_not_fit_their_type_do_not_run_the_handler() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let server = server([ServedTool::new("t", move |Args(_): Args<Fields>| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { "ran" }
    })]);
    for arguments in [json!({}), json!({ "text": 7 }), json!({ "text": "a", "count": 256 })] {
        assert_eq!(result(&server, &call("t", arguments)).await["isError"], true);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    assert_eq!(text(&result(&server, &call("t", json!({ "text": "a" }))).await), "ran");
}

#[tokio::test]
async fn call_can_be_refused_by_principal() {
    let server = server([ServedTool::new("t", async |who: Option<Principal>| match who {
        Some(who) if who.as_str() == "alice" => Ok("yours".to_owned()),
        _ => Err(HandlerError::tell("this is alice's")),
    })]);
    let message = call("t", json!({}));
    let alice = answer_as(&server, "alice", &message).await;
    assert_eq!(text(&alice["result"]), "yours");
    let bob = answer_as(&server, "bob", &message).await;
    assert_eq!(
        (&bob["result"]["isError"], text(&bob["result"])),
        (&json!(true), "this is alice's")
    );
}
