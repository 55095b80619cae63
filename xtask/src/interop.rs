//! `cargo xtask interop`: our server with the clients of others, and our client with their servers.
//!
//! Every program speaks the command line that `tests/interop/README.md` describes, so a run is:
//! start a server (or let the client start it, over stdio), point a client at it, read one JSON
//! line for each step of a scenario. The two peers are also tried on each other; a failure there
//! tells that the scenario or a peer is wrong, and is no evidence about us.

mod bench;
mod scenario;

use std::time::Instant;

use bench::{Bench, Programs};

use crate::evidence::{self, Kind, Outcomes};
use crate::failure::{Failure, Result};

/// Which client meets which server, on what scenario.
const PAIRS: &[Pair] = &[
    Pair { client: "py", server: "docs", scenario: "docs", control: false },
    Pair { client: "ts", server: "docs", scenario: "docs", control: false },
    Pair { client: "rust", server: "py", scenario: "peer", control: false },
    Pair { client: "rust", server: "ts", scenario: "peer", control: false },
    // FastMCP knows tasks; the other two do not.
    Pair { client: "fast", server: "tasks", scenario: "tasks", control: false },
    Pair { client: "rust", server: "fast", scenario: "tasks", control: false },
    Pair { client: "py", server: "tasks", scenario: "direct", control: false },
    Pair { client: "ts", server: "tasks", scenario: "direct", control: false },
    // Neither knows the healthcare extension.
    Pair { client: "py", server: "clinic", scenario: "strangers", control: false },
    Pair { client: "ts", server: "clinic", scenario: "strangers", control: false },
    Pair { client: "py", server: "clinic-closed", scenario: "refused", control: false },
    Pair { client: "ts", server: "clinic-closed", scenario: "refused", control: false },
    Pair { client: "py", server: "ts", scenario: "peer", control: true },
    Pair { client: "ts", server: "py", scenario: "peer", control: true },
    Pair { client: "fast", server: "fast", scenario: "tasks", control: true },
    Pair { client: "py", server: "fast", scenario: "direct", control: true },
];

/// A client and a server.
#[derive(Debug)]
struct Pair {
    client: &'static str,
    server: &'static str,
    scenario: &'static str,
    /// Whether neither side is ours.
    control: bool,
}

/// How the two are connected.
#[derive(Clone, Copy, Debug)]
enum Transport {
    Stdio,
    Http,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Http => "http",
        }
    }
}

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    use lexopt::prelude::{Long, ValueExt};

    let mut wanted: Vec<String> = Vec::new();
    let mut controls_only = false;
    let mut programs = Programs::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("pair") => wanted.push(arguments.value()?.string()?),
            Long("controls-only") => controls_only = true,
            // Another program in the place of one of ours, to try out a scenario.
            Long("docs-server") => {
                programs.replace("server docs", &arguments.value()?.string()?);
            }
            Long("tasks-server") => {
                programs.replace("server tasks", &arguments.value()?.string()?);
            }
            Long("rust-client") => {
                programs.replace("client rust", &arguments.value()?.string()?);
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    for name in &wanted {
        if !PAIRS.iter().any(|pair| pair.name() == *name) {
            let known: Vec<String> = PAIRS.iter().map(Pair::name).collect();
            return Err(Failure::new(format!("no pair {name}; there are {}", known.join(", "))));
        }
    }
    run(programs, |pair| {
        (wanted.is_empty() || wanted.contains(&pair.name())) && (pair.control || !controls_only)
    })
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    run(Programs::default(), |_| true)
}

impl Pair {
    /// Client first.
    fn name(&self) -> String {
        format!("{}-{}", self.client, self.server)
    }
}

fn run(programs: Programs, wanted: impl Fn(&Pair) -> bool) -> Result {
    // What somebody else's program showed is no evidence for ours.
    let is_evidence = programs.are_ours();
    let mut bench = Bench::new(programs)?;
    let mut outcomes = Outcomes::new();
    let (mut connections, mut steps, mut failed) = (0, 0, 0);
    for pair in PAIRS.iter().filter(|pair| wanted(pair)) {
        for transport in [Transport::Stdio, Transport::Http] {
            let started = Instant::now();
            let run = bench.connect(pair, transport)?;
            let name = format!("{} {}", pair.name(), transport.name());
            println!(
                "{name:<14} {:>2} steps, {:>2} problems  {:.1} s",
                run.steps.len(),
                run.problems.len(),
                started.elapsed().as_secs_f64()
            );
            for problem in &run.problems {
                println!("       ✗ {}", problem.replace('\n', "\n         "));
            }
            connections += 1;
            steps += run.steps.len();
            failed += usize::from(!run.problems.is_empty());
            if !pair.control {
                for (step, outcome) in run.steps {
                    let name = format!("{}/{}/{step}", pair.name(), transport.name());
                    evidence::add(&mut outcomes, name, outcome);
                }
            }
        }
    }
    println!("\n{connections} connections, {steps} steps, {failed} connections not passed");
    if is_evidence {
        evidence::update(Kind::Interop, &outcomes)?;
    }
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::new(format!("{failed} of {connections} connections did not pass")))
    }
}
