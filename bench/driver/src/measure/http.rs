//! CPU time of the server per HTTP request.

use bench_support::{Result, workload::Scenario};

use super::{Column, http_columns, rotated, series};
use crate::{
    load::HttpLoad,
    options::Options,
    report::{Report, Series, Table},
    server::Server,
    subject::Subject,
};

/// Each kind of request, how many a round, and whether it has a target.
const CASES: [(Scenario, u64, bool); 6] = [
    (Scenario::EchoSmall, 8_000, true),
    (Scenario::EchoLarge, 1_600, true),
    (Scenario::ToolsList, 4_000, true),
    (Scenario::Discover, 8_000, true),
    (Scenario::EchoEscaped, 800, false),
    (Scenario::Progress, 4_000, false),
];
const CONNECTIONS: [usize; 2] = [16, 64];
const TARGET: f64 = 1.3;

pub(crate) fn run(options: &Options, subjects: &[Subject], report: &mut Report) -> Result<()> {
    let columns = http_columns(subjects);
    let mut servers = columns
        .iter()
        .map(|column| Server::start(&column.subject.program(false), column.mode, options.workers))
        .collect::<Result<Vec<_>>>()?;
    let title = "HTTP: µs of the server's CPU per request = ratio to the floor [quartiles]";
    let mut table = Table::new(title, columns.iter().map(|column| column.name));
    for (scenario, requests, has_target) in CASES {
        for connections in CONNECTIONS {
            let case = format!("{}, {connections} connections", scenario.label());
            let requests = options.scaled(requests);
            let series = measure(options, &columns, &mut servers, scenario, connections, requests)
                .map_err(|error| format!("{case}: {error}"))?;
            let ours = table.compare(&case, &series);
            if has_target {
                report.target(format!("CPU of {case}, x floor"), TARGET, ours);
            }
        }
    }
    report.add(table);
    servers.into_iter().try_for_each(Server::finish)
}

fn measure(
    options: &Options,
    columns: &[Column<'_>],
    servers: &mut [Server],
    scenario: Scenario,
    connections: usize,
    requests: u64,
) -> Result<Vec<Series>> {
    let mut series = series(columns);
    for round in 0..options.rounds {
        for at in rotated(columns.len(), round) {
            let (Some(server), Some(series)) = (servers.get_mut(at), series.get_mut(at)) else {
                continue;
            };
            let nanoseconds = per_request(server, scenario, connections, requests)
                .map_err(|error| format!("{}: {error}", series.subject))?;
            series.values.push(nanoseconds / 1000.0);
        }
    }
    Ok(series)
}

/// Nanoseconds of CPU per request: connections are open and warm before the clock starts.
fn per_request(
    server: &mut Server,
    scenario: Scenario,
    connections: usize,
    requests: u64,
) -> Result<f64> {
    let mut load = HttpLoad::connect(server.address()?, connections)?;
    load.run(scenario, 4 * u64::try_from(connections)?)?;
    let before = server.cpu()?;
    load.run(scenario, requests)?;
    let used = server.cpu()? - before;
    Ok(used.as_nanos() as f64 / requests as f64)
}
