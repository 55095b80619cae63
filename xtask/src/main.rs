//! The workspace's own commands: `cargo xtask <command>`. `cargo xtask help` lists them.
#![allow(clippy::print_stdout, reason = "a program that talks to a terminal")]

mod background;
mod bench;
mod code;
mod conformance;
mod deid;
mod dependencies;
mod evidence;
mod failure;
mod fhir_servers;
mod fhir_tables;
mod fuzz;
mod identity;
mod interop;
mod peers;
mod process;
mod requirements;
mod schema;
mod steps;
mod testing;
mod weight;
mod workspace;

use std::process::ExitCode;

use failure::{Failure, Result};
use lexopt::ValueExt;

const HELP: &str = "\
cargo xtask <command>

  test            everything that must hold
                    --only fmt,clippy   these steps        --skip fuzz   all but these
                    --list              what steps there are
  conformance     the official suite against conformance-server and conformance-client
                    --server-only | --client-only   --scenario NAME   --list
                    --jobs N            scenarios at a time (2)
                    --release           the programs as they are shipped
                    --server-command CMD, --client-command CMD   other programs than ours
  interop         our programs with those of the Python and TypeScript SDKs and FastMCP
                    --pair py-docs      only this pair     --controls-only   only theirs
                    --docs-server CMD, --tasks-server CMD, --rust-client CMD   other programs than ours
  identity        our cards and signatures with the validators and A2A SDKs of Python and npm
  deid            de-identification, beside that of PyPI's fhir-mcp, of the same planted resources
                    --limit N           only so many resources
  requirements    the ledger of the specification's demands, and whether the tests it names ran
                    --strict            what is only planned fails
                    --shape             only the form of the files
  schema          writes schema/*.json; --check only compares
  fhir-tables     writes FHIR's definitions in short from HL7's packages; --check only compares
  fhir-servers    nothing of another patient from FHIR servers of others, through our tools
                    --calls N           how many calls (1000)
  deps            licences, origins and versions of all dependencies
  weight          how many crates and bytes our users take in
  fuzz            every fuzz target; --target NAME, --inputs N, --seconds N
  bench           speed and memory beside a floor and rmcp, see bench/README.md
                    --only http,stdio   these parts        --quick --check --out FILE
  peers           installs what conformance and interop need into .cache/
";

fn main() -> ExitCode {
    let mut arguments = lexopt::Parser::from_env();
    let name = match arguments.next() {
        Ok(Some(lexopt::Arg::Value(name))) => name.string().unwrap_or_default(),
        Ok(Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h')) | None) => "help".to_owned(),
        Ok(Some(argument)) => return end(Err(argument.unexpected().into())),
        Err(error) => return end(Err(error.into())),
    };
    end(match name.as_str() {
        "test" => steps::command(arguments),
        "conformance" => conformance::command(arguments),
        "interop" => interop::command(arguments),
        "identity" => identity::command(arguments),
        "deid" => deid::command(arguments),
        "requirements" => requirements::command(arguments),
        "schema" => schema::command(arguments),
        "fhir-servers" => fhir_servers::command(arguments),
        "fhir-tables" => fhir_tables::command(arguments),
        "deps" => dependencies::command(arguments),
        "weight" => weight::command(arguments),
        "fuzz" => fuzz::command(arguments),
        "bench" => bench::command(arguments),
        "peers" => peers::command(arguments),
        // Not for people: how the official suite starts our client.
        conformance::RECORDER => match conformance::record(arguments) {
            Ok(code) => return code,
            Err(failure) => Err(failure),
        },
        "help" => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(Failure::new(format!("no command {name}; cargo xtask help lists them"))),
    })
}

fn end(result: Result) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
