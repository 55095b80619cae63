//! `cargo xtask weight`: how many crates our users take in, and how large the smallest server is.

use std::collections::BTreeSet;

use crate::failure::{Context, Failure, Result};
use crate::{process, workspace};

/// How many crates a choice of features may bring, those that only run while building not counted.
const TREES: &[Tree] = &[
    Tree { what: "a stdio server", package: "mcp-core", features: "stdio", most: 40 },
    Tree { what: "with validation", package: "mcp-core", features: "stdio,validation", most: 75 },
];

/// How large a program may be, in bytes, built with the workspace's release profile.
const SIZES: &[Size] = &[
    // Size { package: "mcp-core", example: "smallest", features: "stdio", most: 2_000_000 },
];

#[derive(Debug)]
struct Tree {
    what: &'static str,
    package: &'static str,
    features: &'static str,
    most: usize,
}

#[derive(Debug)]
struct Size {
    package: &'static str,
    example: &'static str,
    features: &'static str,
    most: u64,
}

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    match arguments.next()? {
        Some(argument) => Err(argument.unexpected().into()),
        None => step(),
    }
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    let mut excess = Vec::new();
    for tree in TREES {
        let count = crates(tree)?;
        let Tree { what, package, features, most } = tree;
        println!("{count:>9} crates  {what} ({package}, features {features}); at most {most}");
        if count > *most {
            excess.push(format!("{what}: {count} crates, at most {most}"));
        }
    }
    for size in SIZES {
        let bytes = bytes(size)?;
        let Size { example, features, most, .. } = size;
        println!("{bytes:>9} bytes   example {example}, features {features}; at most {most}");
        if bytes > *most {
            excess.push(format!("example {example}: {bytes} bytes, at most {most}"));
        }
    }
    if excess.is_empty() { Ok(()) } else { Err(Failure::new(excess.join("\n"))) }
}

/// Counts the crates that end up in a program, the package itself included.
fn crates(tree: &Tree) -> Result<usize> {
    let mut command = workspace::cargo();
    command.args(["tree", "--package", tree.package, "--no-default-features", "--locked"]);
    command.args(["--features", tree.features]);
    // A procedural macro and what it needs run in the compiler and not in the program.
    command.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
    Ok(distinct(&process::capture(&mut command)?))
}

/// Lines that differ in more than the mark with which cargo abbreviates a repetition.
fn distinct(tree: &str) -> usize {
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    lines.filter(|line| !line.is_empty()).collect::<BTreeSet<_>>().len()
}

fn bytes(size: &Size) -> Result<u64> {
    let built = workspace::build(&[
        "build",
        "--release",
        "--locked",
        "--package",
        size.package,
        "--example",
        size.example,
        "--no-default-features",
        "--features",
        size.features,
    ])?;
    let built = built.into_iter().find(|built| built.name == size.example);
    let path = built.context(format_args!("cargo did not build {}", size.example))?.path;
    let file = std::fs::metadata(&path).context(format_args!("cannot read {}", path.display()))?;
    Ok(file.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_crate_counts_once_and_each_version_of_it() {
        let tree = "a v1.0.0 (/x)\nb v1.0.0\nb v1.0.0 (*)\nb v2.0.0\n\n";
        assert_eq!(super::distinct(tree), 3);
    }
}
