//! `cargo xtask conformance`: the official suite against the two fixture programs.

mod checks;
mod list;
mod recorder;

pub(crate) use recorder::{WORD as RECORDER, record};

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use checks::Verdict;
use list::{Scenario, Side};

use crate::background::{self, Server};
use crate::evidence::{self, Kind, Outcome, Outcomes};
use crate::failure::{Context, Failure, Result};
use crate::peers::{self, Node};
use crate::{process, workspace};

/// The revision that is tested.
const REVISION: &str = "2026-07-28";
/// What the suite may wait for one scenario; its own default is half of it, for faster machines.
const SCENARIO_MS: u64 = 60_000;
/// What we wait for the suite.
const LIMIT: Duration = Duration::from_secs(180);

/// The stores of tasks besides memory, as the server program knows them.
const STORES: &[&str] = &["embedded", POSTGRES];
const POSTGRES: &str = "postgres";

/// The options of the command.
#[derive(Debug)]
struct Options {
    sides: BTreeSet<Side>,
    scenarios: Vec<String>,
    jobs: usize,
    release: bool,
    list: bool,
    /// Another server or client than ours, to see what the suite makes of it.
    server: Option<Vec<String>>,
    client: Option<Vec<String>>,
}

impl Options {
    fn everything() -> Self {
        Self {
            sides: BTreeSet::from([Side::Server, Side::Client]),
            scenarios: Vec::new(),
            jobs: 2,
            release: false,
            list: false,
            server: None,
            client: None,
        }
    }
}

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    use lexopt::prelude::{Long, ValueExt};

    let mut options = Options::everything();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("server-only") => options.sides = BTreeSet::from([Side::Server]),
            Long("client-only") => options.sides = BTreeSet::from([Side::Client]),
            Long("scenario") => options.scenarios.push(arguments.value()?.string()?),
            Long("jobs") => options.jobs = arguments.value()?.parse::<usize>()?.max(1),
            Long("release") => options.release = true,
            Long("list") => options.list = true,
            Long("server-command") => options.server = Some(words(&arguments.value()?.string()?)),
            Long("client-command") => options.client = Some(words(&arguments.value()?.string()?)),
            _ => return Err(argument.unexpected().into()),
        }
    }
    run(&options)
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    run(&Options::everything())
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn run(options: &Options) -> Result {
    let node = Node::ready()?;
    let scenarios = selected(options, &scenarios(&node)?)?;
    if options.list {
        for (side, name) in &scenarios {
            println!("{} {name}", side.name());
        }
        return Ok(());
    }
    let results = workspace::members()?.results()?.join("conformance");
    let programs = Programs::find(options, &scenarios)?;
    let mut suite = Suite { node, results, programs, store: None };
    let started = Instant::now();
    let mut verdicts = run_all(&suite, &scenarios, options.jobs)?;
    let mut shown = scenarios.clone();
    // What has to do with tasks again, with each store that survives its server.
    let tasks: Vec<Scenario> = scenarios.into_iter().filter(is_of_tasks).collect();
    if options.server.is_none() && !tasks.is_empty() {
        for &store in STORES {
            if store == POSTGRES {
                peers::postgresql()?;
            }
            println!("\n{store}");
            suite.store = Some(store);
            for ((side, name), verdict) in run_all(&suite, &tasks, options.jobs)? {
                let scenario = (side, format!("{name}@{store}"));
                shown.push(scenario.clone());
                verdicts.insert(scenario, verdict);
            }
        }
    }
    report(&shown, &verdicts, options, started.elapsed())
}

fn is_of_tasks((side, name): &Scenario) -> bool {
    *side == Side::Server && name.starts_with("tasks-")
}

/// Every scenario that we must pass: what applies to the revision, and what it requires.
fn scenarios(node: &Node) -> Result<BTreeSet<Scenario>> {
    let list = |option| process::capture(node.suite().args(["list", option, REVISION]));
    let mut all = list::applicable(&list("--spec-version")?)?;
    all.extend(list::required(&list("--requirements")?)?);
    all.retain(list::is_ours);
    Ok(all)
}

