//! Allocations from the bytes of a request to the bytes of its answer, without a network.

use std::process::Command;

use bench_support::{
    Result,
    workload::{COUNTED, Scenario},
};
use serde_json::{Map, Value};

use crate::{
    build,
    report::{Report, Table, number},
    subject::{OURS, Subject},
};

const TARGET: f64 = 10.0;

pub(crate) fn run(subjects: &[Subject], report: &mut Report) -> Result<()> {
    let counted = subjects
        .iter()
        .map(|subject| {
            let mut command = Command::new(subject.program(true));
            let printed = build::output(command.arg("allocations"))?;
            let counted: Map<String, Value> = serde_json::from_str(&printed)
                .map_err(|error| format!("{}: {error} in {printed:?}", subject.name))?;
            Ok((subject.name, counted))
        })
        .collect::<Result<Vec<_>>>()?;
    let title = "Allocations per request, from bytes to bytes";
    let mut table = Table::new(title, subjects.iter().map(|subject| subject.name));
    for scenario in COUNTED {
        let case = scenario.label();
        let of = |counted: &Map<String, Value>| counted.get(case).and_then(Value::as_f64);
        let cells = counted.iter().map(|(_, counted)| of(counted).map_or("-".to_owned(), number));
        let kept: Map<String, Value> = counted
            .iter()
            .map(|(name, counted)| ((*name).to_owned(), of(counted).into()))
            .collect();
        table.row(case, cells.collect(), kept.into());
        if scenario == Scenario::EchoSmall {
            let ours = counted.iter().find(|(name, _)| *name == OURS);
            report.target(
                format!("allocations of {case}"),
                TARGET,
                ours.and_then(|(_, counted)| of(counted)),
            );
        }
    }
    report.add(table);
    Ok(())
}
