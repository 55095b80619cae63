//! The command line.

use std::path::PathBuf;

use bench_support::Result;
use lexopt::prelude::*;

use crate::build;

pub(crate) const USAGE: &str = "\
Usage: bench-driver [options]

  --only PART[,PART…]  http, stdio, stall, listeners, allocations, instructions, weight,
                       tasks, receipts, identity
                       (default: all before instructions, and weight; instructions needs valgrind)
  --quick              fewer rounds and requests: to see that it works, not to quote
  --rounds N           rounds of the timed parts, each subject once a round (default 15)
  --workers N          worker threads of the servers' runtime, 0: current-thread (default 0)
  --check              exit with an error when a target is missed
  --out FILE           where the JSON results go (default: target/bench-results.json here)
";

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Http,
    Stdio,
    Stall,
    Listeners,
    Allocations,
    Instructions,
    Weight,
    Tasks,
    Receipts,
    Identity,
}

impl Part {
    const ALL: [Self; 10] = [
        Self::Http,
        Self::Stdio,
        Self::Stall,
        Self::Listeners,
        Self::Allocations,
        Self::Instructions,
        Self::Weight,
        Self::Tasks,
        Self::Receipts,
        Self::Identity,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Stdio => "stdio",
            Self::Stall => "stall",
            Self::Listeners => "listeners",
            Self::Allocations => "allocations",
            Self::Instructions => "instructions",
            Self::Weight => "weight",
            Self::Tasks => "tasks",
            Self::Receipts => "receipts",
            Self::Identity => "identity",
        }
    }

    /// Whether it is for the core's subjects.
    pub(crate) fn has_subjects(self) -> bool {
        !matches!(self, Self::Weight | Self::Tasks | Self::Receipts | Self::Identity)
    }

    /// Whether it runs unasked.
    fn is_default(self) -> bool {
        !matches!(self, Self::Instructions | Self::Tasks | Self::Receipts | Self::Identity)
    }

    fn from_name(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|part| part.name() == name);
        known.ok_or_else(|| format!("no part is called {name:?}\n\n{USAGE}").into())
    }
}

/// What the command line asks for.
pub(crate) struct Options {
    pub(crate) parts: Vec<Part>,
    pub(crate) quick: bool,
    pub(crate) check: bool,
    pub(crate) rounds: usize,
    pub(crate) workers: usize,
    pub(crate) out: PathBuf,
}

impl Options {
    /// None: only the usage is wanted.
    pub(crate) fn from_command_line() -> Result<Option<Self>> {
        let mut parts = Vec::new();
        let (mut quick, mut check, mut rounds, mut workers, mut out) =
            (false, false, None, 0, None);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("only") => {
                    for name in arguments.value()?.string()?.split(',') {
                        parts.push(Part::from_name(name)?);
                    }
                }
                Long("quick") => quick = true,
                Long("check") => check = true,
                Long("rounds") => rounds = Some(arguments.value()?.parse()?),
                Long("workers") => workers = arguments.value()?.parse()?,
                Long("out") => out = Some(arguments.value()?.into()),
                Short('h') | Long("help") => return Ok(None),
                other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
            }
        }
        if parts.is_empty() {
            parts.extend(Part::ALL.into_iter().filter(|part| part.is_default()));
        }
        let rounds = rounds.unwrap_or(if quick { 3 } else { 15 });
        if rounds == 0 {
            return Err("--rounds 0: a median needs at least one round".into());
        }
        let out = out.unwrap_or_else(|| build::workspace().join("target/bench-results.json"));
        Ok(Some(Self { parts, quick, check, rounds, workers, out }))
    }

    /// `requests`, or an eighth of them in a quick run.
    pub(crate) fn scaled(&self, requests: u64) -> u64 {
        if self.quick { requests.div_ceil(8) } else { requests }
    }
}
