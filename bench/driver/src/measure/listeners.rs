//! Memory of idle listeners: open streams of `subscriptions/listen`.

use bench_support::{Error, Result, workload::Scenario};

use super::{Column, http_columns, rotated, series};
use crate::{
    load::{HttpLoad, Listener},
    options::Options,
    report::{Report, Table},
    server::Server,
    subject::Subject,
};

const LISTENERS: u64 = 1000;
const FIRST: u64 = 1_000_000;
const TARGET: f64 = 1.3;

pub(crate) fn run(options: &Options, subjects: &[Subject], report: &mut Report) -> Result<()> {
    let columns = http_columns(subjects);
    let title = format!(
        "Memory of {LISTENERS} idle listeners: KiB per listener = ratio to the floor [quartiles]"
    );
    let mut table = Table::new(title, columns.iter().map(|column| column.name));
    let rounds = if options.quick { 1 } else { 3 };
    for (case, counted) in [("resident memory", false), ("allocated bytes", true)] {
        let mut series = series(&columns);
        for round in 0..rounds {
            for at in rotated(columns.len(), round) {
                let (Some(column), Some(series)) = (columns.get(at), series.get_mut(at)) else {
                    continue;
                };
                let bytes = per_listener(options, column, counted)
                    .map_err(|error| format!("{}: {error}", column.name))?;
                // The system does not tell everywhere.
                series.values.extend(bytes.map(|bytes| bytes / 1024.0));
            }
        }
        let ours = table.compare(case, &series);
        report.target(format!("{case} of {LISTENERS} listeners, x floor"), TARGET, ours);
    }
    report.add(table);
    Ok(())
}

/// The bytes that each of [`LISTENERS`] streams adds to a fresh server which has one already.
fn per_listener(options: &Options, column: &Column<'_>, counted: bool) -> Result<Option<f64>> {
    let program = column.subject.program(counted);
    let mut server = Server::start(&program, column.mode, options.workers)?;
    let address = server.address()?;
    let mut memory = || if counted { server.heap() } else { server.rss() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut listeners = vec![runtime.block_on(Listener::open(address, FIRST))?];
    let before = memory()?;
    runtime.block_on(async {
        for id in FIRST + 1..=FIRST + LISTENERS {
            listeners.push(Listener::open(address, id).await?);
        }
        Ok::<_, Error>(())
    })?;
    let after = memory()?;
    // They are no listeners if a change does not reach every one of them.
    HttpLoad::connect(address, 1)?.run(Scenario::Touch, 1)?;
    runtime.block_on(async {
        for listener in &mut listeners {
            listener.notification("notifications/tools/list_changed").await?;
        }
        Ok::<_, Error>(())
    })?;
    let added = after.zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(added.map(|bytes| bytes as f64 / LISTENERS as f64))
}
