//! `_meta` of requests: what must be there, for each request anew, and what is made of the rest.

use mcp_core::server::{Cx, ServedTool, Server};
use serde_json::{Value, json};

use crate::common::pipe::Peer;
use crate::common::{declaring, error, request, result, text};
use crate::support::{echo, everything, server};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

#[tokio::test]
async fn missing_meta_is_invalid_params() {
    let mut peer = Peer::new(server());
    for good in [echo(1, "x"), request(1, "server/discover", json!({}))] {
        let without = |key: &str| {
            let mut message = good.clone();
            message["params"]["_meta"].as_object_mut().unwrap().remove(key);
            message
        };
        let mut no_params = good.clone();
        no_params.as_object_mut().unwrap().remove("params");
        let mut no_meta = good.clone();
        no_meta["params"].as_object_mut().unwrap().remove("_meta");
        for (message, named) in [
            (no_params, "_meta"),
            (no_meta, "_meta"),
            (without(VERSION), "protocolVersion"),
            (without(CAPABILITIES), "clientCapabilities"),
        ] {
            let refused = peer.ask(&message).await.remove(0);
            assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(1), &json!(-32602)));
            let said = refused["error"]["message"].as_str().unwrap();
            assert!(said.contains(named), "{named}: {said}");
        }
        assert!(peer.ask(&good).await[0]["result"].is_object());
    }
}

#[tokio::test]
async fn second_request_needs_its_own_meta() {
    let mut peer = Peer::new(server());
    let full = declaring(everything(), "tools/list", json!({}));
    assert!(peer.ask(&full).await[0]["result"].is_object());
    for key in [None, Some(VERSION), Some(CAPABILITIES)] {
        let mut second = full.clone();
        let params = second["params"].as_object_mut().unwrap();
        match key {
            None => params.remove("_meta"),
            Some(key) => params["_meta"].as_object_mut().unwrap().remove(key),
        };
        assert_eq!(peer.ask(&second).await[0]["error"]["code"], -32602, "{key:?}");
    }
}

#[tokio::test]
async fn capabilities_are_not_remembered() {
    let mut peer = Peer::new(server());
    for tool in ["form", "url", "sample", "roots"] {
        let able = declaring(everything(), "tools/call", json!({ "name": tool }));
        assert_eq!(peer.ask(&able).await[0]["result"]["resultType"], "input_required");
        let unable = declaring(json!({}), "tools/call", json!({ "name": tool }));
        assert_eq!(peer.ask(&unable).await[0]["error"]["code"], -32021, "{tool}");
    }
}

#[tokio::test]
async fn undeclared_capabilities_are_not_used() {
    let server = server();
    for (tool, others, required) in [
        ("form", json!({ "sampling": {}, "roots": {} }), json!({ "elicitation": { "form": {} } })),
        ("form", json!({ "elicitation": { "url": {} } }), json!({ "elicitation": { "form": {} } })),
        ("url", json!({ "elicitation": { "form": {} } }), json!({ "elicitation": { "url": {} } })),
        ("sample", json!({ "elicitation": {}, "roots": {} }), json!({ "sampling": {} })),
        ("sample_tools", json!({ "sampling": {} }), json!({ "sampling": { "tools": {} } })),
        ("roots", json!({ "elicitation": {}, "sampling": {} }), json!({ "roots": {} })),
    ] {
        let call = |declared| declaring(declared, "tools/call", json!({ "name": tool }));
        for declared in [json!({}), others] {
            let refused = error(&server, &call(declared.clone())).await;
            assert_eq!(refused["code"], -32021, "{tool} {declared}");
            assert_eq!(refused["data"]["requiredCapabilities"], required, "{tool} {declared}");
        }
        let asked = result(&server, &call(everything())).await;
        assert_eq!(asked["inputRequests"].as_object().unwrap().len(), 1, "{tool}");
    }
}

#[tokio::test]
async fn foreign_malformed_ids_do_no_harm() {
    let server = server();
    for id in ["nonsense", "", "/", "a/b/c", "com.example/unknown", "\u{202e}"] {
        let declared = json!({ "extensions": { id: { "x": 1 } } });
        let message = declaring(declared, "tools/call", echo(1, "x")["params"].clone());
        assert_eq!(text(&result(&server, &message).await), "x", "{id}");
    }
}

#[tokio::test]
async fn bad_trace_context_is_ignored() {
    let traced = async |cx: Cx| cx.trace_context().map_or("none".into(), |it| it.trace_id());
    let server = Server::builder("app", "1").tool(ServedTool::new("traced", traced)).build();
    let server = server.unwrap();
    let id = "0af7651916cd43dd8448eb211c80319c";
    let call = async |parent: Value| {
        let mut message = crate::common::call("traced", json!({}));
        message["params"]["_meta"]["traceparent"] = parent;
        message["params"]["_meta"]["tracestate"] = json!("a=1");
        let result = result(&server, &message).await;
        assert!(result["_meta"].get("traceparent").is_none(), "{result}");
        text(&result).to_owned()
    };
    assert_eq!(call(json!(format!("00-{id}-00f067aa0ba902b7-01"))).await, id);
    for bad in [
        json!(""),
        json!(format!("00-{id}-00f067aa0ba902b7")),
        json!(format!("ff-{id}-00f067aa0ba902b7-01")),
        json!(format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))),
        json!(format!("00-{id}-{}-01", "0".repeat(16))),
        json!("x".repeat(100_000)),
        json!(7),
        json!(null),
        json!({ "traceparent": id }),
    ] {
        assert_eq!(call(bad.clone()).await, "none", "{bad:.60}");
    }
}
