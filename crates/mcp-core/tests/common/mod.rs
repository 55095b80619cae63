//! Raw messages in and out of a server, without a transport.
#![allow(dead_code, unreachable_pub)] // Each test program uses a part of it.

pub mod pipe;

use mcp_core::ClientMessage;
use mcp_core::server::{Exchange, RequestContext, Server, ServerMessage};
use mcp_core::{IncomingRequest, Principal};
use serde_json::{Value, json};

/// A request with the metadata that every one needs; `params` may add to `_meta`.
pub fn request(id: impl Into<Value>, method: &str, mut params: Value) -> Value {
    let meta = params["_meta"].take();
    let mut full = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "0" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    if let (Value::Object(full), Value::Object(meta)) = (&mut full, meta) {
        full.extend(meta);
    }
    params["_meta"] = full;
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
}

/// As [`request`], with client capabilities.
pub fn declaring(capabilities: Value, method: &str, mut params: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    request(1, method, params)
}

pub fn incoming(message: &Value) -> IncomingRequest {
    match ClientMessage::parse(message.to_string().into_bytes()) {
        Ok(ClientMessage::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

pub fn exchange(server: &Server, message: &Value) -> Exchange {
    server.dispatch(incoming(message), RequestContext::new())
}

/// All messages up to and including the response.
pub async fn messages(mut exchange: Exchange) -> Vec<Value> {
    let mut seen = Vec::new();
    while let Some(message) = exchange.next().await {
        let bytes = match message {
            ServerMessage::Notification(bytes) => bytes,
            ServerMessage::Response(response) => response.body,
        };
        assert!(!bytes.contains(&b'\n'), "a message is one line");
        seen.push(serde_json::from_slice(&bytes).unwrap());
    }
    seen
}

/// The response, for requests that say nothing before it.
pub async fn answer(server: &Server, message: &Value) -> Value {
    let mut seen = messages(exchange(server, message)).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    let response = seen.remove(0);
    assert_eq!(response["id"], message["id"]);
    response
}

pub async fn answer_as(server: &Server, principal: &str, message: &Value) -> Value {
    let context = RequestContext::new().with_principal(Some(Principal::new(principal)));
    messages(server.dispatch(incoming(message), context)).await.pop().unwrap()
}

pub async fn result(server: &Server, message: &Value) -> Value {
    let response = answer(server, message).await;
    assert!(response["error"].is_null(), "{response}");
    response["result"].clone()
}

pub async fn error(server: &Server, message: &Value) -> Value {
    let response = answer(server, message).await;
    assert!(response["result"].is_null(), "{response}");
    response["error"].clone()
}

pub fn call(name: &str, arguments: Value) -> Value {
    request(1, "tools/call", json!({ "name": name, "arguments": arguments }))
}

/// The first text of a tool's result.
pub fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {result}"))
}
