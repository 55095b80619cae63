//! Latency of one request after the other on one connection. Where the end of an answer waits
//! for the acknowledgement of its start (Nagle's algorithm against delayed acknowledgements), it
//! is 40 ms.

use std::time::Duration;

use bench_support::{Result, workload::Scenario};
use serde_json::{Map, json};

use super::{Column, http_columns};
use crate::{
    load::HttpLoad,
    options::Options,
    report::{Report, Table, number},
    server::Server,
    statistics::{median, quantile},
    subject::{OURS, Subject},
};

const REQUESTS: u64 = 200;
const TARGET_MS: f64 = 20.0;

pub(crate) fn run(options: &Options, subjects: &[Subject], report: &mut Report) -> Result<()> {
    let mut columns = http_columns(subjects);
    columns.extend(subjects.iter().filter_map(|subject| {
        subject.documented_mode.map(|(mode, name)| Column { subject, mode, name })
    }));
    let title = "One connection, one request after the other: ms median (maximum)";
    let mut table = Table::new(title, columns.iter().map(|column| column.name));
    for (scenario, answer) in [(Scenario::EchoSmall, "JSON"), (Scenario::Progress, "SSE")] {
        let case = format!("{}, {answer} expected", scenario.label());
        let (mut cells, mut kept, mut ours) = (Vec::new(), Map::new(), None);
        for column in &columns {
            let program = column.subject.program(false);
            let server = Server::start(&program, column.mode, options.workers)?;
            let mut load = HttpLoad::connect(server.address()?, 1)?;
            let latencies = load.run(scenario, REQUESTS)?;
            let milliseconds: Vec<f64> =
                latencies.iter().map(|latency| 1000.0 * Duration::as_secs_f64(latency)).collect();
            let middle = median(&milliseconds).unwrap_or(f64::NAN);
            let maximum = quantile(&milliseconds, 1.0).unwrap_or(f64::NAN);
            cells.push(format!("{} ({})", number(middle), number(maximum)));
            kept.insert(column.name.to_owned(), json!({"median": middle, "maximum": maximum}));
            if column.name == OURS {
                ours = Some(middle);
            }
            drop(load);
            server.finish()?;
        }
        table.row(&case, cells, kept.into());
        report.target(format!("median latency of {case}, ms"), TARGET_MS, ours);
    }
    report.add(table);
    Ok(())
}
