//! The step `test`: every test of the workspace, and a record of each.
//!
//! Plain `cargo test`, since it runs unit, integration and documentation tests alike and is there
//! wherever Rust is.

mod libtest;

use std::collections::BTreeMap;
use std::time::Duration;

use libtest::Report;

use crate::evidence::{self, Kind, Outcomes};
use crate::failure::{Failure, Result};
use crate::{peers, process, workspace};

/// How long building and running the tests may take on two cores.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// `xtask` is tested apart: with its features joined to the others' it would have to be built
/// anew, over the program that is running this. The core comes first as its smallest user builds
/// it; what is recorded of a test is its last run.
const RUNS: &[&[&str]] = &[
    &["--package", "mcp-core", "--no-default-features"],
    &["--workspace", "--exclude", "xtask", "--all-features"],
    &["--package", "xtask", "--bin", "xtask"],
    &["--package", "xtask", "--bin", "xtask-schema", "--features", "schema"],
];

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    peers::postgresql()?;
    let wrong_clocks = peers::wrong_clocks()?;
    peers::FhirPackages::ready()?;
    let mut outcomes = Outcomes::new();
    let mut problems = Vec::new();
    for selection in RUNS {
        let report = run(selection, wrong_clocks)?;
        outcomes.extend(report.outcomes);
        problems.extend(report.problems);
    }
    evidence::replace(Kind::Tests, &outcomes)?;
    if problems.is_empty() { Ok(()) } else { Err(Failure::new(problems.join("\n"))) }
}

fn run(selection: &[&str], wrong_clocks: bool) -> Result<Report> {
    let mut build = vec!["test", "--no-run", "--locked"];
    build.extend(selection);
    let names: BTreeMap<String, String> = workspace::build(&build)?
        .into_iter()
        .filter_map(|built| {
            let file = built.path.file_stem()?.to_string_lossy().into_owned();
            Some((file, libtest::prefix(&built.package, &built.kind, &built.name)))
        })
        .collect();

    let mut command = workspace::cargo();
    // Colours would hide the words that are looked for.
    command
        .args(["test", "--locked"])
        .args(selection)
        .arg("--no-fail-fast")
        .env("CARGO_TERM_COLOR", "never")
        // Here, what is not installed is no reason to skip a test.
        .env("MCP_TEST_POSTGRES", "required");
    if wrong_clocks {
        command.env("MCP_TEST_FAKETIME", "required");
    }
    println!("$ {}", process::shown(&command));
    let mut report = Report::new(names);
    let status = process::follow(&mut command, LIMIT, |line| {
        println!("{line}");
        report.line(line);
    });
    report.end();
    match status {
        Ok(status) if !status.success() => {
            report.problems.push(format!("{} ended with {status}", process::shown(&command)));
        }
        Ok(_) => {}
        Err(failure) => report.problems.push(failure.to_string()),
    }
    Ok(report)
}
