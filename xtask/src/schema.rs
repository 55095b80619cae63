//! `cargo xtask schema [--check]`: starts the program that is linked with the crates.

use crate::failure::Result;
use crate::{process, workspace};

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    let mut check = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("check") => check = true,
            _ => return Err(argument.unexpected().into()),
        }
    }
    run(check)
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    run(true)
}

fn run(check: bool) -> Result {
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--locked", "--package", "xtask", "--features", "schema"]);
    command.args(["--bin", "xtask-schema", "--"]);
    process::run(command.args(check.then_some("--check")))
}
