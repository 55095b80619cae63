//! `conformance-server --port N [--store STORE]`: the server fixture on `127.0.0.1:N`, or any free port
//! for 0. Its tasks are in `memory` (without `--store`), in `embedded:FILE`, or in a `postgres` of its own.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use conformance::server::tasks::Store;
use mcp_core::Shutdown;
use mcp_http::HttpService;
use tokio::net::TcpListener;

const USAGE: &str = "usage: conformance-server --port N [--store memory|embedded:FILE|postgres]";

fn arguments() -> Result<(u16, Store), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (port, store) = match arguments[..] {
        ["--port", port] => (port, "memory"),
        ["--port", port, "--store", store] => (port, store),
        _ => return Err(USAGE.to_owned()),
    };
    let port = port.parse().map_err(|_| format!("`{port}` is no port number"))?;
    let store = Store::parse(store).ok_or_else(|| format!("`{store}` is no store; {USAGE}"))?;
    Ok((port, store))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conformance-server: {error}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout)] // Whoever starts it reads the address there.
async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (port, store) = arguments()?;
    let (store, database) = store.open().await?;
    let service = HttpService::builder(conformance::server::build(store)?).build();
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    let (trigger, shutdown) = Shutdown::new();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            trigger.request();
        }
    });
    mcp_http::serve(listener, service, shutdown).await?;
    drop(database);
    Ok(())
}
