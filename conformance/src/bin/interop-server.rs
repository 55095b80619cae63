//! `interop-server [clinic | clinic-closed] (--stdio | --http ADDRESS:PORT)`: the server that clients of others meet with tasks, or with
//! records, which they get de-identified or not at all.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use conformance::interop::clinic::{self, Strangers};
use mcp_core::Shutdown;
use mcp_core::transport::{StdioOptions, serve_stdio};
use mcp_http::HttpService;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (kind, rest) = match arguments[..] {
        [kind @ ("clinic" | "clinic-closed"), ref rest @ ..] => (kind, rest),
        ref rest => ("tasks", rest),
    };
    let address = match *rest {
        ["--stdio"] => None,
        ["--http", address] => Some(address),
        _ => {
            eprintln!(
                "usage: interop-server [clinic | clinic-closed] (--stdio | --http ADDRESS:PORT)"
            );
            return ExitCode::from(2);
        }
    };
    match run(kind, address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("interop-server: {error}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout)] // With HTTP, whoever starts it reads the address there.
async fn run(
    kind: &str,
    address: Option<&str>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let server = match kind {
        "clinic" => clinic::build(Strangers::Deidentified)?,
        "clinic-closed" => clinic::build(Strangers::Refused)?,
        _ => conformance::interop::server::build()?,
    };
    let (trigger, shutdown) = Shutdown::new();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            trigger.request();
        }
    });
    match address {
        None => serve_stdio(server, StdioOptions::default(), shutdown).await?,
        Some(address) => {
            let listener = TcpListener::bind(address).await?;
            println!("http://{}/mcp", listener.local_addr()?);
            mcp_http::serve(listener, HttpService::builder(server).build(), shutdown).await?;
        }
    }
    Ok(())
}
