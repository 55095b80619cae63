//! `conformance-server --port N [--tasks FILE]`: the server fixture on `127.0.0.1:N`, or any free port
//! for 0. Its tasks are in memory, or in `FILE`.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use mcp_core::Shutdown;
use mcp_http::HttpService;
use tokio::net::TcpListener;

fn arguments() -> Result<(u16, Option<PathBuf>), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (port, file) = match arguments[..] {
        ["--port", port] => (port, None),
        ["--port", port, "--tasks", file] => (port, Some(PathBuf::from(file))),
        _ => return Err("usage: conformance-server --port N [--tasks FILE]".to_owned()),
    };
    let port = port.parse().map_err(|_| format!("`{port}` is no port number"))?;
    Ok((port, file))
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
async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (port, file) = arguments()?;
    let store = conformance::server::tasks::store(file.as_deref())?;
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
    Ok(())
}
