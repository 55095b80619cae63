//! Builds the subjects, runs them side by side and prints what they cost as ratios.

mod build;
mod load;
mod measure;
mod options;
mod report;
mod server;
mod statistics;
mod subject;

use std::process::ExitCode;

use bench_support::Result;
use options::{Options, Part};
use report::Report;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let Some(options) = Options::from_command_line()? else {
        print!("{}", options::USAGE);
        return Ok(());
    };
    // A thousand listeners need more descriptors than the usual soft limit.
    rlimit::increase_nofile_limit(u64::MAX)?;
    build::check_profiles()?;
    let subjects = subject::all()?;
    let mut report = Report::new(&options);
    if options.parts.iter().any(|part| part.has_subjects()) {
        build::subjects(&subjects)?;
    }
    for part in &options.parts {
        eprintln!("measuring: {}", part.name());
        match part {
            Part::Http => measure::http::run(&options, &subjects, &mut report)?,
            Part::Stdio => measure::stdio::run(&options, &subjects, &mut report)?,
            Part::Stall => measure::stall::run(&options, &subjects, &mut report)?,
            Part::Listeners => measure::listeners::run(&options, &subjects, &mut report)?,
            Part::Allocations => measure::allocations::run(&subjects, &mut report)?,
            Part::Instructions => measure::instructions::run(&options, &subjects, &mut report)?,
            Part::Weight => measure::weight::run(&subjects, &mut report)?,
            Part::Tasks => measure::tasks::run(&options, &mut report)?,
            Part::Identity => measure::identity::run(&options, &mut report)?,
            Part::Receipts => measure::receipts::run(&options, &mut report)?,
        }
    }
    print!("{}", report.to_text());
    report.write_json(&options.out)?;
    eprintln!("results: {}", options.out.display());
    if options.check && report.has_failures() {
        return Err("a target is missed".into());
    }
    Ok(())
}
