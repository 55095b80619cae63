//! OpenTelemetry: this process's spans as part of its callers' and servers' traces. Feature `otel`.
//!
//! The core makes a `tracing` span for each request that it serves or sends, named and described by
//! the semantic conventions of OpenTelemetry for MCP. Exporting them is the application's choice:
//! it installs the layer of [`tracing_opentelemetry`] with the exporter it likes. With this feature,
//!
//! - the span of a served request is a child of the caller's span, as its `_meta` tells it; a span
//!   that is current where the request is dispatched (that of an HTTP layer, say) is linked;
//! - requests of a [`Client`](crate::client::Client) carry their own span's `traceparent` and
//!   `tracestate`, so that the server's spans become their children. A
//!   [`trace`](crate::client::Request::trace) that is given for a request is its span's parent;
//! - `baggage` travels if the application's propagator carries it: set one that includes
//!   `BaggagePropagator` with [`opentelemetry::global::set_text_map_propagator`]. It is not on by
//!   itself because it is the caller's text, and every server that is called gets it.
//!
//! Spans hold names, ids, codes and the revision of the protocol. They hold no arguments and no
//! results, and no resource URIs, which hold arguments where they come from templates; a middleware
//! that wants those has [`OpenTelemetrySpanExt::set_attribute`].
//!
//! Use the two crates as they are exported here: a layer of another version finds nothing.
//!
//! ```
//! use mcp_core::otel::{opentelemetry::trace::TracerProvider, tracing_opentelemetry};
//! use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! // In production: an exporter for OTLP, and `with_batch_exporter`.
//! let exporter = InMemorySpanExporter::default();
//! let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
//! let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("my-server"));
//! let subscriber = tracing_subscriber::registry().with(layer);
//! // In an application: `tracing::subscriber::set_global_default(subscriber)?`
//! let _guard = tracing::subscriber::set_default(subscriber);
//! ```
//!
//! Source: OpenTelemetry, *Semantic conventions for Model Context Protocol*; specification, *Base
//! protocol → OpenTelemetry trace context*.

pub use {opentelemetry, tracing_opentelemetry};

use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState as OtelState,
};
use opentelemetry::{Context, global};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::protocol::meta_keys;
use crate::trace_context::TraceContext;

/// The current context with `caller`'s span as its remote span, for spans that an application
/// makes itself. Baggage is read if the global propagator reads it.
///
/// ```
/// use mcp_core::otel::{context_of, opentelemetry::trace::TraceContextExt};
/// use mcp_core::trace_context::TraceContext;
///
/// let parent = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
/// let context = context_of(&TraceContext::parse(parent, None, None)?);
/// assert!(context.span().span_context().is_remote());
/// # Ok::<(), mcp_core::trace_context::TraceContextError>(())
/// ```
#[must_use]
pub fn context_of(caller: &TraceContext) -> Context {
    let context = Context::current();
    let context = match caller.baggage() {
        None => context,
        Some(baggage) => global::get_text_map_propagator(|propagator| {
            propagator.extract_with_context(&context, &Baggage(Some(baggage.to_owned())))
        }),
    };
    context.with_remote_span_context(SpanContext::new(
        TraceId::from_bytes(caller.trace_id_bytes()),
        SpanId::from_bytes(caller.parent_id_bytes()),
        TraceFlags::new(caller.flags()) & TraceFlags::SAMPLED,
        true,
        // What is malformed is no reason to lose the trace.
        caller.state().and_then(|state| state.parse().ok()).unwrap_or(OtelState::NONE),
    ))
}

/// The trace context that tells others of `context`'s span; `None` if it has none. Baggage is
/// included if the global propagator writes it.
///
/// ```
/// use mcp_core::otel::{context_of, trace_context_of};
/// use mcp_core::trace_context::TraceContext;
///
/// let parent = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
/// let caller = TraceContext::parse(parent, Some("vendor=1"), None)?;
/// assert_eq!(trace_context_of(&context_of(&caller)), Some(caller));
/// # Ok::<(), mcp_core::trace_context::TraceContextError>(())
/// ```
#[must_use]
pub fn trace_context_of(context: &Context) -> Option<TraceContext> {
    let span = context.span();
    let span = span.span_context();
    if !span.is_valid() {
        return None;
    }
    let mut baggage = Baggage(None);
    global::get_text_map_propagator(|propagator| propagator.inject_context(context, &mut baggage));
    Some(TraceContext::from_parts(
        span.trace_id().to_bytes(),
        span.span_id().to_bytes(),
        span.trace_flags().to_u8(),
        Some(&span.trace_state().header()),
        baggage.0.as_deref(),
    ))
}

/// Makes `span`, which was not entered yet, a child of `caller`'s. Says whether there is a layer that
/// knows what to do with it.
pub(crate) fn set_caller(span: &Span, caller: &TraceContext) -> bool {
    if span.set_parent(context_of(caller)).is_err() {
        return false;
    }
    let around = ambient().span().span_context().clone();
    // In memory, the caller's span is the one around.
    if around.span_id().to_bytes() != caller.parent_id_bytes() {
        span.add_link(around);
    }
    true
}

/// The context in which a span is made.
pub(crate) fn ambient() -> Context {
    let context = Span::current().context();
    if context.has_active_span() { context } else { Context::current() }
}

/// What a client's request tells its server: its own span, which becomes a child of `parent` where
/// one is given. If nobody records that span, then the one around it.
pub(crate) fn of_client_span(span: &Span, parent: Option<&TraceContext>) -> Option<TraceContext> {
    if let Some(parent) = parent {
        let is_recorded = span.set_parent(context_of(parent)).is_ok();
        if !is_recorded {
            return None;
        }
    }
    let context = span.context();
    let context = if context.has_active_span() { context } else { ambient() };
    let own = trace_context_of(&context)?;
    Some(match parent.and_then(TraceContext::baggage) {
        // Given for this request, so meant to go out with it.
        Some(baggage) if own.baggage().is_none() => own.with_baggage(baggage),
        _ => own,
    })
}

/// The one member of `_meta` that goes by the application's propagator. `traceparent` and
/// `tracestate` do not: their form is fixed by the protocol.
struct Baggage(Option<String>);

impl Extractor for Baggage {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == meta_keys::BAGGAGE)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|_| meta_keys::BAGGAGE).collect()
    }
}

impl Injector for Baggage {
    fn set(&mut self, key: &str, value: String) {
        if key == meta_keys::BAGGAGE {
            self.0 = Some(value);
        }
    }
}
