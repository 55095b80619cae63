//! What is asked of servers with tasks.

use serde_json::{Value, json};

use crate::workload::PROTOCOL_VERSION;

/// The extension's identifier.
pub const EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// The tool that never becomes a task, and answers [`DONE`].
pub const PLAIN: &str = "plain";
/// The tool that always becomes a task, and then answers [`DONE`].
pub const NOTHING: &str = "nothing";
/// The tool that becomes a task which never ends.
pub const FOREVER: &str = "forever";
/// The tool that becomes a task whose result is a text of [`LARGE_BYTES`].
pub const LARGE: &str = "large";
/// The tool that becomes a task which waits for an answer of its client.
pub const ASKS: &str = "asks";
/// What the tools answer.
pub const DONE: &str = "done";
/// The size of a large result.
pub const LARGE_BYTES: usize = 64 * 1024;

/// A request of a client that declares tasks, as a line of JSON.
pub fn request(id: u64, method: &str, mut params: Value) -> String {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": PROTOCOL_VERSION,
        "io.modelcontextprotocol/clientInfo": {"name": "bench-driver", "version": "1.0.0"},
        "io.modelcontextprotocol/clientCapabilities":
            {"elicitation": {"form": {}}, "extensions": {EXTENSION: {}}},
    });
    // Members in the order of the specification's examples.
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

/// A call of a tool without arguments.
pub fn call(id: u64, tool: &str) -> String {
    request(id, "tools/call", json!({"name": tool, "arguments": {}}))
}

/// A poll.
pub fn poll(id: u64, task: &str) -> String {
    request(id, "tasks/get", json!({"taskId": task}))
}
