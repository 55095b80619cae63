//! The workload on `mcp-core` and `mcp-http`.

mod server;

use bench_support::{Control, HeapProbe, Result, count_allocations, serve_http, workload::COUNTED};
use hyper_util::service::TowerToHyperService;
use mcp_core::{
    ClientMessage, Shutdown,
    server::{RequestContext, Response, Server, ServerMessage},
    transport::{StdioOptions, serve_stdio},
};
use mcp_http::HttpService;
use tokio::net::TcpListener;

/// Runs the mode named on the command line: `http` (as shipped, with `mcp_http::serve`),
/// `http-bare` (in the accept loop of the other subjects), `stdio` or `allocations`.
///
/// # Errors
///
/// An unknown mode, no control channel, or what the mode failed with.
pub fn run(heap: Option<HeapProbe>) -> Result<()> {
    let runtime = bench_support::runtime()?;
    match (std::env::args().nth(1).as_deref(), heap) {
        (Some("http"), _) => runtime.block_on(http(Control::connect(heap)?)),
        (Some("http-bare"), _) => runtime.block_on(http_bare(Control::connect(heap)?)),
        (Some("stdio"), _) => runtime.block_on(stdio(Control::connect(heap)?)),
        (Some("allocations"), Some(heap)) => allocations(&runtime, heap),
        (Some("allocations"), None) => Err("counted by bench-ours-counted".into()),
        (mode, _) => Err(format!("no mode {mode:?}").into()),
    }
}

async fn http(control: Control) -> Result<()> {
    let service = HttpService::new(server::server()?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    control.ready(Some(listener.local_addr()?))?;
    let (_trigger, shutdown) = Shutdown::new();
    mcp_http::serve(listener, service, shutdown).await?;
    Ok(())
}

async fn http_bare(control: Control) -> Result<()> {
    let service = HttpService::new(server::server()?);
    serve_http(control, TowerToHyperService::new(service)).await
}

async fn stdio(control: Control) -> Result<()> {
    control.ready(None)?;
    let (_trigger, shutdown) = Shutdown::new();
    serve_stdio(server::server()?, StdioOptions::default(), shutdown).await?;
    Ok(())
}

/// Prints the allocations from bytes to bytes of each kind of request, one JSON object.
fn allocations(runtime: &tokio::runtime::Runtime, heap: HeapProbe) -> Result<()> {
    let server = server::server()?;
    let mut counted = serde_json::Map::new();
    for scenario in COUNTED {
        let line = scenario.request(1_000_000);
        let mean = count_allocations(heap, || {
            let response = runtime.block_on(answer(&server, line.as_bytes()))?;
            if response.body.starts_with(br#"{"jsonrpc":"2.0""#) {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&response.body).into_owned().into())
            }
        })?;
        counted.insert(scenario.label().to_owned(), mean.into());
    }
    println!("{}", serde_json::Value::Object(counted));
    Ok(())
}

/// From the bytes of a request to the bytes of its answer.
async fn answer(server: &Server, line: &[u8]) -> Result<Response> {
    let request = match ClientMessage::parse(line.to_vec()) {
        Ok(ClientMessage::Request(request)) => request,
        Ok(ClientMessage::Notification(_)) => return Err("that is no request".into()),
        Err(rejection) => return Ok(rejection.to_response()),
    };
    let mut exchange = server.dispatch(request, RequestContext::new());
    while let Some(message) = exchange.next().await {
        if let ServerMessage::Response(response) = message {
            return Ok(response);
        }
    }
    Err("no answer".into())
}
