//! The way to a server.

use std::io::Write;
use std::time::Duration;

use mcp_core::client::Client;
use mcp_core::transport::{ChildOptions, ChildProcess, Stderr};
use mcp_http::{HttpTransport, HttpTransportBuilder};
use mcp_identity::fetch::{Fetcher, Url};
use mcp_tasks::TasksClient;

use crate::cli::HttpOptions;
use crate::failure::Failure;
use crate::{ask, text};

/// A client of the server at an address that its user named.
pub(crate) fn to_address(address: &str, options: &HttpOptions) -> Result<Client, Failure> {
    finish(builder(options).connect(build(transport(address, options)?)?))
}

/// A client of the server at an address that somebody else named: each connection goes to an address that the fetcher permits for
/// the name at this moment, and nothing is looked up after it was checked.
pub(crate) async fn to_named(
    url: &Url,
    fetcher: &Fetcher,
    options: &HttpOptions,
) -> Result<Client, Failure> {
    // What is refused is said before anything is sent; a host that is an address is not looked up later.
    fetcher.addresses(url).await?;
    let (fetcher, at) = (fetcher.clone(), url.clone());
    let transport = transport(&url.to_string(), options)?.resolver(move |_host: String| {
        let (fetcher, at) = (fetcher.clone(), at.clone());
        async move { fetcher.addresses(&at).await.map_err(std::io::Error::other) }
    });
    finish(builder(options).connect(build(transport)?))
}

fn build(transport: HttpTransportBuilder) -> Result<HttpTransport, Failure> {
    transport.build().map_err(|error| Failure::usage(error.to_string()))
}

fn transport(address: &str, options: &HttpOptions) -> Result<HttpTransportBuilder, Failure> {
    if !address.starts_with("http://") && !address.starts_with("https://") {
        let hint = "the server is given as https://… or http://…, or as a command after --; \
                    `mcp discover` finds the servers of a domain";
        return Err(Failure::usage(hint));
    }
    let mut transport = HttpTransport::builder(address);
    for header in &options.header {
        let Some((name, value)) = header.split_once(':') else {
            return Err(Failure::usage("a header is written `Name: value`"));
        };
        transport = transport.header(name.trim(), value.trim());
    }
    if let Some(variable) = &options.bearer_env {
        let token = std::env::var(variable)
            .map_err(|_| Failure::usage(format!("the variable {variable} is not set")))?;
        transport = transport.header("Authorization", format!("Bearer {token}"));
    }
    Ok(transport)
}

/// A client of a server that is started for it.
pub(crate) fn to_command(command: &[String], options: &HttpOptions) -> Result<Client, Failure> {
    let [program, arguments @ ..] = command else {
        return Err(Failure::usage("there is no command after --"));
    };
    let mut process = std::process::Command::new(program);
    process.args(arguments);
    let child = ChildOptions {
        // What it says there is not ours to believe: it could command the terminal.
        stderr: Stderr::lines(|line| {
            let _ = writeln!(std::io::stderr().lock(), "{}", text::line(line));
        }),
        restarts: 0,
        ..ChildOptions::default()
    };
    let transport = ChildProcess::spawn(process, child)
        .map_err(|error| Failure::from(mcp_core::client::ClientError::from(error)))?;
    finish(builder(options).connect(transport))
}

/// A client of whichever was given.
pub(crate) fn to_either(
    server: Option<&str>,
    command: &[String],
    options: &HttpOptions,
) -> Result<Client, Failure> {
    match (server, command) {
        (Some(_), [_, ..]) => Err(Failure::usage("there is an address and a command")),
        (Some(address), []) => to_address(address, options),
        (None, _) => to_command(command, options),
    }
}

fn builder(options: &HttpOptions) -> mcp_core::client::ClientBuilder {
    let builder = Client::builder("mcp", env!("CARGO_PKG_VERSION"))
        .timeout(Duration::from_secs(options.timeout))
        .extension(TasksClient::new().listening());
    ask::on_terminal(builder)
}

fn finish(
    connected: Result<Client, mcp_core::client::ClientBuildErrors>,
) -> Result<Client, Failure> {
    connected.map_err(|error| Failure::usage(error.to_string()))
}
