//! The Python peer, in a virtual environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{fresh, install_debian, is_stamped, read, stamp};
use crate::failure::{Failure, Result};
use crate::{process, workspace};

/// An installed Python with the peer's packages.
#[derive(Debug)]
pub(crate) struct Python {
    program: PathBuf,
}

impl Python {
    /// Installs what is missing.
    pub(crate) fn ready() -> Result<Self> {
        Self::with("python", &super::folder().join("requirements.txt"))
    }

    /// The Python with FastMCP, in the versions that are measured as well.
    pub(crate) fn fastmcp() -> Result<Self> {
        let requirements = workspace::root().join("bench").join("fastmcp").join("requirements.txt");
        Self::with("python-fastmcp", &requirements)
    }

    /// Installs what is missing of the packages that a file lists, into an environment of a name.
    pub(crate) fn with(name: &str, requirements: &Path) -> Result<Self> {
        let folder = workspace::cache().join(name);
        let program = if cfg!(windows) {
            folder.join("Scripts").join("python.exe")
        } else {
            folder.join("bin").join("python")
        };
        let pins = read(requirements)?;
        // A virtual environment points at the Python it was made with, which may be gone by now.
        if !is_stamped(&folder, &pins) || !process::is_installed(&program.display().to_string()) {
            make(&folder)?;
            let mut pip = Command::new(&program);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            process::run(pip.arg("--requirement").arg(requirements))?;
            stamp(&folder, &pins)?;
        }
        Ok(Self { program })
    }

    /// The path of `python`.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The words of a command that runs one of our programs in `tests/interop`.
    pub(crate) fn script(&self, name: &str) -> Vec<String> {
        let script = super::folder().join(name);
        vec![self.program.display().to_string(), script.display().to_string()]
    }
}

fn make(folder: &Path) -> Result {
    let python = if cfg!(windows) { "python" } else { "python3" };
    if !process::is_installed(python) {
        install_debian("python3", "python3 is not installed")?;
    }
    let old = Command::new(python)
        .args(["-c", "import sys; sys.exit(sys.version_info < (3, 11))"])
        .status()
        .is_ok_and(|status| !status.success());
    if old {
        return Err(Failure::new(format!("{python} is older than 3.11, which the peer needs")));
    }
    let venv = || {
        fresh(folder)?;
        process::run(Command::new(python).args(["-m", "venv"]).arg(folder))
    };
    // Debian ships the module apart, and says so only when it fails.
    venv().or_else(|_| {
        install_debian("python3-venv", "python3 cannot make virtual environments")?;
        venv()
    })
}
