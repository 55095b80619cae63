//! A `tracing` span for each message that a client sends.
//!
//! Names and attributes follow the OpenTelemetry conventions for MCP.

use tracing::Span;
use tracing::field::{Empty, display};

use crate::client::ClientError;
use crate::client::transport::TransportError;
use crate::log_text::Shown;
use crate::protocol::methods;
use crate::transport::Network;

/// What a span tells of a message.
pub(crate) struct Sent<'a> {
    pub(crate) method: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) id: Option<i64>,
    pub(crate) version: &'a str,
    pub(crate) network: Option<Network>,
}

impl Sent<'_> {
    pub(crate) fn span(&self) -> Span {
        let span = tracing::info_span!(
            "mcp.client.request",
            otel.name = Empty,
            otel.kind = "client",
            otel.status_code = Empty,
            mcp.method.name = self.method,
            mcp.protocol.version = self.version,
            jsonrpc.request.id = Empty,
            rpc.response.status_code = Empty,
            error.type = Empty,
            gen_ai.operation.name = Empty,
            gen_ai.tool.name = Empty,
            gen_ai.prompt.name = Empty,
            network.transport = Empty,
            trace_id = Empty,
        );
        if span.is_disabled() {
            return span;
        }
        if let Some(id) = self.id {
            span.record("jsonrpc.request.id", display(id));
        }
        if let Some(network) = self.network {
            span.record("network.transport", network.as_str());
        }
        let field = match self.method {
            methods::TOOLS_CALL => {
                span.record("gen_ai.operation.name", "execute_tool");
                Some("gen_ai.tool.name")
            }
            methods::PROMPTS_GET => Some("gen_ai.prompt.name"),
            // URIs are too many for a span's name, and may hold what is nobody's business.
            _ => None,
        };
        match field.zip(self.name) {
            Some((field, name)) => {
                let name = Shown(name);
                span.record(field, display(&name));
                span.record("otel.name", display(format_args!("{} {name}", self.method)));
            }
            None => {
                span.record("otel.name", self.method);
            }
        }
        span
    }
}

/// The message came to nothing. What the server says of it stays out: it may hold anything.
pub(crate) fn failed(span: &Span, error: &ClientError) {
    if span.is_disabled() {
        return;
    }
    match error {
        ClientError::Rpc(error) => {
            span.record("error.type", display(error.code));
            span.record("rpc.response.status_code", display(error.code));
        }
        ClientError::Timeout { .. } | ClientError::Transport(TransportError::Timeout) => {
            span.record("error.type", "timeout");
        }
        ClientError::Transport(TransportError::Http { status }) => {
            span.record("error.type", display(status));
        }
        ClientError::Transport(_) => {
            span.record("error.type", "transport_error");
        }
        ClientError::UnexpectedResult { .. } => {
            span.record("error.type", "unexpected_result");
        }
        _ => {
            span.record("error.type", "_OTHER");
        }
    }
    span.record("otel.status_code", "ERROR");
}

/// A result came, which may be a tool's failure.
pub(crate) fn answered(span: &Span, method: &str, result: &str) {
    #[derive(serde::Deserialize)]
    struct Called {
        #[serde(rename = "isError", default)]
        is_error: bool,
    }
    if span.is_disabled() || method != methods::TOOLS_CALL {
        return;
    }
    if serde_json::from_str::<Called>(result).is_ok_and(|called| called.is_error) {
        span.record("error.type", "tool_error");
        span.record("otel.status_code", "ERROR");
    }
}
