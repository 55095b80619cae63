//! `cargo xtask fuzz`: every fuzz target, for a bounded number of inputs.
//!
//! The targets lie in `fuzz/`, outside the workspace, as cargo-fuzz lays them out. They are built
//! here with the flags that make libFuzzer see coverage, all of which a stable compiler takes, so
//! neither cargo-fuzz nor a nightly compiler is needed. Only AddressSanitizer would need one; this
//! workspace forbids unsafe code.

use std::path::Path;
use std::time::Duration;

use crate::failure::{Context, Failure, Result};
use crate::{peers, process, workspace};

/// What makes the compiler record which branches an input takes.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks";
/// How many inputs a target gets in `cargo xtask test`; a number, so that a slow machine tries as
/// much as a fast one.
const INPUTS: u64 = 50_000;
/// When a target is stopped even so, in seconds.
const SECONDS: u64 = 8;

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    use lexopt::prelude::{Long, ValueExt};

    let (mut only, mut inputs, mut seconds) = (Vec::new(), INPUTS, SECONDS);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("target") => only.push(arguments.value()?.string()?),
            Long("inputs") => inputs = arguments.value()?.parse()?,
            // As long as that, however many inputs it takes.
            Long("seconds") => {
                seconds = arguments.value()?.parse()?;
                inputs = u64::MAX;
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    run(&only, inputs, seconds)
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    run(&[], INPUTS, SECONDS)
}

fn run(only: &[String], inputs: u64, seconds: u64) -> Result {
    let folder = workspace::root().join("fuzz");
    if !folder.join("Cargo.toml").exists() {
        return Err(Failure::new("there is no fuzz/Cargo.toml"));
    }
    if !["c++", "g++", "clang++"].into_iter().any(process::is_installed) && !cfg!(windows) {
        peers::install_debian("g++", "libFuzzer needs a C++ compiler")?;
    }
    let target = host()?;
    let manifest = folder.join("Cargo.toml").display().to_string();
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    // With a target named, the flags reach only what is fuzzed, and not the build scripts.
    let built = workspace::build_with(
        &[
            "build",
            "--locked",
            "--release",
            "--bins",
            "--manifest-path",
            &manifest,
            "--target",
            &target,
        ],
        &[("RUSTFLAGS", format!("{flags} {COVERAGE}"))],
    )?;
    let programs: Vec<_> = built
        .iter()
        .filter(|built| built.kind == "bin" && (only.is_empty() || only.contains(&built.name)))
        .collect();
    if programs.is_empty() {
        return Err(Failure::new("there is no such fuzz target"));
    }
    let mut findings = Vec::new();
    for program in programs {
        if let Err(failure) = fuzz(&folder, &program.name, &program.path, inputs, seconds) {
            findings.push(format!("{}: {failure}", program.name));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure::new(findings.join("\n"))) }
}

fn fuzz(folder: &Path, name: &str, program: &Path, inputs: u64, seconds: u64) -> Result {
    let inside = |kind: &str| -> Result<std::path::PathBuf> {
        let path = folder.join(kind).join(name);
        std::fs::create_dir_all(&path).context(format_args!("cannot make {}", path.display()))?;
        Ok(path)
    };
    // `corpus` grows with every run and git ignores it; `seeds` is kept.
    let (corpus, artifacts) = (inside("corpus")?, inside("artifacts")?);
    let seeds = folder.join("seeds").join(name);
    let mut command = std::process::Command::new(program);
    command.arg(&corpus);
    if seeds.exists() {
        command.arg(&seeds);
    }
    let runs = i64::try_from(inputs).unwrap_or(-1);
    command.arg(format!("-runs={runs}")).arg(format!("-max_total_time={seconds}"));
    command.args(["-seed=1", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={}{}", artifacts.display(), std::path::MAIN_SEPARATOR));
    // libFuzzer shows the input that panicked; where, the panic's own message says.
    command.env("RUST_BACKTRACE", "0");
    println!("$ {}", process::shown(&command));
    let mut last = std::collections::VecDeque::new();
    // A target that hangs is stopped by libFuzzer's own limits; this one is for libFuzzer.
    let limit = Duration::from_secs(seconds.saturating_add(60));
    let status = process::follow(&mut command, limit, |line| {
        if last.len() == 60 {
            last.pop_front();
        }
        last.push_back(line.to_owned());
        if line.starts_with("stat::") || line.starts_with("Done ") {
            println!("{line}");
        }
    })?;
    if status.success() {
        return Ok(());
    }
    let last: Vec<String> = last.into();
    Err(Failure::new(format!("ended with {status}\n{}", last.join("\n"))))
}

/// The platform that we compile for when nothing else is said.
fn host() -> Result<String> {
    let version = process::capture(std::process::Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say what platform it is on")
}
