//! What a minimal stdio server weighs: crates in its tree, size, time to build.

use std::{collections::BTreeSet, fs, time::Instant};

use bench_support::Result;
use serde_json::json;

use crate::{
    build,
    report::{Report, Table},
    subject::{OURS, OURS_VALIDATING, Subject},
};

const TARGET_CRATES: f64 = 40.0;
const TARGET_CRATES_VALIDATING: f64 = 75.0;
const TARGET_MEGABYTES: f64 = 2.0;

/// What was weighed of one subject.
struct Weight {
    crates: usize,
    megabytes: f64,
    /// Seconds of CPU, where the system tells, and by the clock.
    build: (Option<f64>, f64),
}

pub(crate) fn run(subjects: &[Subject], report: &mut Report) -> Result<()> {
    // The network is no part of a build.
    build::run(build::cargo().arg("fetch").arg("--quiet"))?;
    let columns = ["crates in the tree", "MB stripped", "cold build, CPU s", "by the clock, s"];
    let mut table = Table::new("Weight of a minimal stdio server (release profile)", columns);
    let (mut plain, mut validating) = (None, None);
    for subject in subjects {
        let Some(package) = subject.weighed else { continue };
        eprintln!("weighing: {}", subject.name);
        let weight = weigh(package, &subject.features.join(","))
            .map_err(|error| format!("{}: {error}", subject.name))?;
        let name = if subject.name == "rmcp" {
            format!("rmcp {}", build::locked_version("rmcp")?)
        } else {
            subject.name.to_owned()
        };
        let Weight { crates, megabytes, build: (cpu, clock) } = weight;
        let cells = vec![
            crates.to_string(),
            format!("{megabytes:.2}"),
            cpu.map_or("-".to_owned(), |cpu| format!("{cpu:.1}")),
            format!("{clock:.1}"),
        ];
        let kept = json!({
            "crates": crates, "megabytes": megabytes, "build_cpu_s": cpu, "build_clock_s": clock,
        });
        table.row(&name, cells, kept);
        match subject.name {
            OURS => plain = Some((crates as f64, megabytes)),
            OURS_VALIDATING => validating = Some(crates as f64),
            _ => {}
        }
    }
    report.add(table);
    report.target("crates, without validation", TARGET_CRATES, plain.map(|(crates, _)| crates));
    report.target("crates, with validation", TARGET_CRATES_VALIDATING, validating);
    report.target("stripped program, MB", TARGET_MEGABYTES, plain.map(|(_, size)| size));
    Ok(())
}

fn weigh(package: &str, features: &str) -> Result<Weight> {
    let crates = crates(package, features)?;
    // Inside our target directory, but shared with no other build.
    let target = build::workspace().join("target/cold");
    let clean = || match fs::remove_dir_all(&target) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    clean()?;
    let mut command = build::cargo();
    command.args(["build", "--quiet", "--release", "--offline", "--package", package]);
    command.args(["--features", features]).arg("--target-dir").arg(&target);
    let (cpu_before, clock) = (children_cpu(), Instant::now());
    build::run(&mut command)?;
    let clock = clock.elapsed().as_secs_f64();
    let cpu = children_cpu().zip(cpu_before).map(|(after, before)| after - before);
    let program = format!("release/{package}{}", std::env::consts::EXE_SUFFIX);
    let bytes = fs::metadata(target.join(program))?.len();
    clean()?;
    Ok(Weight { crates, megabytes: bytes as f64 / 1e6, build: (cpu, clock) })
}

/// Counts the packages that are linked into `package`: not itself, not what only runs while
/// building (build scripts, procedural macros and what those alone need).
fn crates(package: &str, features: &str) -> Result<usize> {
    let mut command = build::cargo();
    command.args(["tree", "--quiet", "--edges", "normal,no-proc-macro", "--prefix", "none"]);
    command.args(["--format", "{p}", "--package", package, "--features", features]);
    let tree = build::output(&mut command)?;
    let packages: BTreeSet<&str> =
        tree.lines().map(|line| line.trim_end_matches(" (*)")).filter(|l| !l.is_empty()).collect();
    Ok(packages.len().saturating_sub(1))
}

/// Seconds of CPU of all children that have ended.
#[cfg(unix)]
fn children_cpu() -> Option<f64> {
    use nix::sys::{resource, time::TimeVal};
    let usage = resource::getrusage(resource::UsageWho::RUSAGE_CHILDREN).ok()?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Some(seconds(usage.user_time()) + seconds(usage.system_time()))
}

#[cfg(not(unix))]
fn children_cpu() -> Option<f64> {
    None
}
