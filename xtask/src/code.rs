//! The steps that look at the source: formatting, lints, feature combinations, documentation.

use crate::failure::Result;
use crate::{process, workspace};

const DENY: &[&str] = &["--", "-D", "warnings"];

/// The source is formatted, also that of the packages outside the workspace.
pub(crate) fn format() -> Result {
    process::run(workspace::cargo().args(["fmt", "--all", "--check"]))?;
    for folder in ["fuzz", "bench"] {
        for manifest in manifests(folder) {
            let mut command = workspace::cargo();
            command.args(["fmt", "--all", "--check", "--manifest-path"]).arg(manifest);
            process::run(&mut command)?;
        }
    }
    Ok(())
}

/// A folder's own manifest, or those of the folders in it.
fn manifests(folder: &str) -> Vec<std::path::PathBuf> {
    let folder = workspace::root().join(folder);
    let own = folder.join("Cargo.toml");
    if own.exists() {
        return vec![own];
    }
    let inner = std::fs::read_dir(folder).into_iter().flatten().flatten();
    inner.map(|entry| entry.path().join("Cargo.toml")).filter(|path| path.exists()).collect()
}

/// No lint has anything to say about any target, all features on, nor about what measures us.
pub(crate) fn lints() -> Result {
    let mut command = workspace::cargo();
    command.args(["clippy", "--workspace", "--all-targets", "--all-features", "--locked"]);
    process::run(command.args(DENY))?;
    // The benchmark is no member, and would fall behind the crates that it measures.
    let mut command = workspace::cargo();
    command.args(["clippy", "--all-targets", "--locked", "--manifest-path"]);
    command.arg(workspace::root().join("bench").join("Cargo.toml"));
    for package in ["bench-driver", "bench-floor", "bench-ours", "weight-ours"] {
        command.args(["--package", package]);
    }
    process::run(command.args(DENY))
}

/// Every member builds without warnings with no feature, with its default features, and with each
/// feature alone: the combinations that its users choose from.
pub(crate) fn features() -> Result {
    for member in workspace::members()?.members() {
        let mut sets = vec![Vec::new()];
        if !member.features.is_empty() {
            sets.push(vec!["--no-default-features".to_owned()]);
        }
        for feature in member.features.keys().filter(|feature| *feature != "default") {
            let alone = ["--no-default-features", "--features", feature];
            sets.push(alone.map(str::to_owned).to_vec());
        }
        for set in sets {
            let mut command = workspace::cargo();
            command.args(["clippy", "--quiet", "--locked", "--package", &member.name]).args(set);
            process::run(command.args(DENY))?;
        }
    }
    Ok(())
}

/// The documentation builds without warnings.
pub(crate) fn documentation() -> Result {
    let mut command = workspace::cargo();
    command.args(["doc", "--workspace", "--all-features", "--no-deps", "--locked"]);
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}
