//! Builds the subjects, each by itself: built together, one subject's features of a shared
//! dependency would be everybody's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use bench_support::Result;
use serde_json::Value;

use crate::subject::Subject;

/// The root of the benchmark's workspace.
pub(crate) fn workspace() -> &'static Path {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR"));
    driver.parent().unwrap_or(driver)
}

/// Where the subjects' programs are kept.
pub(crate) fn programs() -> PathBuf {
    workspace().join("target/subjects")
}

/// Cargo, the one that runs us if one does.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    // A workspace-wide target directory from the environment would mix the builds.
    command.env_remove("CARGO_TARGET_DIR");
    command
}

/// The names of this workspace's packages.
pub(crate) fn members() -> Result<Vec<String>> {
    let output = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&output)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    Ok(packages.iter().filter_map(|package| package["name"].as_str()).map(str::to_owned).collect())
}

/// Builds every subject and copies its programs to where [`Subject::program`] finds them.
pub(crate) fn subjects(subjects: &[Subject]) -> Result<()> {
    fs::create_dir_all(programs())?;
    for subject in subjects {
        eprintln!("building: {}", subject.name);
        let mut command = cargo();
        command.args(["build", "--quiet", "--release", "--package", subject.package]);
        command.arg("--features").arg(subject.features.join(","));
        run(&mut command)?;
        for (counted, suffix) in [(false, ""), (true, "-counted")] {
            let name = format!("{}{suffix}{}", subject.package, std::env::consts::EXE_SUFFIX);
            let built = workspace().join("target/release").join(name);
            fs::copy(&built, subject.program(counted))
                .map_err(|error| format!("{}: {error}", built.display()))?;
        }
    }
    Ok(())
}

/// Refuses to measure when our release profile is not the main workspace's.
pub(crate) fn check_profiles() -> Result<()> {
    let profile = |manifest: &Path| -> Result<toml::Value> {
        let text = fs::read_to_string(manifest)
            .map_err(|error| format!("{}: {error}", manifest.display()))?;
        let manifest: toml::Table = toml::from_str(&text)?;
        let profile = manifest.get("profile").and_then(|profiles| profiles.get("release"));
        Ok(profile.ok_or("no [profile.release]")?.clone())
    };
    let ours = profile(&workspace().join("Cargo.toml"))?;
    let main = profile(&workspace().join("../Cargo.toml"))?;
    if ours == main {
        Ok(())
    } else {
        Err(format!("[profile.release] is {ours:?} in bench/, but {main:?} in the workspace")
            .into())
    }
}

/// The version of a package in the lock file.
pub(crate) fn locked_version(package: &str) -> Result<String> {
    let lock: toml::Table = toml::from_str(&fs::read_to_string(workspace().join("Cargo.lock"))?)?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let found = packages
        .into_iter()
        .flatten()
        .find(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(package));
    let version = found.and_then(|entry| entry.get("version")).and_then(toml::Value::as_str);
    Ok(version.ok_or_else(|| format!("{package} is not in Cargo.lock"))?.to_owned())
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// The standard output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    command.stderr(std::process::Stdio::inherit());
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