fn selected(options: &Options, all: &BTreeSet<Scenario>) -> Result<Vec<Scenario>> {
    for wanted in &options.scenarios {
        if !all.iter().any(|(side, name)| name == wanted && options.sides.contains(side)) {
            return Err(Failure::new(format!("no scenario {wanted}; --list shows them all")));
        }
    }
    let wanted = |(side, name): &&Scenario| {
        options.sides.contains(side)
            && (options.scenarios.is_empty() || options.scenarios.contains(name))
    };
    Ok(all.iter().filter(wanted).cloned().collect())
}

/// The commands of the programs under test.
#[derive(Debug)]
struct Programs {
    server: Vec<String>,
    client: Vec<String>,
}

impl Programs {
    fn find(options: &Options, scenarios: &[Scenario]) -> Result<Self> {
        let needs = |wanted| scenarios.iter().any(|(side, _)| *side == wanted);
        let built = |name: &str| -> Result<Vec<String>> {
            let path =
                if options.release { released(name)? } else { workspace::program("bin", name)? };
            Ok(vec![path.display().to_string()])
        };
        let server = match &options.server {
            Some(command) => command.clone(),
            None if needs(Side::Server) => {
                let mut command = built("conformance-server")?;
                command.extend(["--port".to_owned(), "0".to_owned()]);
                command
            }
            None => Vec::new(),
        };
        let client = match &options.client {
            Some(command) => command.clone(),
            None if needs(Side::Client) => built("conformance-client")?,
            None => Vec::new(),
        };
        Ok(Self { server, client })
    }
}

fn released(name: &str) -> Result<PathBuf> {
    workspace::build(&["build", "--locked", "--release", "--package", "conformance", "--bins"])?
        .into_iter()
        .find(|built| built.name == name)
        .map(|built| built.path)
        .context(format_args!("the package conformance has no program {name}"))
}

/// The suite and what it is run against.
#[derive(Debug)]
struct Suite {
    node: Node,
    results: PathBuf,
    programs: Programs,
    /// Where the server keeps tasks, if not in memory.
    store: Option<&'static str>,
}

