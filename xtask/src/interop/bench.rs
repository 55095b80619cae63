//! The programs of a run, and one connection between two of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::scenario::{self, Situation};
use super::{Pair, Transport};
use crate::background::{self, Server};
use crate::evidence::Outcome;
use crate::failure::{Context, Failure, Result};
use crate::peers::{self, Node, Python};
use crate::{process, workspace};

/// How long a whole scenario may take. Each step has a limit of its own in the clients.
const LIMIT: Duration = Duration::from_secs(300);

/// The commands of the programs, found and built when first needed.
#[derive(Debug, Default)]
pub(super) struct Programs {
    known: BTreeMap<String, Vec<String>>,
    foreign: bool,
}

impl Programs {
    /// Puts another program in the place of one of ours (`server docs`, `client rust`).
    pub(super) fn replace(&mut self, key: &str, command: &str) {
        self.known.insert(key.to_owned(), command.split_whitespace().map(str::to_owned).collect());
        self.foreign = true;
    }

    /// Whether none has been replaced.
    pub(super) fn are_ours(&self) -> bool {
        !self.foreign
    }

    fn get(&mut self, role: &str, kind: &str) -> Result<Vec<String>> {
        let key = format!("{role} {kind}");
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let ours = |kind, name| -> Result<Vec<String>> {
            Ok(vec![workspace::program(kind, name)?.display().to_string()])
        };
        let found = match (role, kind) {
            (role, "py") => Python::ready()?.script(&format!("{role}.py")),
            (role, "ts") => Node::ready()?.script(&format!("{role}.mjs"))?,
            (role, "fast") => Python::fastmcp()?.script(&format!("fastmcp_{role}.py")),
            ("server", "docs") => ours("example", "docs-server")?,
            ("server", "tasks") => ours("bin", "interop-server")?,
            ("server", "clinic" | "clinic-closed") => {
                let mut server = ours("bin", "interop-server")?;
                server.push(kind.to_owned());
                server
            }
            ("client", "rust") => ours("bin", "interop-client")?,
            _ => return Err(Failure::new(format!("no {key}"))),
        };
        self.known.insert(key, found.clone());
        Ok(found)
    }
}

/// Where the pairs are run.
#[derive(Debug)]
pub(super) struct Bench {
    programs: Programs,
    results: PathBuf,
}

/// What a connection showed.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) steps: Vec<(String, Outcome)>,
    pub(super) problems: Vec<String>,
}

/// One line that a client prints.
#[derive(Debug, Deserialize)]
struct Line {
    step: String,
    ok: bool,
    error: Option<String>,
}

impl Bench {
    pub(super) fn new(programs: Programs) -> Result<Self> {
        let results = workspace::members()?.results()?.join("interop");
        std::fs::create_dir_all(&results)
            .context(format_args!("cannot make {}", results.display()))?;
        Ok(Self { programs, results })
    }

    /// Runs a pair's scenario over a transport. Only what keeps every pair from running is an
    /// error; what one of the programs does wrong is a problem of this run.
    pub(super) fn connect(&mut self, pair: &Pair, transport: Transport) -> Result<Run> {
        let folder = self.results.join(format!("{}-{}", pair.name(), transport.name()));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .context(format_args!("cannot remove {}", folder.display()))?;
        }
        let documents = folder.join("docs");
        copy(&peers::folder().join("docs"), &documents)?;
        let scenario = folder.join("scenario.json");
        let expected = scenario::resolve(
            &peers::folder().join("scenarios").join(format!("{}.json", pair.scenario)),
            &Situation { client: pair.client, server: pair.server, transport: transport.name() },
            &scenario,
        )?;

        let mut server = self.programs.get("server", pair.server)?;
        if pair.server == "docs" {
            server.push(documents.display().to_string());
        }
        let mut client = self.programs.get("client", pair.client)?;
        client.extend(["--scenario".to_owned(), scenario.display().to_string()]);
        client.extend(["--set".to_owned(), format!("folder={}", documents.display())]);
        // Kept until the client has ended: dropping it stops the server.
        let mut running = None;
        match transport {
            Transport::Stdio => {
                client.push("--stdio".to_owned());
                client.extend(server);
                client.push("--stdio".to_owned());
            }
            Transport::Http => {
                server.extend(["--http".to_owned(), "127.0.0.1:0".to_owned()]);
                match Server::start(&mut background::command(&server)?, &folder) {
                    Ok(server) => {
                        client.extend(["--http".to_owned(), server.url().to_owned()]);
                        running = Some(server);
                    }
                    Err(failure) => {
                        let steps = expected.into_iter().map(|step| (step, Outcome::Failed));
                        let problems = vec![failure.to_string()];
                        return Ok(Run { steps: steps.collect(), problems });
                    }
                }
            }
        }
        let mut run =
            follow(background::command(&client)?.current_dir(&folder), &expected, &folder)?;
        if let Some(problem) = running.as_mut().map(Server::problem).transpose()?.flatten() {
            run.problems.push(problem);
        }
        Ok(run)
    }
}

/// Runs a client and compares what it reports with the steps that it should have taken.
fn follow(client: &mut Command, expected: &[String], folder: &Path) -> Result<Run> {
    let mut lines: Vec<Line> = Vec::new();
    let mut log = String::new();
    let status = process::follow(client, LIMIT, |text| {
        log += text;
        log.push('\n');
        lines.extend(serde_json::from_str(text));
    });
    let file = folder.join("log.txt");
    std::fs::write(&file, log).context(format_args!("cannot write {}", file.display()))?;

    let mut run = Run { steps: Vec::new(), problems: Vec::new() };
    for line in &lines {
        let outcome = if line.ok { Outcome::Passed } else { Outcome::Failed };
        run.steps.push((line.step.clone(), outcome));
        if !line.ok {
            let why = line.error.as_deref().unwrap_or("no reason given");
            run.problems.push(format!("{}: {why}", line.step));
        }
    }
    for step in expected {
        if !lines.iter().any(|line| line.step == *step) {
            run.steps.push((step.clone(), Outcome::Failed));
            run.problems.push(format!("{step}: did not run"));
        }
    }
    match status {
        Ok(status) if status.success() != run.problems.is_empty() => {
            run.problems.push(format!("the client ended with {status}; see {}", file.display()));
        }
        Ok(_) => {}
        Err(failure) => run.problems.push(failure.to_string()),
    }
    Ok(run)
}

/// Copies a folder of documents, so that a scenario may change it.
fn copy(from: &Path, to: &Path) -> Result {
    std::fs::create_dir_all(to).context(format_args!("cannot make {}", to.display()))?;
    let entries =
        std::fs::read_dir(from).context(format_args!("cannot read {}", from.display()))?;
    for entry in entries {
        let path = entry.context(format_args!("cannot read {}", from.display()))?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            std::fs::copy(&path, to.join(name))
                .context(format_args!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}
