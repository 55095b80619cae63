//! Serves a folder of text and Markdown.
//!
//! ```text
//! cargo run --example docs-server -- <folder>                     on http://127.0.0.1:8080/mcp
//! cargo run --example docs-server -- <folder> --http 127.0.0.1:0  on a free port
//! cargo run --example docs-server -- <folder> --stdio             on standard input and output
//! cargo run --example docs-server -- <folder> --identity          over HTTP, and says who it is
//! ```
//!
//! With `--identity` it serves its server card, a catalog and an agent card; `--origin https://docs.example.com` is the
//! public address where that is another, and `--key FILE` a secret JSON Web Key for ES256 by which they are signed.
//!
//! Every text file is a resource; `search` finds passages, `outline` and `section` find one's way in
//! long files, `rename` asks before it renames. Files that Git ignores, hidden ones and binary ones
//! are left out. Changes in the folder are noticed and told to listeners.
#![forbid(unsafe_code)]

mod identity;
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
use mcp_core::server::{CacheHints, Server, ServerBuilder};
use mcp_core::transport::{StdioOptions, serve_stdio};
use mcp_http::{HttpService, ServeOptions};
use mcp_identity::serve::ServerCards;
use tokio::net::TcpListener;
use tower_layer::Layer;

use crate::library::Library;

const USAGE: &str = "usage: docs-server <folder> [--stdio | --http ADDRESS:PORT [--identity] [--origin URL] [--key FILE]]";

enum Transport {
    Stdio,
    Http(String),
}

struct Options {
    folder: PathBuf,
    transport: Transport,
    /// Whether and how the server says who it is.
    identity: Option<identity::Options>,
}

#[allow(clippy::print_stdout, reason = "help, before anything is served")]
fn options() -> Result<Options, lexopt::Error> {
    use lexopt::prelude::*;
    let mut folder = None;
    let mut transport = Transport::Http("127.0.0.1:8080".to_owned());
    let mut identity: Option<identity::Options> = None;
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Long("stdio") => transport = Transport::Stdio,
            Long("http") => transport = Transport::Http(arguments.value()?.string()?),
            Long("identity") => drop(identity.get_or_insert_default()),
            Long("origin") => {
                identity.get_or_insert_default().origin = Some(arguments.value()?.string()?);
            }
            Long("key") => identity.get_or_insert_default().key = Some(arguments.value()?.into()),
            Value(path) if folder.is_none() => folder = Some(path.into()),
            other => return Err(other.unexpected()),
        }
    }
    if identity.is_some() && matches!(transport, Transport::Stdio) {
        return Err("--identity needs HTTP".into());
    }
    Ok(Options { folder: folder.ok_or("no folder is given")?, transport, identity })
}

/// The server over a library, in the making.
fn server(library: &Arc<Library>) -> ServerBuilder {
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
    resources::add(builder)
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
    let mut builder = server(&library);
    if options.identity.is_some() {
        builder = builder.extension(ServerCards);
    }
    let server = builder.build()?;
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
            let address = listener.local_addr()?;
            let mut service = HttpService::builder(server.clone()).path("/mcp");
            let site = match &options.identity {
                Some(identity) => {
                    let site = identity::site(&server, address, identity)?;
                    site.prepare().await?;
                    if let Some(host) = identity.host() {
                        service = service.allow_host(host);
                    }
                    Some(site)
                }
                None => None,
            };
            println!("http://{address}/mcp");
            let service = service.build();
            match site {
                Some(site) => {
                    let options = ServeOptions::default();
                    let layer = |service| site.layer().layer(service);
                    mcp_http::serve_layered(listener, service, layer, shutdown, options).await?;
                }
                None => mcp_http::serve(listener, service, shutdown).await?,
            }
        }
    }
    Ok(())
}
