//! Spans as OpenTelemetry exports them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mcp_core::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, TransportError,
};
use mcp_core::client::{Client, ClientError};
use mcp_core::otel::opentelemetry::trace::{SpanKind, Status, TracerProvider};
use mcp_core::otel::opentelemetry::{Context, baggage::BaggageExt};
use mcp_core::otel::tracing_opentelemetry::{self, OpenTelemetrySpanExt};
use mcp_core::protocol::CallToolResult;
use mcp_core::server::{
    Args, Cx, HandlerError, RequestContext, ServedPrompt, ServedTool, Server, ServerMessage,
};
use mcp_core::trace_context::TraceContext;
use mcp_core::transport::{MemoryTransport, Network};
use mcp_core::{ApplicationCode, ClientMessage, Error};
use opentelemetry_sdk::propagation::BaggagePropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};
use serde_json::{Value, json};
use tracing::Instrument;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "00f067aa0ba902b7";

/// Where the spans of a test's thread end up.
struct Exported {
    exporter: InMemorySpanExporter,
    _guard: DefaultGuard,
}

impl Exported {
    fn here() -> Self {
        Self::sampled(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
    }

    fn sampled(sampler: Sampler) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .with_sampler(sampler)
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let subscriber = tracing_subscriber::registry().with(layer);
        Self { exporter, _guard: tracing::subscriber::set_default(subscriber) }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().unwrap()
    }

    fn of_kind(&self, kind: &SpanKind) -> SpanData {
        let mut spans = self.spans();
        spans.retain(|span| span.span_kind == *kind);
        assert_eq!(spans.len(), 1, "{spans:#?}");
        spans.remove(0)
    }
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|attribute| attribute.key.as_str() == key);
    let value = found.next().map(|attribute| attribute.value.to_string());
    assert!(found.next().is_none(), "{key} is there twice");
    value
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Secret {
    /// What must not show.
    secret: String,
}

fn server() -> Server {
    Server::builder("observed", "1.0.0")
        .tool(ServedTool::new("keep", async |Args(Secret { secret })| secret))
        .tool(ServedTool::new("tell", async || {
            Err::<String, _>(HandlerError::tell("the shelf is empty"))
        }))
        .tool(ServedTool::new("refuse", async || {
            let code = ApplicationCode::new(4001);
            Err::<String, _>(HandlerError::from(Error::application(code, "sold\nout")))
        }))
        .tool(ServedTool::new("baggage", async |_cx: Cx| {
            Context::current()
                .baggage()
                .get("tenant")
                .map_or("none".to_owned(), ToString::to_string)
        }))
        .prompt(ServedPrompt::new("greet", async || "Say hello.".to_owned()))
        .build()
        .unwrap()
}

fn client() -> Client {
    Client::builder("caller", "1.0.0").connect(MemoryTransport::new(server())).unwrap()
}

/// Sends one request with the given members in `_meta`; answers the response.
async fn ask(server: &Server, method: &str, params: Value, meta: Value) -> Value {
    let mut params = params;
    params["_meta"] = meta;
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let message = json!({ "jsonrpc": "2.0", "id": "a\n1", "method": method, "params": params });
    let Ok(ClientMessage::Request(request)) =
        ClientMessage::parse(message.to_string().into_bytes())
    else {
        panic!("no request: {message}");
    };
    let context = RequestContext::new().with_network(Network::Pipe);
    let mut exchange = server.dispatch(request, context);
    loop {
        if let ServerMessage::Response(response) = exchange.next().await.unwrap() {
            return serde_json::from_slice(&response.body).unwrap();
        }
    }
}

fn traceparent() -> String {
    format!("00-{TRACE}-{CALLER}-01")
}

#[tokio::test]
async fn a_served_request_is_a_child_of_its_caller() {
    let exported = Exported::here();
    let meta = json!({ "traceparent": traceparent(), "tracestate": "vendor=1" });
    let call = json!({ "name": "keep", "arguments": { "secret": "s3cr3t" } });
    let answer = ask(&server(), "tools/call", call, meta).await;
    assert_eq!(answer["result"]["content"][0]["text"], "s3cr3t");

    let span = exported.of_kind(&SpanKind::Server);
    assert_eq!(span.name, "tools/call keep");
    assert_eq!(span.span_context.trace_id().to_string(), TRACE);
    assert_eq!(span.parent_span_id.to_string(), CALLER);
    assert!(span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_state().header(), "vendor=1");
    assert_eq!(span.status, Status::Unset);
    for (key, value) in [
        ("mcp.method.name", "tools/call"),
        ("mcp.protocol.version", "2026-07-28"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "keep"),
        ("jsonrpc.request.id", "a\\n1"),
        ("network.transport", "pipe"),
    ] {
        assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
    }
    for key in ["error.type", "rpc.response.status_code", "trace_id", "parent_span_id"] {
        assert_eq!(attribute(&span, key), None, "{key}");
    }
    assert!(!format!("{span:?}").contains("s3cr3t"), "{span:#?}");
}

