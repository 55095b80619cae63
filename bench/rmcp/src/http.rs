//! rmcp over HTTP.

use std::{convert::Infallible, sync::Arc};

use bench_support::{
    Control, HeapProbe, Result, count_allocations, serve_http,
    workload::{self, PROTOCOL_VERSION, Scenario},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, service::service_fn};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::server::Server;

type Service = StreamableHttpService<Server, LocalSessionManager>;

fn service(config: StreamableHttpServerConfig) -> Result<Service> {
    let server = Server::new()?;
    Ok(StreamableHttpService::new(move || Ok(server.clone()), Default::default(), config))
}

fn json_service() -> Result<Service> {
    service(
        StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true),
    )
}

/// The least rmcp can cost: no sessions, JSON answers, its handler called by hyper directly.
pub(crate) async fn serve_json(control: Control) -> Result<()> {
    serve_on_hyper(control, json_service()?).await
}

/// The default configuration, in which answers are streams of events, called the same way.
pub(crate) async fn serve_sse(control: Control) -> Result<()> {
    serve_on_hyper(control, service(StreamableHttpServerConfig::default())?).await
}

/// As its README has it: the default configuration, mounted on axum.
pub(crate) async fn serve_on_axum(control: Control) -> Result<()> {
    let service = service(StreamableHttpServerConfig::default())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    control.ready(Some(listener.local_addr()?))?;
    axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await?;
    Ok(())
}

async fn serve_on_hyper(control: Control, service: Service) -> Result<()> {
    let service = Arc::new(service);
    let hyper_service = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.handle(request).await) }
    });
    serve_http(control, hyper_service).await
}

/// Prints the allocations from bytes to bytes of each kind of request, one JSON object. rmcp has
/// no entry that takes bytes: this counts its HTTP handler with the body in memory, and takes off
/// what building the HTTP request alone allocates.
pub(crate) fn allocations(runtime: &Runtime, heap: HeapProbe) -> Result<()> {
    let service = json_service()?;
    let mut counted = serde_json::Map::new();
    for scenario in workload::COUNTED {
        let body = Bytes::from(scenario.request(1_000_000));
        let building = count_allocations(heap, || request(scenario, &body).map(drop))?;
        let whole = count_allocations(heap, || {
            runtime.block_on(async {
                let response = service.handle(request(scenario, &body)?).await;
                let status = response.status();
                let answer = response.into_body().collect().await?.to_bytes();
                if status.is_success() && !answer.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{status}: {}", String::from_utf8_lossy(&answer)).into())
                }
            })
        })?;
        counted.insert(scenario.label().to_owned(), (whole - building).into());
    }
    println!("{}", serde_json::Value::Object(counted));
    Ok(())
}

fn request(scenario: Scenario, body: &Bytes) -> Result<Request<Full<Bytes>>> {
    let mut builder = Request::post("/mcp")
        .header("host", "127.0.0.1")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", PROTOCOL_VERSION)
        .header("mcp-method", scenario.method());
    if let Some(tool) = scenario.tool() {
        builder = builder.header("mcp-name", tool);
    }
    Ok(builder.body(Full::new(body.clone()))?)
}
