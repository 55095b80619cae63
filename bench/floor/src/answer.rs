//! Answers, written straight into the buffer that is sent.

use std::io::Write;

use bench_support::workload;
use serde_json::{json, value::RawValue};
use tokio::sync::watch;

use crate::request::{Request, RpcError, TextArguments};

/// How every result ends: who answers, and the braces of `_meta`, the result and the message.
const RESULT_END: &str =
    r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"bench","version":"1.0.0"}}}}"#;

/// Everything that is rendered once, and the signal of changed lists.
pub(crate) struct Server {
    tools_list: String,
    discover: String,
    pub(crate) changes: watch::Sender<u64>,
}

/// What a request came to.
pub(crate) enum Answer {
    /// One message, in the buffer.
    Message,
    /// Notifications and the answer, in the buffer, each a line.
    Messages,
    /// A stream that stays open; its first message is in the buffer.
    Listen,
}

impl Server {
    pub(crate) fn new() -> Self {
        let tools = workload::tools_json();
        let (ttl_ms, cache_scope) = (workload::TTL_MS, workload::CACHE_SCOPE);
        let tools_list = format!(
            r#""resultType":"complete","tools":{tools},"ttlMs":{ttl_ms},"cacheScope":"{cache_scope}","#
        );
        let versions = json!([workload::PROTOCOL_VERSION]);
        let instructions = json!(workload::INSTRUCTIONS);
        let discover = format!(
            r#""resultType":"complete","supportedVersions":{versions},"capabilities":{{"tools":{{"listChanged":true}}}},"instructions":{instructions},"ttlMs":{ttl_ms},"cacheScope":"{cache_scope}","#
        );
        Self { tools_list, discover, changes: watch::Sender::new(0) }
    }

    /// From the bytes of a message to the bytes of its answer.
    pub(crate) fn answer_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.answer_into(bytes, &mut out);
        out
    }

    /// Appends the answer, or the error, to `out`.
    pub(crate) fn answer_into(&self, bytes: &[u8], out: &mut Vec<u8>) {
        let parsed = Request::parse(bytes);
        let outcome = parsed.as_ref().map_err(|error| *error).and_then(|r| self.answer(r, out));
        if let Err(error) = outcome {
            let id = parsed.as_ref().ok().map(|request| request.id);
            write_error(id, error, out);
        }
    }

    /// Runs the request's method. `out` is unchanged when it fails.
    pub(crate) fn answer(
        &self,
        request: &Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Answer, RpcError> {
        let id = request.id;
        match request.method.as_ref() {
            "tools/call" => self.call(request, out),
            "tools/list" => {
                out.reserve(self.tools_list.len() + RESULT_END.len() + 64);
                result_start(id, out);
                out.extend_from_slice(self.tools_list.as_bytes());
                out.extend_from_slice(RESULT_END.as_bytes());
                Ok(Answer::Message)
            }
            "server/discover" => {
                out.reserve(self.discover.len() + RESULT_END.len() + 64);
                result_start(id, out);
                out.extend_from_slice(self.discover.as_bytes());
                out.extend_from_slice(RESULT_END.as_bytes());
                Ok(Answer::Message)
            }
            "subscriptions/listen" => {
                let wanted = request.params.notifications.ok_or((-32602, "Invalid params"))?;
                let accepted = json!({"toolsListChanged": wanted.tools_list_changed});
                let method = "notifications/subscriptions/acknowledged";
                let members = format!(r#","notifications":{accepted}"#);
                write_notification(method, id.get(), &members, out);
                Ok(Answer::Listen)
            }
            _ => Err((-32601, "Method not found")),
        }
    }

    fn call(&self, request: &Request<'_>, out: &mut Vec<u8>) -> Result<Answer, RpcError> {
        let invalid = (-32602, "Invalid params");
        let arguments = request.params.arguments.map_or("{}", RawValue::get);
        match request.params.name.0.as_ref() {
            workload::ECHO => {
                let arguments: TextArguments<'_> =
                    serde_json::from_str(arguments).map_err(|_| invalid)?;
                write_text(request.id, &arguments.text, out);
                Ok(Answer::Message)
            }
            workload::PROGRESS => {
                let arguments: TextArguments<'_> =
                    serde_json::from_str(arguments).map_err(|_| invalid)?;
                if let Some(token) = request.params.meta.progress_token {
                    out.extend_from_slice(
                        br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"#,
                    );
                    out.extend_from_slice(token.get().as_bytes());
                    out.extend_from_slice(b",\"progress\":1,\"total\":2}}\n");
                }
                write_text(request.id, &arguments.text, out);
                Ok(Answer::Messages)
            }
            workload::TOUCH => {
                self.changes.send_modify(|generation| *generation += 1);
                write_text(request.id, workload::TOUCHED, out);
                Ok(Answer::Message)
            }
            _ => Err((-32602, "Unknown tool")),
        }
    }
}

fn result_start(id: &RawValue, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    out.extend_from_slice(id.get().as_bytes());
    out.extend_from_slice(br#","result":{"#);
}

fn write_text(id: &RawValue, text: &str, out: &mut Vec<u8>) {
    // Some room for escapes; more is rare and only costs a move.
    out.reserve(text.len() + text.len() / 16 + 256);
    result_start(id, out);
    out.extend_from_slice(br#""resultType":"complete","content":[{"type":"text","text":"#);
    // Writing a str as JSON into a Vec cannot fail.
    let _ = serde_json::to_writer(&mut *out, text);
    out.extend_from_slice(br#"}],"isError":false,"#);
    out.extend_from_slice(RESULT_END.as_bytes());
}

/// A notification of the subscription that the request `id` opened.
pub(crate) fn write_notification(method: &str, id: &str, members: &str, out: &mut Vec<u8>) {
    let _ = write!(
        out,
        r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}{members}}}}}"#
    );
}

pub(crate) fn write_error(id: Option<&RawValue>, (code, message): RpcError, out: &mut Vec<u8>) {
    let id = id.map_or("null", RawValue::get);
    let _ = write!(
        out,
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}"}}}}"#
    );
}

#[cfg(test)]
mod tests {
    use bench_support::workload::Scenario;
    use serde_json::Value;

    use super::*;

    fn answer(line: &str) -> Value {
        serde_json::from_slice(&Server::new().answer_bytes(line.as_bytes())).unwrap()
    }

    #[test]
    fn what_is_asked_is_answered() {
        let echoed = answer(&Scenario::EchoEscaped.request(7));
        assert_eq!(echoed["id"], 7);
        assert_eq!(echoed["result"]["content"][0]["text"], Scenario::EchoEscaped.text().unwrap());
        assert_eq!(
            answer(&Scenario::ToolsList.request(7))["result"]["tools"],
            workload::tools_json()
        );
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let good = Scenario::EchoSmall.request(7);
        let code = |from, to| answer(&good.replacen(from, to, 1))["error"]["code"].clone();
        assert_eq!(code("{", "["), -32700);
        assert_eq!(code(r#""id":7"#, r#""id":null"#), -32600);
        assert_eq!(code(r#""2.0""#, r#""1.0""#), -32600);
        assert_eq!(code("2026-07-28", "2020-01-01"), -32022);
        assert_eq!(code("clientCapabilities", "clientCapability"), -32602);
        assert_eq!(code("tools/call", "tools/called"), -32601);
        assert_eq!(code(r#""name":"echo""#, r#""name":"eco""#), -32602);
        assert_eq!(code(r#""text":"#, r#""test":"#), -32602);
        assert_eq!(code("tools/call", "tools/call"), Value::Null);
    }
}
