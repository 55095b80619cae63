//! A `tracing` span for each request and notification.
//!
//! Names and attributes follow the OpenTelemetry conventions for MCP. With feature `otel` the span
//! is a child of the caller's; without it, or without a layer that knows of such things, it names
//! the caller's span in fields.

use serde::Deserialize;
use tracing::Span;
use tracing::field::{Empty, display};

use crate::Error;
use crate::log_text::Shown;
use crate::message::{IncomingNotification, IncomingRequest};
use crate::protocol::methods;
use crate::server::{Inner, Outcome, RequestContext};
use crate::trace_context::TraceContext;

/// What the conventions have for a name that is not one of the known.
const OTHER: &str = "_OTHER";

macro_rules! server_span {
    ($name:literal) => {
        tracing::info_span!(
            $name,
            otel.name = Empty,
            otel.kind = "server",
            otel.status_code = Empty,
            mcp.method.name = Empty,
            mcp.protocol.version = Empty,
            jsonrpc.request.id = Empty,
            rpc.response.status_code = Empty,
            error.type = Empty,
            gen_ai.operation.name = Empty,
            gen_ai.tool.name = Empty,
            gen_ai.prompt.name = Empty,
            network.transport = Empty,
            trace_id = Empty,
            parent_span_id = Empty,
        )
    };
}

pub(crate) fn of_request(
    server: &Inner,
    request: &IncomingRequest,
    context: &RequestContext,
) -> Span {
    let span = server_span!("mcp.request");
    if span.is_disabled() {
        return span;
    }
    let method = request.method();
    span.record("mcp.method.name", display(Shown(method)));
    span.record("mcp.protocol.version", display(Shown(request.protocol_version())));
    span.record("jsonrpc.request.id", display(Shown(request.id())));
    record_transport(&span, context);
    record_target(&span, server, request);
    if let Some(caller) = request.trace_context() {
        #[cfg(feature = "otel")]
        if crate::otel::set_caller(&span, caller) {
            return span;
        }
        record_caller(&span, caller);
    }
    span
}

pub(crate) fn of_notification(
    server: &Inner,
    notification: &IncomingNotification,
    context: &RequestContext,
) -> Span {
    let span = server_span!("mcp.notification");
    if span.is_disabled() {
        return span;
    }
    let method = notification.method();
    let is_known = methods::ALL.contains(&method) || server.notifications.contains_key(method);
    span.record("mcp.method.name", display(Shown(method)));
    span.record("otel.name", if is_known { method } else { OTHER });
    record_transport(&span, context);
    if let Some(caller) = caller_of(notification) {
        #[cfg(feature = "otel")]
        if crate::otel::set_caller(&span, &caller) {
            return span;
        }
        record_caller(&span, &caller);
    }
    span
}

/// The span's name and what it is about. Only names that this server knows become part of the
/// span's name: those of the other side could be as many as it likes.
fn record_target(span: &Span, server: &Inner, request: &IncomingRequest) {
    let method = request.method();
    let name = || request.name().ok();
    let (field, name, is_known) = match method {
        methods::TOOLS_CALL => {
            span.record("gen_ai.operation.name", "execute_tool");
            let name = name();
            let is_known = name.as_deref().is_some_and(|name| server.tools.get(name).is_some());
            ("gen_ai.tool.name", name, is_known)
        }
        methods::PROMPTS_GET => {
            let name = name();
            let is_known = name.as_deref().is_some_and(|name| server.prompts.get(name).is_some());
            ("gen_ai.prompt.name", name, is_known)
        }
        method => {
            let is_known = methods::ALL.contains(&method) || server.methods.contains_key(method);
            span.record("otel.name", if is_known { method } else { OTHER });
            return;
        }
    };
    if let Some(name) = &name {
        span.record(field, display(Shown(name)));
    }
    match name {
        Some(name) if is_known => {
            span.record("otel.name", display(format_args!("{method} {name}")))
        }
        _ => span.record("otel.name", method),
    };
}

fn record_transport(span: &Span, context: &RequestContext) {
    if let Some(network) = context.network() {
        span.record("network.transport", network.as_str());
    }
}

fn record_caller(span: &Span, caller: &TraceContext) {
    span.record("trace_id", caller.trace_id());
    span.record("parent_span_id", caller.parent_id());
}

/// A notification's trace context, where it has a valid one.
fn caller_of(notification: &IncomingNotification) -> Option<TraceContext> {
    #[derive(Deserialize)]
    struct Params {
        #[serde(rename = "_meta")]
        meta: Meta,
    }
    #[derive(Deserialize)]
    struct Meta {
        traceparent: String,
        #[serde(default)]
        tracestate: Option<String>,
        #[serde(default)]
        baggage: Option<String>,
    }
    let Meta { traceparent, tracestate, baggage } =
        notification.parse_params::<Params>().ok()?.meta;
    TraceContext::parse(&traceparent, tracestate.as_deref(), baggage.as_deref()).ok()
}

/// The request ended with an error. Its message stays out: it may repeat what the client sent.
pub(crate) fn failed(span: &Span, error: &Error) {
    if span.is_disabled() {
        return;
    }
    let code = error.code();
    span.record("error.type", display(code));
    span.record("rpc.response.status_code", display(code));
    span.record("otel.status_code", "ERROR");
}

/// The request ended with a result, which may be a tool's failure.
pub(crate) fn answered(span: &Span, outcome: &Outcome) {
    if outcome.is_error() {
        span.record("error.type", "tool_error");
        span.record("otel.status_code", "ERROR");
    }
}
