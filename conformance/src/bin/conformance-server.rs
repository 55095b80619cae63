//! `conformance-server --port N`: the server fixture on `127.0.0.1:N`, or any free port for 0.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use mcp_core::Shutdown;
use mcp_http::HttpService;
use tokio::net::TcpListener;

fn port() -> Result<u16, String> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--port"), Some(port)) => {
            port.parse().map_err(|_| format!("`{port}` is no port number"))
        }
        _ => Err("usage: conformance-server --port N".to_owned()),
    }
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
    let port = port()?;
    let service = HttpService::builder(conformance::server::build()?).build();
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
