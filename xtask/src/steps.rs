//! `cargo xtask test`: everything that must hold, step by step.

use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::{
    code, conformance, dependencies, evidence, fhir_servers, fhir_tables, fuzz, identity, interop,
    requirements, schema, testing, weight,
};

/// One step.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result,
    /// Whether `cargo xtask test` runs it unasked. Steps whose subject is still to be written say
    /// `false` here; asked for with `--only`, they run, and fail.
    by_default: bool,
}

/// All steps, in the order in which they run: what is quick and often wrong comes first, and
/// `requirements` last, for it reads what the others found.
#[rustfmt::skip]
const STEPS: &[Step] = &[
    Step { name: "fmt",          about: "the source is formatted",                            run: code::format,        by_default: true },
    Step { name: "deps",         about: "licences, origins, versions of all dependencies",    run: dependencies::step,  by_default: true },
    Step { name: "clippy",       about: "no lint has anything to say",                        run: code::lints,         by_default: true },
    Step { name: "features",     about: "nor in any combination of features",                 run: code::features,      by_default: true },
    Step { name: "doc",          about: "the documentation builds without warnings",          run: code::documentation, by_default: true },
    Step { name: "test",         about: "unit, integration and documentation tests",          run: testing::step,         by_default: true },
    Step { name: "weight",       about: "as few crates and bytes as promised",                run: weight::step,        by_default: true },
    Step { name: "schema",       about: "schema/ is what the crates say",                     run: schema::step,        by_default: true },
    Step { name: "fhir-tables",  about: "FHIR's definitions are those of HL7's packages",      run: fhir_tables::step,   by_default: true },
    Step { name: "conformance",  about: "the official suite, both sides",                     run: conformance::step,   by_default: true },
    Step { name: "interop",      about: "clients and servers of other SDKs",                  run: interop::step,       by_default: true },
    Step { name: "identity",     about: "cards and signatures with the libraries of others",   run: identity::step,      by_default: true },
    Step { name: "fhir-servers", about: "nothing of another patient from others' servers",    run: fhir_servers::step,  by_default: true },
    Step { name: "fuzz",         about: "every fuzz target, for a bounded number of inputs",  run: fuzz::step,          by_default: true },
    Step { name: "requirements", about: "every requirement of the specification is tested",   run: requirements::step,  by_default: true  },
];

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    use lexopt::prelude::{Long, ValueExt};

    let (mut only, mut skip) = (Vec::new(), Vec::new());
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("only") => only.extend(names(&arguments.value()?.string()?)?),
            Long("skip") => skip.extend(names(&arguments.value()?.string()?)?),
            Long("list") => {
                print_list();
                return Ok(());
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    let wanted = |step: &&Step| {
        let asked = if only.is_empty() { step.by_default } else { only.contains(&step.name) };
        asked && !skip.contains(&step.name)
    };
    if only.is_empty() && skip.is_empty() {
        evidence::forget()?;
    }
    run(&STEPS.iter().filter(wanted).collect::<Vec<_>>())
}

/// The steps named in a list with commas.
fn names(list: &str) -> Result<Vec<&'static str>> {
    list.split(',')
        .map(|name| {
            STEPS.iter().map(|step| step.name).find(|known| *known == name.trim()).ok_or_else(
                || {
                    let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
                    Failure::new(format!("no step {name}; there are {}", known.join(", ")))
                },
            )
        })
        .collect()
}

fn print_list() {
    for step in STEPS {
        let mark = if step.by_default { "" } else { "  (only when asked for)" };
        println!("{:<14} {}{mark}", step.name, step.about);
    }
}

/// Runs steps to the last, whatever fails, so that one run shows all that is wrong.
fn run(steps: &[&Step]) -> Result {
    let mut results: Vec<(&Step, Duration, Result)> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        println!("\n━━ {}/{} {}: {}", number + 1, steps.len(), step.name, step.about);
        let started = Instant::now();
        let result = (step.run)();
        let took = started.elapsed();
        match &result {
            Ok(()) => println!("━━ {} passed in {:.1} s", step.name, took.as_secs_f64()),
            Err(failure) => {
                println!("━━ {} FAILED in {:.1} s\n{failure}", step.name, took.as_secs_f64())
            }
        }
        results.push((step, took, result));
    }
    println!("\n━━ summary");
    for (step, took, result) in &results {
        let word = if result.is_ok() { "passed" } else { "FAILED" };
        println!("{:<14} {word}  {:>7.1} s", step.name, took.as_secs_f64());
    }
    let total: Duration = results.iter().map(|(_, took, _)| *took).sum();
    let failed: Vec<_> =
        results.iter().filter(|(.., result)| result.is_err()).map(|(step, ..)| step.name).collect();
    println!("{:<14} {:>15.1} s", "all", total.as_secs_f64());
    println!("steps: {} passed, {} failed", results.len() - failed.len(), failed.len());
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("failed: {}", failed.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_checked() {
        assert_eq!(names("fmt, test").unwrap(), ["fmt", "test"]);
        assert!(names("fmt,tests").unwrap_err().to_string().contains("no step tests"));
        for (index, step) in STEPS.iter().enumerate() {
            assert!(STEPS.iter().skip(index + 1).all(|other| other.name != step.name));
        }
    }

    #[test]
    fn a_failing_step_fails_the_run_and_keeps_the_others_running() {
        fn good() -> Result {
            Ok(())
        }
        fn bad() -> Result {
            Err(Failure::new("on purpose"))
        }
        let step = |name, run| Step { name, about: "", run, by_default: true };
        let (first, second) = (step("first", bad as fn() -> Result), step("second", good));
        assert!(run(&[&second]).is_ok());
        assert_eq!(run(&[&first, &second]).unwrap_err().to_string(), "failed: first");
    }
}
