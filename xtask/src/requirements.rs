//! `cargo xtask requirements`: every requirement of the specification has a test that ran.
//!
//! The ledger lies in `docs/requirements/*.toml`, and its README says what the entries mean. This
//! command checks their form, and that each test that they name took place in the last run of
//! `cargo xtask test` and passed.

mod ledger;
mod numbers;
mod proof;

use std::collections::BTreeMap;

use ledger::{Level, Requirement, Side, Standing};
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
    run(true, false)
}

/// With `strict`, a MUST or MUST NOT that is only planned fails, unless its text is a draft. With `shape`, nothing but the form is checked.
fn run(strict: bool, shape: bool) -> Result {
    let root = workspace::root();
    let (requirements, mut problems) = ledger::load(root, &root.join("docs").join("requirements"))?;
    print_counts(&requirements);

    let planned: Vec<&Requirement> =
        requirements.iter().filter(|one| one.standing() == Standing::Planned).collect();
    for one in &planned {
        let draft = if one.draft { ", draft" } else { "" };
        println!("planned  {} ({}{draft}): {}", one.id, one.level.name(), one.text);
    }
    if strict {
        let binding = planned.iter().filter(|one| one.level.is_binding() && !one.draft);
        problems.extend(binding.map(|one| format!("{}: only planned", one.id)));
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
    let mut rows: BTreeMap<(&str, Side), [usize; 3]> = BTreeMap::new();
    for one in requirements {
        count(rows.entry((&one.page, one.side)).or_default(), one);
    }
    print_row("page", "side", ["tested", "planned", "n/a"]);
    for ((page, side), counts) in rows {
        print_row(page, side.name(), counts);
    }
    println!();
    for level in Level::ALL {
        let mut counts = [0; 3];
        requirements
            .iter()
            .filter(|one| one.level == level)
            .for_each(|one| count(&mut counts, one));
        print_row(level.name(), "", counts);
    }
    for (name, is_meant) in [("of drafts", true), ("of what is no draft", false)] {
        let mut counts = [0; 3];
        let meant = requirements.iter().filter(|one| one.draft == is_meant);
        meant.for_each(|one| count(&mut counts, one));
        print_row(name, "", counts);
    }
    let mut counts = [0; 3];
    requirements.iter().for_each(|one| count(&mut counts, one));
    print_row("all", "", counts);
}

fn count([tested, planned, not]: &mut [usize; 3], one: &Requirement) {
    *match one.standing() {
        Standing::Tested => tested,
        Standing::Planned => planned,
        Standing::NotApplicable => not,
    } += 1;
}

fn print_row<T: std::fmt::Display>(page: &str, side: &str, [tested, planned, not]: [T; 3]) {
    println!("{page:<34} {side:<8} {tested:>6} {planned:>7} {not:>6}");
}