#[tokio::test]
async fn a_malformed_trace_context_is_ignored() {
    for traceparent in
        ["", "00-zz", &traceparent().to_uppercase(), &format!("00-{}-{CALLER}-01", "0".repeat(32))]
    {
        let exported = Exported::here();
        let meta = json!({ "traceparent": traceparent });
        let answer = ask(&server(), "server/discover", json!({}), meta).await;
        assert!(answer["result"].is_object(), "{answer}");
        let span = exported.of_kind(&SpanKind::Server);
        assert_eq!(span.name, "server/discover");
        assert_ne!(span.span_context.trace_id().to_string(), TRACE);
        assert_eq!(span.parent_span_id.to_string(), "0".repeat(16));
    }
}

#[tokio::test]
async fn a_caller_that_does_not_record_is_followed() {
    let exported = Exported::here();
    let meta = json!({ "traceparent": format!("00-{TRACE}-{CALLER}-00") });
    ask(&server(), "server/discover", json!({}), meta).await;
    assert!(exported.spans().is_empty());
}

#[tokio::test]
async fn the_span_around_is_linked_or_else_the_parent() {
    let exported = Exported::here();
    let around = tracing::info_span!("http request");
    async {
        let meta = json!({ "traceparent": traceparent() });
        ask(&server(), "server/discover", json!({}), meta).await;
        ask(&server(), "tools/list", json!({}), json!({})).await;
    }
    .instrument(around.clone())
    .await;
    drop(around);

    let spans = exported.spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let around = &named("http request").span_context;
    let told = named("server/discover");
    assert_eq!(told.parent_span_id.to_string(), CALLER);
    assert_eq!(told.links.len(), 1);
    assert_eq!(&told.links[0].span_context.span_id(), &around.span_id());
    let untold = named("tools/list");
    assert_eq!(untold.parent_span_id, around.span_id());
    assert!(untold.links.is_empty());
}

#[tokio::test]
async fn failures_are_named() {
    let cases = [
        ("tools/call", json!({ "name": "tell" }), "tools/call tell", "tool_error"),
        ("tools/call", json!({ "name": "refuse" }), "tools/call refuse", "4001"),
        ("tools/call", json!({ "name": "nobody-knows" }), "tools/call", "-32602"),
        ("nobody/knows", json!({}), "_OTHER", "-32601"),
        ("tools/list", json!({ "cursor": "x" }), "tools/list", "-32602"),
    ];
    for (method, params, name, error) in cases {
        let exported = Exported::here();
        ask(&server(), method, params, json!({})).await;
        let span = exported.of_kind(&SpanKind::Server);
        assert_eq!(span.name, name);
        assert_eq!(attribute(&span, "error.type").as_deref(), Some(error), "{span:#?}");
        let code = (error != "tool_error").then(|| error.to_owned());
        assert_eq!(attribute(&span, "rpc.response.status_code"), code);
        // Messages may repeat what was sent.
        assert_eq!(span.status, Status::error(""));
        assert!(!format!("{:?}", span.events).contains("sold"), "{span:#?}");
    }
}

#[tokio::test]
async fn a_refused_request_has_a_span_too() {
    let exported = Exported::here();
    let server = server();
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": {
        "io.modelcontextprotocol/protocolVersion": "1999-01-01",
        "io.modelcontextprotocol/clientCapabilities": {},
        "traceparent": traceparent(),
    } } });
    let Ok(ClientMessage::Request(request)) =
        ClientMessage::parse(message.to_string().into_bytes())
    else {
        panic!("no request");
    };
    drop(server.dispatch(request, RequestContext::new()));
    let span = exported.of_kind(&SpanKind::Server);
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("-32022"));
    assert_eq!(span.parent_span_id.to_string(), CALLER);
}

#[tokio::test]
async fn names_of_the_other_side_are_cut() {
    let exported = Exported::here();
    let name = "x\u{1b}".repeat(100_000);
    ask(&server(), "tools/call", json!({ "name": name }), json!({})).await;
    let span = exported.of_kind(&SpanKind::Server);
    assert_eq!(span.name, "tools/call");
    let shown = attribute(&span, "gen_ai.tool.name").unwrap();
    assert!(shown.len() < 1000 && !shown.contains('\u{1b}'), "{shown}");
}

#[tokio::test]
async fn a_client_and_a_server_make_one_trace() {
    let exported = Exported::here();
    let client = client();
    let around = tracing::info_span!("agent");
    client.get_prompt("greet", &json!({})).instrument(around.clone()).await.unwrap();
    drop(around);

    let spans = exported.spans();
    let agent = spans.iter().find(|span| span.name == "agent").unwrap();
    let (sent, served) = (exported.of_kind(&SpanKind::Client), exported.of_kind(&SpanKind::Server));
    assert_eq!(sent.name, "prompts/get greet");
    assert_eq!(attribute(&sent, "gen_ai.prompt.name").as_deref(), Some("greet"));
    assert_eq!(attribute(&sent, "jsonrpc.request.id"), attribute(&served, "jsonrpc.request.id"));
    assert_eq!(sent.parent_span_id, agent.span_context.span_id());
    assert_eq!(served.parent_span_id, sent.span_context.span_id());
    assert_eq!(served.span_context.trace_id(), agent.span_context.trace_id());
    assert!(served.links.is_empty());
}

