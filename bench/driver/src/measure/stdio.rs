//! CPU time of the server per message over stdio, with 32 requests in flight.

use bench_support::{Result, workload::Scenario};

use super::{columns, rotated, series};
use crate::{
    load::StdioLoad,
    options::Options,
    report::{Report, Table},
    server::Server,
    subject::Subject,
};

const IN_FLIGHT: u64 = 32;
const REQUESTS: u64 = 32_000;
const TARGET: f64 = 2.0;

pub(crate) fn run(options: &Options, subjects: &[Subject], report: &mut Report) -> Result<()> {
    let columns = columns(subjects, |subject| subject.stdio_modes);
    let mut servers = Vec::new();
    for column in &columns {
        let program = column.subject.program(false);
        let mut server = Server::start(&program, column.mode, options.workers)?;
        let mut load = StdioLoad::new(server.pipes()?);
        // Some servers expect it first; it also warms up.
        load.run(Scenario::Discover, 1, 1)?;
        load.run(Scenario::EchoSmall, 1000, IN_FLIGHT)?;
        servers.push((server, load));
    }
    let mut series = series(&columns);
    let requests = options.scaled(REQUESTS);
    for round in 0..options.rounds {
        for at in rotated(columns.len(), round) {
            let (Some((server, load)), Some(series)) = (servers.get_mut(at), series.get_mut(at))
            else {
                continue;
            };
            let before = server.cpu()?;
            load.run(Scenario::EchoSmall, requests, IN_FLIGHT)
                .map_err(|error| format!("{}: {error}", series.subject))?;
            let used = server.cpu()? - before;
            series.values.push(used.as_nanos() as f64 / 1000.0 / requests as f64);
        }
    }
    let title = "stdio: µs of the server's CPU per message = ratio to the floor [quartiles]";
    let mut table = Table::new(title, columns.iter().map(|column| column.name));
    let case = format!("{}, {IN_FLIGHT} in flight", Scenario::EchoSmall.label());
    let ours = table.compare(&case, &series);
    report.add(table);
    report.target(format!("CPU of {case} over stdio, x floor"), TARGET, ours);
    Ok(())
}
