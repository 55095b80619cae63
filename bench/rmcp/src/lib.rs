//! The workload on rmcp, the official Rust SDK, set up as kindly as its API allows: the tool
//! router is built once and shared by all requests.

mod http;
mod server;

use bench_support::{Control, HeapProbe, Result};
use rmcp::{ServiceExt, transport::stdio};

/// Runs the mode named on the command line: `http-json` (stateless, JSON answers), `http-sse`
/// (default configuration), `http-axum` (the same on axum, as its README has it), `stdio` or
/// `allocations`.
///
/// # Errors
///
/// An unknown mode, no control channel, or what the mode failed with.
pub fn run(heap: Option<HeapProbe>) -> Result<()> {
    let runtime = bench_support::runtime()?;
    let control = || Control::connect(heap);
    match (std::env::args().nth(1).as_deref(), heap) {
        (Some("http-json"), _) => runtime.block_on(http::serve_json(control()?)),
        (Some("http-sse"), _) => runtime.block_on(http::serve_sse(control()?)),
        (Some("http-axum"), _) => runtime.block_on(http::serve_on_axum(control()?)),
        (Some("stdio"), _) => runtime.block_on(serve_stdio(control()?)),
        (Some("allocations"), Some(heap)) => http::allocations(&runtime, heap),
        (Some("allocations"), None) => Err("counted by bench-rmcp-counted".into()),
        (mode, _) => Err(format!("no mode {mode:?}").into()),
    }
}

async fn serve_stdio(control: Control) -> Result<()> {
    control.ready(None)?;
    server::Server::new()?.serve(stdio()).await?.waiting().await?;
    Ok(())
}