/// Runs the scenarios in a few workers. Each has a server of its own, so that what one scenario
/// changes is never seen by another at the same time.
fn run_all(
    suite: &Suite,
    scenarios: &[Scenario],
    jobs: usize,
) -> Result<BTreeMap<Scenario, Verdict>> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(BTreeMap::new());
    let work = || -> Result {
        let mut server = None;
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            let verdict = suite.scenario(scenario, &mut server)?;
            let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
            verdicts.insert(scenario.clone(), verdict);
            println!(
                "{:>3}/{} {} {}",
                verdicts.len(),
                scenarios.len(),
                scenario.0.name(),
                scenario.1
            );
        }
        Ok(())
    };
    std::thread::scope(|scope| -> Result {
        let workers: Vec<_> = (0..jobs.min(scenarios.len())).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker
                .join()
                .map_err(|_| Failure::new("a worker of the conformance run panicked"))??;
        }
        Ok(())
    })?;
    Ok(verdicts.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Suite {
    /// Starts a server, whose file of tasks, if it has one, lies in `folder`.
    fn serve(&self, folder: &Path) -> Result<Server> {
        let mut command = background::command(&self.programs.server)?;
        match self.store {
            None => {}
            Some(POSTGRES) => {
                command.args(["--store", POSTGRES]);
            }
            Some(store) => {
                let file = folder.join("tasks.redb");
                command.args(["--store", &format!("{store}:{}", file.display())]);
            }
        }
        Server::start(&mut command, workspace::root())
    }

    fn scenario(&self, scenario: &Scenario, server: &mut Option<Server>) -> Result<Verdict> {
        let (side, name) = scenario;
        let folder = match self.store {
            None => self.results.join(side.name()),
            Some(store) => self.results.join(format!("{}@{store}", side.name())),
        };
        let folder = folder.join(name.replace('/', "-"));
        empty(&folder)?;
        let exits = folder.join("exits.jsonl");
        let mut suite = self.node.suite();
        suite.args([side.name(), "--scenario", name, "--spec-version", REVISION, "--force"]);
        suite.args(["--timeout", &SCENARIO_MS.to_string(), "--output-dir"]).arg(&folder);
        match side {
            Side::Server => {
                let running = match server.take() {
                    Some(running) => running,
                    None => self.serve(&folder)?,
                };
                suite.args(["--url", running.url()]);
                *server = Some(running);
            }
            Side::Client => {
                let client = recorder::install(&mut suite, &self.programs.client, &exits)?;
                suite.args(["--command", &client]);
            }
        }

        let mut log = String::new();
        let status = process::follow(&mut suite, LIMIT, |line| {
            log += line;
            log.push('\n');
        });
        let file = folder.join("log.txt");
        std::fs::write(&file, &log).context(format_args!("cannot write {}", file.display()))?;

        let server_problem = server.as_mut().filter(|_| *side == Side::Server).map(Server::problem);
        let server_problem = server_problem.transpose()?.flatten();
        if server_problem.is_some() {
            // The next scenario gets a server that works.
            *server = None;
        }
        let run = checks::Run {
            checks: checks::read(&folder)?,
            suite_content: status.as_ref().is_ok_and(std::process::ExitStatus::success),
            exits: recorder::recorded(&exits)?,
            server_problem,
        };
        let mut verdict = checks::judge(&run);
        if let Err(failure) = status {
            verdict.problems.push(failure.to_string());
        }
        if *side == Side::Client && run.exits.is_empty() {
            verdict.problems.push("the suite never started the client".to_owned());
        }
        Ok(verdict)
    }
}

fn empty(folder: &Path) -> Result {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .context(format_args!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).context(format_args!("cannot make {}", folder.display()))
}

fn report(
    scenarios: &[Scenario],
    verdicts: &BTreeMap<Scenario, Verdict>,
    options: &Options,
    took: Duration,
) -> Result {
    println!(
        "\n{:<6} {:<50} {:>4} {:>4} {:>4} {:>4}",
        "side", "scenario", "ok", "fail", "warn", "skip"
    );
    let missing = Verdict { problems: vec!["did not run".to_owned()], ..Verdict::default() };
    let mut outcomes = Outcomes::new();
    let (mut checked, mut failures, mut warnings, mut failed) = (0, 0, 0, 0);
    for scenario in scenarios {
        let (side, name) = scenario;
        let verdict = verdicts.get(scenario).unwrap_or(&missing);
        let Verdict { successes, failures: fail, warnings: warn, skipped, .. } = verdict;
        println!("{:<6} {name:<50} {successes:>4} {fail:>4} {warn:>4} {skipped:>4}", side.name());
        for problem in &verdict.problems {
            println!("       ✗ {}", problem.replace('\n', "\n         "));
        }
        for note in &verdict.notes {
            println!("       · {note}");
        }
        checked += successes + fail + warn;
        failures += fail;
        warnings += warn;
        failed += usize::from(!verdict.passed());
        let outcome = if verdict.passed() { Outcome::Passed } else { Outcome::Failed };
        evidence::add(&mut outcomes, format!("{}/{name}", side.name()), outcome);
    }
    println!(
        "\n{} scenarios, {checked} checks, {failures} failed, {warnings} warnings ({failed} scenarios not passed, {:.0} s)",
        scenarios.len(),
        took.as_secs_f64()
    );
    // What somebody else's program showed is no evidence for ours.
    if options.server.is_none() && options.client.is_none() {
        evidence::update(Kind::Conformance, &outcomes)?;
    }
    if failed == 0 {
        Ok(())
    } else {
        println!(
            "what was said is in xtask/conformance/<side>/<scenario>/log.txt of the target folder"
        );
        Err(Failure::new(format!("{failed} of {} scenarios did not pass", scenarios.len())))
    }
}
