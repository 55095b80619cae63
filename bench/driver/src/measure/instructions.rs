//! Instructions of the server per HTTP request, counted by valgrind: the same on every run, on
//! the noisiest machine, but only what the process itself executes, not the kernel for it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use bench_support::{Result, workload::Scenario};

use super::{http_columns, series};
use crate::{
    build,
    load::HttpLoad,
    options::Options,
    report::{Report, Table},
    server::Server,
    subject::Subject,
};

const CONNECTIONS: usize = 16;
/// Two runs of different length: their difference leaves out start and end.
const REQUESTS: [u64; 2] = [320, 1600];

pub(crate) fn run(options: &Options, subjects: &[Subject], report: &mut Report) -> Result<()> {
    build::output(Command::new("valgrind").arg("--version"))
        .map_err(|error| format!("instructions are counted by valgrind: {error}"))?;
    let columns = http_columns(subjects);
    let title = "HTTP: thousands of instructions per request in the server = ratio to the floor";
    let mut table = Table::new(title, columns.iter().map(|column| column.name));
    for scenario in
        [Scenario::EchoSmall, Scenario::EchoLarge, Scenario::ToolsList, Scenario::Discover]
    {
        let mut series = series(&columns);
        for (column, series) in columns.iter().zip(&mut series) {
            let program = column.subject.program(false);
            let count =
                |requests| count(&program, column.mode, options.workers, scenario, requests);
            let [few, many] = REQUESTS;
            let added = count(many)?.saturating_sub(count(few)?);
            series.values.push(added as f64 / 1000.0 / (many - few) as f64);
        }
        table.compare(&format!("{}, {CONNECTIONS} connections", scenario.label()), &series);
    }
    report.add(table);
    Ok(())
}

/// Instructions of a server that answers so many requests.
fn count(
    program: &Path,
    mode: &str,
    workers: usize,
    scenario: Scenario,
    requests: u64,
) -> Result<u64> {
    let mut command = Command::new(program);
    command.arg(mode);
    let mut command = under_valgrind(&command);
    let server = Server::start_command(&mut command, workers)?;
    HttpLoad::connect(server.address()?, CONNECTIONS)?.run(scenario, requests)?;
    server.finish()?;
    counted()
}

fn log() -> PathBuf {
    build::programs().join("cachegrind.log")
}

/// The same program and arguments, its instructions counted.
pub(crate) fn under_valgrind(program: &Command) -> Command {
    let mut log_option = std::ffi::OsString::from("--log-file=");
    log_option.push(log());
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(log_option)
        .arg(program.get_program())
        .args(program.get_args());
    command
}

/// The count of the last program that ran under valgrind and has ended.
pub(crate) fn counted() -> Result<u64> {
    let log = fs::read_to_string(log())?;
    let refs =
        log.lines().find_map(|line| line.split_once("I refs:").or(line.split_once("I   refs:")));
    let digits: String =
        refs.ok_or("valgrind printed no count")?.1.chars().filter(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}
