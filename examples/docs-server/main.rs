//! Serves a folder of text and Markdown.
//!
//! ```text
//! cargo run --example docs-server -- <folder>                     on http://127.0.0.1:8080/mcp
//! cargo run --example docs-server -- <folder> --http 127.0.0.1:0  on a free port
//! cargo run --example docs-server -- <folder> --stdio             on standard input and output
//! ```
//!
//! Every text file is a resource; `search` finds passages, `outline` and `section` find one's way in
//! long files, `rename` asks before it renames. Files that Git ignores, hidden ones and binary ones
//! are left out. Changes in the folder are noticed and told to listeners.
#![forbid(unsafe_code)]

mod library;
mod markdown;
mod prompts;
mod rename;
mod resources;
mod search;
#[cfg(test)]
mod tests;
mod tools;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use mcp_core::Shutdown;
use mcp_core::server::{BuildErrors, CacheHints, Server};
use mcp_core::transport::{StdioOptions, serve_stdio};
use mcp_http::HttpService;
use tokio::net::TcpListener;

use crate::library::Library;

const USAGE: &str = "usage: docs-server <folder> [--stdio | --http ADDRESS:PORT]";

enum Transport {
    Stdio,
    Http(String),
}

struct Options {
    folder: PathBuf,
    transport: Transport,
}

#[allow(clippy::print_stdout, reason = "help, before anything is served")]
fn options() -> Result<Options, lexopt::Error> {
    use lexopt::prelude::*;
    let mut folder = None;
    let mut transport = Transport::Http("127.0.0.1:8080".to_owned());
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Long("stdio") => transport = Transport::Stdio,
            Long("http") => transport = Transport::Http(arguments.value()?.string()?),
            Value(path) if folder.is_none() => folder = Some(path.into()),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Options { folder: folder.ok_or("no folder is given")?, transport })
}

/// The server over a library.
fn server(library: &Arc<Library>) -> Result<Server, BuildErrors> {
    let builder = Server::builder("docs-server", env!("CARGO_PKG_VERSION"))
        .title("Documents")
        .description("A folder of text and Markdown files.")
        .instructions(
            "Use `search` to find passages, then read the resource or call `section`. Paths are \
             relative to the served folder.",
        )
        .cache_lists(CacheHints::private(5_000))
        .shared_state(Arc::clone(library))
        .resource_provider(resources::Files::new(Arc::clone(library)));
    let builder = tools::add(builder);
    let builder = prompts::add(builder);
    resources::add(builder).build()
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("docs-server: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docs-server: {error}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout)] // With HTTP, whoever starts it reads the address there.
async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let library = Arc::new(Library::open(&options.folder)?);
    eprintln!("docs-server: {} files in {}", library.len(), options.folder.display());
    let server = server(&library)?;
    let (trigger, shutdown) = Shutdown::new();
    tokio::spawn(watch::watch(library, server.handle(), shutdown.clone()));
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            trigger.request();
        }
    });
    match options.transport {
        Transport::Stdio => serve_stdio(server, StdioOptions::default(), shutdown).await?,
        Transport::Http(address) => {
            let listener = TcpListener::bind(&address).await?;
            println!("http://{}/mcp", listener.local_addr()?);
            let service = HttpService::builder(server).path("/mcp").build();
            mcp_http::serve(listener, service, shutdown).await?;
        }
    }
    Ok(())
}
