//! The whole way over HTTP, with the task system of others beside ours.

use std::time::Duration;

use bench_support::{Result, tasks};
use serde_json::json;

use super::{Folder, STORES, peer::Peer, serve};
use crate::{
    load::tasks::complete,
    options::Options,
    report::{Report, Table, number},
    statistics::median,
};

const CONNECTIONS: usize = 64;
const COUNT: u64 = 3200;
/// FastMCP takes longer for fewer.
const PEER_COUNT: u64 = 400;
/// With 64, it answers some with an internal error: its Redis client has "too many connections".
const PEER_CONNECTIONS: usize = 16;
const COLUMNS: [&str; 4] =
    ["creations/s", "completions/s", "µs of the servers' CPU per task", "polls per task"];

pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    let title = format!(
        "Tasks over HTTP: {CONNECTIONS} connections ({PEER_CONNECTIONS} for FastMCP) create, then poll until all are completed"
    );
    let mut table = Table::new(title, COLUMNS);
    for store in STORES {
        let folder = Folder::new(store)?;
        let mut server = serve(options, store, &folder)?;
        let address = server.address()?;
        let rounds = rounds(options, (options.scaled(COUNT), CONNECTIONS), address, || {
            server.cpu().map(Some)
        })?;
        row(&mut table, &format!("ours, {store}"), &rounds);
        server.finish()?;
    }
    for (name, synced) in [("as it comes", false), ("every write synced", true)] {
        let folder = Folder::new("redis")?;
        match Peer::start(&folder, synced) {
            Ok(Some(mut peer)) => {
                let rounds =
                    rounds(options, (PEER_COUNT, PEER_CONNECTIONS), peer.address(), || peer.cpu());
                match rounds {
                    Ok(rounds) => {
                        row(&mut table, &format!("{}, Redis {name}", peer.name()), &rounds)
                    }
                    Err(error) => eprintln!("{}, Redis {name}: {error}", peer.name()),
                }
            }
            Ok(None) => {}
            Err(error) => return Err(format!("FastMCP: {error}").into()),
        }
    }
    report.add(table);
    Ok(())
}

fn rounds(
    options: &Options,
    (count, connections): (u64, usize),
    address: std::net::SocketAddr,
    mut cpu: impl FnMut() -> Result<Option<Duration>>,
) -> Result<[Vec<f64>; 4]> {
    let tasks = count as f64;
    let mut values: [Vec<f64>; 4] = Default::default();
    let rounds = if options.quick { 1 } else { 3 };
    for _ in 0..rounds {
        let before = cpu()?;
        let times = complete(address, tasks::NOTHING, connections, usize::try_from(count)?)?;
        let used = cpu()?.zip(before).map(|(after, before)| after - before);
        let [created, completed, micros, polls] = &mut values;
        created.push(tasks / times.created.as_secs_f64());
        completed.push(tasks / times.completed.as_secs_f64());
        // Each connection creates one more before the clock starts.
        let all = tasks + connections as f64;
        micros.extend(used.map(|used| used.as_secs_f64() * 1e6 / all));
        polls.push(times.polls as f64 / tasks);
    }
    Ok(values)
}

fn row(table: &mut Table, case: &str, values: &[Vec<f64>; 4]) {
    let cells = values.iter().map(|values| median(values).map_or("-".to_owned(), number)).collect();
    let kept = COLUMNS.iter().zip(values).map(|(name, values)| ((*name).to_owned(), json!(values)));
    table.row(case, cells, serde_json::Map::from_iter(kept).into());
}
