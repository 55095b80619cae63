//! Long-running calls: what creating, running, polling and parking them costs, with each store.

mod http;
mod peer;
mod polls;
mod stores;

use std::{ffi::OsStr, path::PathBuf, process::Command};

use bench_support::Result;

use crate::{
    build,
    options::Options,
    report::Report,
    server::Server,
    subject::{Subject, TASKS},
};

/// The stores that are measured. PostgreSQL's own CPU and memory are not: another machine has them, usually.
const STORES: [&str; 3] = ["memory", "embedded", "postgres"];

pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    build::subjects(&[TASKS])?;
    stores::run(options, report)?;
    polls::run(options, report)?;
    http::run(options, report)
}

/// A folder for a store's files, on the disk that holds the build. Removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Self> {
        let path = build::programs().join(format!("store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl AsRef<OsStr> for Folder {
    fn as_ref(&self) -> &OsStr {
        self.0.as_os_str()
    }
}

/// The subject in a mode, with a store.
fn command(subject: &Subject, counted: bool, mode: &str, store: &str, folder: &Folder) -> Command {
    let mut command = Command::new(subject.program(counted));
    command.args([mode, store]).arg(folder);
    command
}

/// The subject as a server.
fn serve(options: &Options, store: &str, folder: &Folder) -> Result<Server> {
    Server::start_command(&mut command(&TASKS, false, "http", store, folder), options.workers)
}
