//! The programs of others that we test against: Node 22 and npm packages, Python packages; and HL7's FHIR packages.
//!
//! All come from their ordinary clients, in exact versions, into `.cache/`; nothing is installed
//! outside the repository but `npm` and `python3-venv` themselves, and those only as root on Debian.

mod fhir;
mod node;
mod python;

pub(crate) use fhir::FhirPackages;
pub(crate) use node::Node;
pub(crate) use python::Python;

use std::path::Path;
use std::process::Command;

use crate::failure::{Context, Failure, Result};
use crate::{process, workspace};

/// The folder with what the peers are made of: programs, scenarios, pinned versions.
pub(crate) fn folder() -> std::path::PathBuf {
    workspace::root().join("tests").join("interop")
}

/// The folder with the FHIR servers of others.
pub(crate) fn fhir_servers() -> std::path::PathBuf {
    workspace::root().join("tests").join("fhir-servers")
}

/// Installs all and says where.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    if let Some(argument) = arguments.next()? {
        return Err(argument.unexpected().into());
    }
    println!("node    {}", Node::ready()?.program().display());
    println!("python  {}", Python::ready()?.program().display());
    println!("fastmcp {}", Python::fastmcp()?.program().display());
    println!("fhir    {}", FhirPackages::ready()?.root().display());
    Ok(())
}

/// Whether a folder was made from exactly these files.
///
/// The stamp holds the files' text and is written last, so that an interrupted installation counts
/// as none.
fn is_stamped(folder: &Path, pins: &str) -> bool {
    std::fs::read_to_string(folder.join(".installed-from")).is_ok_and(|stamp| stamp == pins)
}

fn stamp(folder: &Path, pins: &str) -> Result {
    write(&folder.join(".installed-from"), pins)
}

/// Makes a folder anew, without what an earlier or interrupted installation left in it.
fn fresh(folder: &Path) -> Result {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context(format_args!("cannot remove {}", folder.display()));
        }
        _ => {}
    }
    std::fs::create_dir_all(folder).context(format_args!("cannot make {}", folder.display()))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).context(format_args!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result {
    std::fs::write(path, text).context(format_args!("cannot write {}", path.display()))
}

/// Installs a Debian package if this is Debian and we are root; else says what is missing.
pub(crate) fn install_debian(package: &str, missing: &str) -> Result {
    let advice = format!("{missing}; on Debian: apt-get install -y {package}");
    if !Path::new("/etc/debian_version").exists() || !is_root() {
        return Err(Failure::new(advice));
    }
    println!("{missing}; installing Debian's {package}");
    let mut update = Command::new("apt-get");
    process::run(update.args(["update", "-q"])).context(&advice)?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-q", "--no-install-recommends", package]);
    process::run(install.env("DEBIAN_FRONTEND", "noninteractive")).context(&advice)
}

/// Sees to it that there is a PostgreSQL for the tests to start servers of their own from.
pub(crate) fn postgresql() -> Result {
    let program = format!("initdb{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders =
        std::env::split_paths(&path).chain(debian.map(|version| version.path().join("bin")));
    if folders.any(|folder| folder.join(&program).is_file()) {
        return Ok(());
    }
    install_debian("postgresql", "PostgreSQL is not installed (initdb)")
}

/// Sees to it that processes can be given wrong clocks, where that is possible: with libfaketime, on Linux. Says whether it is.
pub(crate) fn wrong_clocks() -> Result<bool> {
    if !cfg!(target_os = "linux") {
        return Ok(false);
    }
    let library = || {
        let architectures = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        architectures
            .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
            .any(|file| file.is_file())
    };
    if !library() {
        install_debian("libfaketime", "libfaketime is not installed")?;
    }
    Ok(true)
}

fn is_root() -> bool {
    let mut id = Command::new("id");
    process::capture(id.arg("-u")).is_ok_and(|id| id.trim() == "0")
}
