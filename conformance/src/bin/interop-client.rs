//! `interop-client --scenario FILE [--set NAME=VALUE]... (--http URL | --stdio COMMAND [ARGUMENT]...)`
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "each step is told on standard output")]

use std::process::{Command, ExitCode};
use std::sync::Arc;

use conformance::client::Error;
use conformance::interop::{Forms, Scenario, tasks};
use mcp_core::client::{Client, FormRequest};
use mcp_core::transport::{ChildOptions, ChildProcess};
use mcp_http::HttpTransport;
use serde_json::json;

enum Server {
    Http(String),
    Stdio(Vec<String>),
}

struct Options {
    scenario: String,
    values: Vec<(String, String)>,
    server: Server,
}

fn options() -> Option<Options> {
    let (mut scenario, mut values, mut server) = (None, Vec::new(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--scenario" => scenario = arguments.next(),
            "--set" => {
                let set = arguments.next()?;
                let (name, value) = set.split_once('=')?;
                values.push((name.to_owned(), value.to_owned()));
            }
            "--http" => server = Some(Server::Http(arguments.next()?)),
            "--stdio" => server = Some(Server::Stdio(arguments.by_ref().collect())),
            _ => return None,
        }
    }
    Some(Options { scenario: scenario?, values, server: server? })
}

fn tell(step: &str, outcome: Result<(), Error>) -> bool {
    let well = outcome.is_ok();
    match outcome {
        Ok(()) => println!("{}", json!({ "step": step, "ok": true })),
        Err(error) => {
            println!("{}", json!({ "step": step, "ok": false, "error": error.to_string() }));
        }
    }
    well
}

fn connect(server: &Server, forms: &Arc<Forms>) -> Result<Client, Error> {
    let forms = Arc::clone(forms);
    let builder = Client::builder("interop-client", env!("CARGO_PKG_VERSION"))
        .extension(tasks::extension())
        .on_elicit_form(move |form: FormRequest| {
            let answer = forms.answer(&form);
            async move { answer }
        });
    Ok(match server {
        Server::Http(url) => builder.connect(HttpTransport::new(url)?)?,
        Server::Stdio(command) => {
            let (program, arguments) = command.split_first().ok_or("no command is given")?;
            let mut command = Command::new(program);
            command.args(arguments);
            builder.connect(ChildProcess::spawn(command, ChildOptions::default())?)?
        }
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!(
            "usage: interop-client --scenario FILE [--set NAME=VALUE]... \
             (--http URL | --stdio COMMAND [ARGUMENT]...)"
        );
        return ExitCode::from(2);
    };
    let scenario = match Scenario::read(&options.scenario, &options.values) {
        Ok(scenario) => scenario,
        Err(error) => {
            eprintln!("interop-client: {error}");
            return ExitCode::from(2);
        }
    };
    let forms = Arc::new(Forms::default());
    let client = match connect(&options.server, &forms) {
        Ok(client) => client,
        Err(error) => {
            tell("connect", Err(error));
            return ExitCode::FAILURE;
        }
    };
    let connected = client.discover().await.map(drop).map_err(Error::from);
    let mut well = tell("connect", connected);
    well &= scenario.run(&client, &forms, tell).await;
    client.close().await;
    well &= tell("close", Ok(()));
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
