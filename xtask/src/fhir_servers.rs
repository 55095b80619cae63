//! `cargo xtask fhir-servers`: our tools before FHIR servers of others, asked at random with one patient open. Nothing of another
//! patient may come.
//!
//! The server is `tests/fhir-servers/medplum.mjs`, the router and the repository of Medplum, with HL7's examples in it; the calls are
//! the test `isolation::nothing_foreign_of_another_server` of `mcp-ext-healthcare`.

use crate::background::Server;
use crate::failure::{Context, Failure, Result};
use crate::peers::{self, FhirPackages, Node};
use crate::{background, process, workspace};

/// How many calls the step makes.
const CALLS: u32 = 1000;

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    use lexopt::ValueExt;

    let mut calls = CALLS;
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("calls") => calls = arguments.value()?.parse()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    run(calls)
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    run(CALLS)
}

fn run(calls: u32) -> Result {
    let folder = workspace::members()?.results()?.join("fhir-servers");
    std::fs::create_dir_all(&folder).context(format_args!("cannot make {}", folder.display()))?;
    let examples = FhirPackages::ready()?.root().join("node_modules").join("hl7.fhir.r4.examples");
    let mut words = Node::ready()?.script_with("medplum.mjs", &peers::fhir_servers())?;
    words.push(examples.display().to_string());
    let mut server = Server::start(&mut background::command(&words)?, &folder)?;

    let mut test = workspace::cargo();
    test.args(["test", "--locked", "--package", "mcp-ext-healthcare", "--all-features"]);
    test.args(["--test", "upstream", "--", "--ignored", "--nocapture", "--exact"]);
    test.arg("isolation::nothing_foreign_of_another_server");
    test.env("MCP_FHIR_SERVER", server.url()).env("MCP_ISOLATION_CALLS", calls.to_string());
    process::run(&mut test)?;
    match server.problem()? {
        Some(problem) => Err(Failure::new(problem)),
        None => Ok(()),
    }
}
