//! Long-running calls on `mcp-tasks`.

mod calls;
mod parked;
mod rates;
mod server;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use bench_support::{Control, HeapProbe, Result};
use mcp_core::Shutdown;
use mcp_http::HttpService;
use tokio::net::TcpListener;

/// So many tasks run at the same time.
pub(crate) const WORKERS: usize = 64;

/// Runs `MODE STORE FOLDER …` as the command line says. Modes:
///
/// - `http`: serves until the driver goes away.
/// - `calls WHAT COUNT`: plain calls, polls of a live task or of one with a large result, without a
///   network; prints their CPU time.
/// - `rates COUNT`: prints durable creations and completions a second, and synchronisations of the
///   disk.
/// - `parked COUNT`: prints what tasks that wait for their clients take.
///
/// # Errors
///
/// An unknown mode or store, no control channel, or what the mode failed with.
pub fn run(heap: Option<HeapProbe>) -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("no {what} is named"));
    let (mode, name, folder) = (next("mode")?, next("store")?, PathBuf::from(next("folder")?));
    let runtime = bench_support::runtime()?;
    let opened = runtime.block_on(store::open(&name, &folder))?;
    let store = &opened.store;
    match mode.as_str() {
        "http" => runtime.block_on(http(Control::connect(heap)?, store)),
        "calls" => {
            let (what, count) = (next("request")?, next("count")?.parse()?);
            runtime.block_on(calls::measure(store, &what, count))
        }
        "rates" => {
            let count = next("count")?.parse()?;
            runtime.block_on(rates::measure(store, &folder, count))
        }
        "parked" => {
            let count = next("count")?.parse()?;
            runtime.block_on(parked::measure(store, heap, count))
        }
        mode => Err(format!("no mode {mode:?}").into()),
    }
}

async fn http(control: Control, store: &Arc<dyn mcp_tasks::store::TaskStore>) -> Result<()> {
    let service = HttpService::new(server::server(store, WORKERS)?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    control.ready(Some(listener.local_addr()?))?;
    let (_trigger, shutdown) = Shutdown::new();
    mcp_http::serve(listener, service, shutdown).await?;
    Ok(())
}
