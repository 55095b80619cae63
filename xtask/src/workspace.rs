//! What the workspace consists of, as `cargo metadata` tells it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::failure::{Context, Failure, Result};
use crate::process;

/// The cargo that runs us, or the one on the path.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The folder for what is downloaded and can be downloaded again; git ignores it.
pub(crate) fn cache() -> PathBuf {
    root().join(".cache")
}

/// `cargo metadata`, as far as these commands need it.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) target_directory: PathBuf,
}

/// A package of the workspace, or one that it depends on.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) targets: Vec<Target>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// Something that cargo builds from a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
    pub(crate) name: String,
}

impl Metadata {
    /// The workspace's own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Whether a member has a target of that kind (`bin`, `example`) and name.
    pub(crate) fn has_target(&self, kind: &str, name: &str) -> bool {
        self.members().flat_map(|member| &member.targets).any(|target| target.is(kind, name))
    }

    /// The folder for results of these commands, made if it is missing.
    pub(crate) fn results(&self) -> Result<PathBuf> {
        let folder = self.target_directory.join("xtask");
        std::fs::create_dir_all(&folder)
            .context(format_args!("cannot make {}", folder.display()))?;
        Ok(folder)
    }
}

impl Target {
    fn is(&self, kind: &str, name: &str) -> bool {
        self.name == name && self.kind.iter().any(|own| own == kind)
    }
}

/// The workspace's own packages, without their dependencies.
pub(crate) fn members() -> Result<Metadata> {
    metadata(&["--no-deps"])
}

/// Every package that the workspace can pull in, all features on.
pub(crate) fn everything() -> Result<Metadata> {
    metadata(&["--all-features"])
}

fn metadata(arguments: &[&str]) -> Result<Metadata> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1", "--locked"]).args(arguments);
    let text = process::capture(&mut command)?;
    serde_json::from_str(&text).context("cannot read the output of cargo metadata")
}

/// One line of `cargo … --message-format=json` that says what was built.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

/// A program that cargo built.
#[derive(Debug)]
pub(crate) struct Built {
    /// The name of its package.
    pub(crate) package: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// Runs a cargo command that builds, and returns the programs it made.
pub(crate) fn build(arguments: &[&str]) -> Result<Vec<Built>> {
    build_with(arguments, &[])
}

/// As [`build`], with more in the environment.
pub(crate) fn build_with(arguments: &[&str], environment: &[(&str, String)]) -> Result<Vec<Built>> {
    let mut command = cargo();
    command
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .args(arguments)
        .arg("--message-format=json-render-diagnostics");
    println!("$ {}", process::shown(&command));
    let members = members()?;
    let text = process::capture(&mut command)?;
    let mut built = Vec::new();
    for line in text.lines() {
        let Ok(message) = serde_json::from_str::<Message>(line) else { continue };
        if message.reason != "compiler-artifact" {
            continue;
        }
        if let Message {
            package_id: Some(package_id),
            target: Some(target),
            executable: Some(path),
            ..
        } = message
        {
            let kind = target.kind.into_iter().next().unwrap_or_default();
            let package = members.packages.iter().find(|package| package.id == package_id);
            let package = package.map(|package| package.name.clone()).unwrap_or_default();
            built.push(Built { package, kind, name: target.name, path });
        }
    }
    Ok(built)
}

/// Builds the workspace's programs and examples and returns the path of one.
///
/// The whole workspace and not the one package: that is what the tests build too, with the same
/// features on, so that in a test run nothing is compiled twice.
pub(crate) fn program(kind: &str, name: &str) -> Result<PathBuf> {
    if !members()?.has_target(kind, name) {
        return Err(Failure::new(format!("the workspace has no {kind} named {name}")));
    }
    let built = build(&[
        "build",
        "--locked",
        "--workspace",
        "--exclude",
        "xtask",
        "--all-features",
        "--bins",
        "--examples",
    ])?;
    built
        .into_iter()
        .find(|built| built.kind == kind && built.name == name)
        .map(|built| built.path)
        .context(format_args!("cargo did not build the {kind} {name}"))
}
