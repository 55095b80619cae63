//! What the stores do without a network: creations and completions a second, parked tasks.

use bench_support::Result;
use serde_json::{Map, Value};

use super::{Folder, STORES, command};
use crate::{
    build,
    options::Options,
    report::{Report, Table, number},
    statistics::median,
    subject::TASKS,
};

const TASKS_A_ROUND: u64 = 6400;
const PARKED: u64 = 10_000;
const PARKED_MIB: f64 = 50.0;
const RATES: [&str; 6] = [
    "creations/s",
    "creations/s, 1 client",
    "creations, µs of CPU",
    "completions/s",
    "completions, µs of CPU",
    "synchronisations/s",
];

pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    rates(options, report)?;
    parked(report)
}

fn rates(options: &Options, report: &mut Report) -> Result<()> {
    let rounds = if options.quick { 1 } else { 3 };
    let mut table = Table::new("Tasks, 64 clients and workers in the process of the store", RATES);
    for store in STORES {
        let mut values: Map<String, Value> = Map::new();
        for _ in 0..rounds {
            let folder = Folder::new(store)?;
            let mut run = command(&TASKS, false, "rates", store, &folder);
            let count = options.scaled(TASKS_A_ROUND).to_string();
            let rates: Map<String, Value> = serde_json::from_str(&build::output(run.arg(count))?)?;
            for (name, rate) in rates {
                let all = values.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                all.as_array_mut().ok_or("no list")?.push(rate);
            }
        }
        let cells = RATES.map(|name| {
            let all = values.get(name).and_then(Value::as_array).into_iter().flatten();
            median(&all.filter_map(Value::as_f64).collect::<Vec<_>>())
                .map_or("-".to_owned(), number)
        });
        table.row(store, cells.into(), values.into());
    }
    report.add(table);
    Ok(())
}

fn parked(report: &mut Report) -> Result<()> {
    let title = format!("MiB that {PARKED} parked tasks add");
    let columns = ["resident memory", "allocated bytes"];
    let mut table = Table::new(title, columns);
    for store in STORES {
        let mut cells = Vec::new();
        let mut kept = Map::new();
        for (column, counted) in columns.into_iter().zip([false, true]) {
            let folder = Folder::new(store)?;
            let mut run = command(&TASKS, counted, "parked", store, &folder);
            let added: Value = serde_json::from_str(&build::output(run.arg(PARKED.to_string()))?)?;
            let bytes = if counted { &added["allocated"] } else { &added["resident"] };
            let mib = bytes.as_f64().map(|bytes| bytes / 1024.0 / 1024.0);
            cells.push(mib.map_or("-".to_owned(), number));
            kept.insert(column.to_owned(), mib.into());
            report.target(
                format!("{column} of {PARKED} parked tasks, {store}, MiB"),
                PARKED_MIB,
                mib,
            );
        }
        table.row(store, cells, kept.into());
    }
    report.add(table);
    Ok(())
}