/// Keeps what is sent and answers nothing.
#[derive(Default, Clone)]
struct Recorder(Arc<Mutex<Vec<Value>>>);

impl Recorder {
    fn meta(&self) -> Value {
        let sent = self.0.lock().unwrap();
        assert_eq!(sent.len(), 1);
        sent[0]["params"]["_meta"].clone()
    }
}

#[async_trait]
impl ClientTransport for Recorder {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        self.0.lock().unwrap().push(serde_json::from_slice(&request.body).unwrap());
        Err(TransportError::Closed)
    }

    async fn notify(&self, _: OutgoingNotification) -> Result<(), TransportError> {
        Err(TransportError::Closed)
    }
}

/// What one request of a client carries, with a parent given for it or not.
async fn sent_meta(parent: Option<&TraceContext>) -> Value {
    let recorder = Recorder::default();
    let client = Client::builder("caller", "1.0.0").connect(recorder.clone()).unwrap();
    let mut call = client.call("anything");
    if let Some(parent) = parent {
        call = call.trace(parent.clone());
    }
    let error = call.send().await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::Closed)), "{error}");
    recorder.meta()
}

#[tokio::test]
async fn a_client_sends_the_current_trace() {
    let exported = Exported::here();
    let around = tracing::info_span!("agent");
    let meta = sent_meta(None).instrument(around.clone()).await;
    drop(around);

    let sent = exported.of_kind(&SpanKind::Client);
    let (trace, span) = (sent.span_context.trace_id(), sent.span_context.span_id());
    assert_eq!(meta["traceparent"], format!("00-{trace}-{span}-01"));
    assert_eq!(meta.get("baggage"), None);
    assert_eq!(attribute(&sent, "error.type").as_deref(), Some("transport_error"));
}

#[tokio::test]
async fn a_trace_that_is_not_recorded_says_so() {
    let exported = Exported::sampled(Sampler::AlwaysOff);
    let meta = sent_meta(None).await;
    assert!(meta["traceparent"].as_str().unwrap().ends_with("-00"), "{meta}");
    assert!(exported.spans().is_empty());
}

#[tokio::test]
async fn a_given_parent_comes_first() {
    let exported = Exported::here();
    let parent = TraceContext::parse(&traceparent(), Some("vendor=1"), Some("k=v")).unwrap();
    let around = tracing::info_span!("agent");
    let meta = sent_meta(Some(&parent)).instrument(around.clone()).await;
    drop(around);

    let sent = exported.of_kind(&SpanKind::Client);
    assert_eq!(sent.parent_span_id.to_string(), CALLER);
    assert_eq!(meta["traceparent"], format!("00-{TRACE}-{}-01", sent.span_context.span_id()));
    assert_eq!(meta["tracestate"], "vendor=1");
    assert_eq!(meta["baggage"], "k=v");
}

#[tokio::test]
async fn without_a_layer_all_is_as_without_the_feature() {
    assert_eq!(sent_meta(None).await.get("traceparent"), None);
    let parent = TraceContext::parse(&traceparent(), None, None).unwrap();
    let meta = sent_meta(Some(&parent)).await;
    let child = meta["traceparent"].as_str().unwrap();
    assert!(child.contains(TRACE) && !child.contains(CALLER), "{child}");
}

#[tokio::test]
async fn the_client_sees_what_failed() {
    let exported = Exported::here();
    let client = client();
    let told: CallToolResult = client.call("tell").send().await.unwrap();
    assert_eq!(told.is_error, Some(true));
    let refused = client.call("refuse").send().await.unwrap_err();
    assert!(matches!(refused, ClientError::Rpc(_)), "{refused}");

    let spans = exported.spans();
    let failed = |name: &str| {
        let span = spans
            .iter()
            .find(|span| span.span_kind == SpanKind::Client && span.name == name)
            .unwrap();
        assert_eq!(span.status, Status::error(""));
        attribute(span, "error.type").unwrap()
    };
    assert_eq!(failed("tools/call tell"), "tool_error");
    assert_eq!(failed("tools/call refuse"), "4001");
}

#[tokio::test]
async fn baggage_travels_if_the_application_says_so() {
    use mcp_core::otel::opentelemetry::{KeyValue, global};

    global::set_text_map_propagator(BaggagePropagator::new());
    let _exported = Exported::here();
    let around = tracing::info_span!("agent");
    let context = Context::new().with_baggage([KeyValue::new("tenant", "blue")]);
    around.set_parent(context).unwrap();
    let client = client();
    let call = client.call("baggage").send().instrument(around);
    assert_eq!(call.await.unwrap().all_text(), "blue");
}
