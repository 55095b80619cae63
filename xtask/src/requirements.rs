//! `cargo xtask requirements`: every requirement of the specification has a test that ran.
//!
//! The ledger lies in `docs/requirements/*.toml`. This command checks its form, and that each test
//! that it names took place in the last run of `cargo xtask test` and passed.

mod ledger;
mod proof;

use std::collections::BTreeMap;

use ledger::{Level, Requirement, Standing};
use proof::Proofs;

use crate::failure::{Failure, Result};
use crate::workspace;

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    use lexopt::prelude::Long;

    let (mut strict, mut shape) = (false, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("strict") => strict = true,
            Long("shape") => shape = true,
            _ => return Err(argument.unexpected().into()),
        }
    }
    run(strict, shape)
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    run(false, false)
}

/// With `strict`, what is only planned fails. With `shape`, nothing but the form is checked.
fn run(strict: bool, shape: bool) -> Result {
    let folder = workspace::root().join("docs").join("requirements");
    let (requirements, mut problems) = ledger::load(&folder)?;
    print_counts(&requirements);

    let planned: Vec<&Requirement> =
        requirements.iter().filter(|one| one.standing() == Standing::Planned).collect();
    for one in &planned {
        println!("planned  {}: {}", one.id, one.planned.as_deref().unwrap_or_default());
    }
    if strict {
        problems.extend(planned.iter().map(|one| format!("{}: only planned", one.id)));
    }
    if !shape {
        let proofs = Proofs::load()?;
        let named =
            requirements.iter().flat_map(|one| one.tests.iter().map(|test| (&one.id, test)));
        for (id, test) in named {
            if let Err(why) = proofs.of(test) {
                problems.push(format!("{id}: {test}: {why}"));
            }
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    for problem in &problems {
        println!("✗ {problem}");
    }
    Err(Failure::new(format!("problems in the ledger: {}", problems.len())))
}

/// How many requirements each page has for each side, and how they stand.
fn print_counts(requirements: &[Requirement]) {
    let mut rows: BTreeMap<(&str, &str), [usize; 3]> = BTreeMap::new();
    let mut total = [0; 3];
    for one in requirements {
        let column = match one.standing() {
            Standing::Tested => 0,
            Standing::Planned => 1,
            Standing::NotApplicable => 2,
        };
        let row = rows.entry((&one.page, &one.side)).or_default();
        for counts in [row, &mut total] {
            if let Some(count) = counts.get_mut(column) {
                *count += 1;
            }
        }
    }
    println!("{:<44} {:<8} {:>6} {:>7} {:>6}", "page", "side", "tested", "planned", "n/a");
    for ((page, side), [tested, planned, not]) in rows {
        println!("{page:<44} {side:<8} {tested:>6} {planned:>7} {not:>6}");
    }
    let [tested, planned, not] = total;
    println!("{:<44} {:<8} {tested:>6} {planned:>7} {not:>6}", "all", "");
    let forbidden = requirements.iter().filter(|one| one.level == Level::MustNot).count();
    println!("{} MUST, {forbidden} MUST NOT", requirements.len() - forbidden);
}
