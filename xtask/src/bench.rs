//! `cargo xtask bench`: the benchmark, which is a workspace of its own in `bench/`.

use std::ffi::OsString;
use std::process::Command;

use crate::failure::{Context, Result};
use crate::peers::{self, Python};
use crate::{process, workspace};

const REDIS: &str = "redis-server";

/// Hands everything on to the benchmark's driver; `bench/README.md` tells what it takes.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    let handed_on: Vec<OsString> =
        arguments.raw_args().context("cannot read the arguments")?.collect();
    let wants_tasks = handed_on
        .iter()
        .filter_map(|argument| argument.to_str())
        .any(|argument| argument.trim_start_matches("--only=").split(',').any(|p| p == "tasks"));
    let mut command = workspace::cargo();
    if wants_tasks {
        offer_peer(&mut command);
    }
    command
        .args(["run", "--release", "--locked", "--package", "bench-driver", "--manifest-path"])
        .arg(workspace::root().join("bench").join("Cargo.toml"))
        .arg("--")
        .args(handed_on);
    process::run(&mut command)
}

/// Tells the driver where FastMCP and Redis are, which are measured beside our tasks; or why not:
/// they are for comparison, and ours are measured without them, too.
fn offer_peer(command: &mut Command) {
    let ready = || -> Result<Python> {
        if !process::is_installed(REDIS) {
            peers::install_debian("redis-server", "redis-server is not installed")?;
        }
        Python::fastmcp()
    };
    match ready() {
        Ok(python) => {
            command.env("BENCH_FASTMCP_PYTHON", python.program()).env("BENCH_REDIS", REDIS);
        }
        Err(missing) => {
            command.env("BENCH_FASTMCP_MISSING", missing.to_string());
        }
    }
}
