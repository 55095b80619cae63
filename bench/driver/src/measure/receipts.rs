//! The receipt log of `mcp-trust`: how many a second this disk takes, and how fast they are verified.

use std::collections::BTreeMap;

use bench_support::Result;
use serde_json::json;

use crate::{
    build,
    options::Options,
    report::{Report, Table, number},
};

/// What the figures are called there, and the least that each must be.
const AT_LEAST: [(&str, f64); 3] = [
    ("append by 64 threads, synchronised each before it is acknowledged", 2_000.0),
    ("append in batches of 100, synchronised each", 10_000.0),
    ("verify a log", 20_000.0),
];
const ONE_THREAD: &str = "append, synchronised each";
const BARE: &str = "bare write and synchronisation";

pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    let mut command = build::cargo();
    command.current_dir(build::workspace().join(".."));
    command.args(["run", "--quiet", "--release", "--locked", "--package", "mcp-trust"]);
    command.args(["--example", "receipts-figures", "--"]).arg(build::programs());
    if options.quick {
        command.arg("--quick");
    }
    std::fs::create_dir_all(build::programs())?;
    let printed = build::output(&mut command)?;
    let rates: BTreeMap<&str, f64> = printed.lines().filter_map(rate).collect();
    let mut table = Table::new("Receipts of mcp-trust", ["a second"]);
    for (what, rate) in printed.lines().filter_map(rate) {
        table.row(what, vec![number(rate)], json!(rate));
    }
    for (what, limit) in AT_LEAST {
        report.floor(format!("receipts/s: {what}"), limit, rates.get(what).copied());
    }
    if let (Some(one), Some(bare)) = (rates.get(ONE_THREAD), rates.get(BARE)) {
        let what = "one thread, each synchronised, x the disk's bare synchronisations";
        table.row(what, vec![number(one / bare)], json!(one / bare));
    }
    report.add(table);
    Ok(())
}

/// A line `NUMBER /s  WHAT`.
fn rate(line: &str) -> Option<(&str, f64)> {
    let (number, what) = line.split_once(" /s  ")?;
    Some((what.trim(), number.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_of_the_figures_is_read() {
        assert_eq!(super::rate("       65793 /s  verify a log"), Some(("verify a log", 65793.0)));
        assert_eq!(super::rate("         120 MB/s  of 3 MB"), None);
    }
}
