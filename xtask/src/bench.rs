//! `cargo xtask bench`: the benchmark, which is a workspace of its own in `bench/`.

use std::ffi::OsString;

use crate::failure::{Context, Result};
use crate::{process, workspace};

/// Hands everything on to the benchmark's driver; `bench/README.md` tells what it takes.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    let handed_on: Vec<OsString> =
        arguments.raw_args().context("cannot read the arguments")?.collect();
    let mut command = workspace::cargo();
    command
        .args(["run", "--release", "--locked", "--package", "bench-driver", "--manifest-path"])
        .arg(workspace::root().join("bench").join("Cargo.toml"))
        .arg("--")
        .args(handed_on);
    process::run(&mut command)
}
