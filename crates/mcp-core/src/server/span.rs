//! A `tracing` span for each request.
//!
//! Names follow the OpenTelemetry conventions for MCP. With feature `otel` the span becomes a child
//! of the caller's trace.

use crate::message::IncomingRequest;

pub(crate) fn of_request(request: &IncomingRequest) -> tracing::Span {
    let span = tracing::info_span!(
        "mcp.request",
        otel.kind = "server",
        mcp.method.name = request.method(),
        mcp.protocol.version = request.protocol_version(),
        jsonrpc.request.id = tracing::field::Empty,
        trace_id = tracing::field::Empty,
        parent_span_id = tracing::field::Empty,
    );
    if !span.is_disabled() {
        span.record("jsonrpc.request.id", tracing::field::display(request.id()));
        if let Some(trace) = request.trace_context() {
            span.record("trace_id", trace.trace_id());
            span.record("parent_span_id", trace.parent_id());
        }
    }
    span
}
