//! What a poll costs beside a plain call: CPU over HTTP and in process, and instructions.

use std::process::Command;

use bench_support::{Result, tasks};
use serde_json::json;

use super::{Folder, STORES, command, serve};
use crate::{
    build,
    load::tasks as load,
    measure::{instructions, rotated},
    options::Options,
    report::{Report, Table, number},
    server::Server,
    statistics::{median, quantile},
    subject::TASKS,
};

const CONNECTIONS: usize = 16;
const HTTP_REQUESTS: u64 = 4_000;
const IN_PROCESS: u64 = 20_000;
/// Runs under valgrind, whose difference leaves out start and end.
const INSTRUCTIONS: [u64; 2] = [320, 1600];
const TARGET: f64 = 1.3;
const COLUMNS: [&str; 3] = ["plain call", "poll of a live task", "poll of a 64 KiB result"];

pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    let title = "A poll beside a plain call = ratio to it [quartiles]";
    let mut table = Table::new(title, COLUMNS);
    let has_valgrind = build::output(Command::new("valgrind").arg("--version"));
    if let Err(error) = &has_valgrind {
        eprintln!("no instructions are counted: valgrind: {error}");
    }
    for store in STORES {
        let mut add = |case: String, values: [Vec<f64>; 3]| row(&mut table, report, &case, &values);
        add(format!("{store}, HTTP, µs of CPU"), over_http(options, store)?);
        add(format!("{store}, in process, µs of CPU"), in_process(options, store)?);
        if has_valgrind.is_ok() {
            add(format!("{store}, HTTP, 1000 instructions"), http_instructions(options, store)?);
            add(format!("{store}, in process, 1000 instructions"), instructions_of(store)?);
        }
    }
    report.add(table);
    Ok(())
}

fn row(table: &mut Table, report: &mut Report, case: &str, values: &[Vec<f64>; 3]) {
    let [plain, live, _] = values;
    let ratios = |of: &[f64]| -> Vec<f64> { of.iter().zip(plain).map(|(a, b)| a / b).collect() };
    let mut kept = serde_json::Map::new();
    let mut cells = Vec::new();
    for (column, values) in COLUMNS.into_iter().zip(values) {
        let all = ratios(values);
        let (middle, ratio) = (median(values).unwrap_or(f64::NAN), median(&all));
        let spread = quantile(&all, 0.25).zip(quantile(&all, 0.75));
        cells.push(match (ratio, spread) {
            (Some(ratio), Some((low, high))) if column != COLUMNS[0] => {
                format!("{} = {ratio:.2} x [{low:.2}–{high:.2}]", number(middle))
            }
            _ => number(middle),
        });
        let entry = json!({"median": middle, "ratio": ratio, "values": values});
        kept.insert(column.to_owned(), entry);
    }
    table.row(case, cells, kept.into());
    report.target(
        format!("poll of a live task, x plain call: {case}"),
        TARGET,
        median(&ratios(live)),
    );
}

/// The three requests of a server, each ready to be sent.
fn requests(server: &Server) -> Result<[Vec<u8>; 3]> {
    let address = server.address()?;
    let live = load::settled(address, tasks::FOREVER, "working")?;
    let large = load::settled(address, tasks::LARGE, "completed")?;
    Ok([load::call(address, tasks::PLAIN), load::poll(address, &live), load::poll(address, &large)])
}

fn over_http(options: &Options, store: &str) -> Result<[Vec<f64>; 3]> {
    let folder = Folder::new(store)?;
    let mut server = serve(options, store, &folder)?;
    let (address, requests) = (server.address()?, requests(&server)?);
    let count = options.scaled(HTTP_REQUESTS);
    let mut values: [Vec<f64>; 3] = Default::default();
    for round in 0..options.rounds {
        for at in rotated(requests.len(), round) {
            let (Some(request), Some(values)) = (requests.get(at), values.get_mut(at)) else {
                continue;
            };
            load::repeat(address, request, CONNECTIONS, 64)?;
            let before = server.cpu()?;
            load::repeat(address, request, CONNECTIONS, count)?;
            let used = server.cpu()? - before;
            values.push(used.as_nanos() as f64 / 1000.0 / count as f64);
        }
    }
    server.finish()?;
    Ok(values)
}

fn in_process(options: &Options, store: &str) -> Result<[Vec<f64>; 3]> {
    let count = options.scaled(IN_PROCESS);
    let mut values: [Vec<f64>; 3] = Default::default();
    for round in 0..options.rounds.min(7) {
        for at in rotated(values.len(), round) {
            let Some((values, what)) = values.get_mut(at).zip(WHAT.get(at)) else { continue };
            let folder = Folder::new(store)?;
            let mut run = command(&TASKS, false, "calls", store, &folder);
            let printed = build::output(run.args([what, count.to_string().as_str()]))?;
            values.push(printed.trim().parse::<f64>()? / 1000.0 / count as f64);
        }
    }
    Ok(values)
}

/// What the subject calls the columns.
const WHAT: [&str; 3] = ["plain", "live", "large"];

/// The instructions of one of a run's requests, in thousands, from two runs.
fn per_request(mut count: impl FnMut(u64) -> Result<u64>) -> Result<f64> {
    let [few, many] = INSTRUCTIONS;
    let added = count(many)?.saturating_sub(count(few)?);
    Ok(added as f64 / 1000.0 / (many - few) as f64)
}

fn instructions_of(store: &str) -> Result<[Vec<f64>; 3]> {
    let mut values: [Vec<f64>; 3] = Default::default();
    for (values, what) in values.iter_mut().zip(WHAT) {
        values.push(per_request(|count| {
            let folder = Folder::new(store)?;
            let run = command(&TASKS, false, "calls", store, &folder);
            let mut valgrind = instructions::under_valgrind(&run);
            build::output(valgrind.args([what, count.to_string().as_str()]))?;
            instructions::counted()
        })?);
    }
    Ok(values)
}

fn http_instructions(options: &Options, store: &str) -> Result<[Vec<f64>; 3]> {
    let mut values: [Vec<f64>; 3] = Default::default();
    for (at, values) in values.iter_mut().enumerate() {
        values.push(per_request(|count| {
            let folder = Folder::new(store)?;
            let run = command(&TASKS, false, "http", store, &folder);
            let mut valgrind = instructions::under_valgrind(&run);
            let server = Server::start_command(&mut valgrind, options.workers)?;
            let requests = requests(&server)?;
            let request = requests.get(at).ok_or("no such request")?;
            load::repeat(server.address()?, request, CONNECTIONS, count)?;
            server.finish()?;
            instructions::counted()
        })?);
    }
    Ok(values)
}
