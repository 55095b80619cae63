//! Which scenarios there are, read from what the suite prints.

use std::collections::BTreeSet;

use crate::failure::{Context, Failure, Result};

/// Which side of a connection a scenario tests.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Side {
    Server,
    Client,
}

impl Side {
    /// The suite's subcommand for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// A scenario, by the side that it tests and its name.
pub(crate) type Scenario = (Side, String);

/// Names that begin with these belong to what is built later (authorization, skills), or check nothing:
/// the suite skips `tasks-status-notifications` against every server.
const LATER: &[&str] = &["auth/", "tasks-status-notifications", "sep-2640-"];

/// Whether a scenario is one of those that this workspace must pass today.
pub(crate) fn is_ours((_, name): &Scenario) -> bool {
    !LATER.iter().any(|prefix| name.starts_with(prefix))
}

/// Reads `conformance list --spec-version REVISION`: everything that applies to a revision.
pub(crate) fn applicable(text: &str) -> Result<BTreeSet<Scenario>> {
    let mut found = BTreeSet::new();
    let mut side = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("  - ") {
            let Some(side) = side else { continue };
            found.insert((side, first_word(name)));
        } else if !line.trim().is_empty() {
            side = heading(line);
        }
    }
    both_sides(found)
}

/// Reads `conformance list --requirements REVISION`: what a revision requires, and what is run
/// without being scored (pending, added after the release, extensions).
pub(crate) fn required(text: &str) -> Result<BTreeSet<Scenario>> {
    let mut found = BTreeSet::new();
    let mut side = None;
    let mut promised = None;
    for line in text.lines() {
        if let Some(entry) = line.strip_prefix("    - ") {
            let side = if entry.ends_with("[server]") {
                Side::Server
            } else if entry.ends_with("[client]") {
                Side::Client
            } else {
                return Err(unknown(line));
            };
            found.insert((side, first_word(entry)));
        } else if let Some(name) = line.strip_prefix("  - ") {
            found.insert((side.ok_or_else(|| unknown(line))?, first_word(name)));
        } else if line.starts_with("Required for ") {
            promised = line.split(['(', ' ']).find_map(|word| word.parse::<usize>().ok());
        } else if !line.starts_with(' ') && !line.trim().is_empty() {
            if side.is_some() && heading(line).is_none() {
                // The list of what is required ends here, and its length was announced.
                check_count(promised, found.len())?;
            }
            side = heading(line);
        }
    }
    both_sides(found)
}

fn check_count(promised: Option<usize>, found: usize) -> Result {
    let promised = promised.context("the suite does not say how many scenarios it requires")?;
    if promised == found {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "the suite announces {promised} required scenarios, and {found} could be read"
        )))
    }
}

/// A list that cannot be read must not look like a short one.
fn both_sides(found: BTreeSet<Scenario>) -> Result<BTreeSet<Scenario>> {
    for side in [Side::Server, Side::Client] {
        if !found.iter().any(|(its_side, _)| *its_side == side) {
            return Err(Failure::new(format!("the suite lists no {} scenario", side.name())));
        }
    }
    Ok(found)
}

fn heading(line: &str) -> Option<Side> {
    if line.starts_with("Server scenarios") {
        Some(Side::Server)
    } else if line.starts_with("Client scenarios") {
        Some(Side::Client)
    } else {
        None
    }
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_owned()
}

fn unknown(line: &str) -> Failure {
    Failure::new(format!("cannot read this line of the suite's list: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scenarios: &BTreeSet<Scenario>, side: Side) -> Vec<&str> {
        scenarios.iter().filter(|(its, _)| *its == side).map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn both_sides_are_read_and_the_third_is_not() {
        let text = "Server scenarios (of one kind):\n  - a [2025-11-25,2026-07-28]\n  - b [2026-07-28]\n\n\
            Client scenarios (of another):\n  - c [2026-07-28]\n\n\
            Authorization server scenarios (of a third):\n  - d [2026-07-28]\n";
        let found = applicable(text).unwrap();
        assert_eq!(names(&found, Side::Server), ["a", "b"]);
        assert_eq!(names(&found, Side::Client), ["c"]);
    }

    #[test]
    fn what_is_not_scored_belongs_to_the_list() {
        let text = "Required for 2026-07-28 (2 scenarios, frozen):\n\nServer scenarios (x):\n  - a\n\n\
            Client scenarios (y):\n  - c\n\nRun and reported, but never scored:\n  pending (2):\n    - p [server]\n    - q [client]\n";
        let found = required(text).unwrap();
        assert_eq!(names(&found, Side::Server), ["a", "p"]);
        assert_eq!(names(&found, Side::Client), ["c", "q"]);
    }

    #[test]
    fn a_list_that_cannot_be_read_is_a_failure_and_not_a_short_list() {
        assert!(applicable("").is_err());
        assert!(applicable("Server scenarios:\n  - a\n").is_err());
        let text = "Required for 2026-07-28 (3 scenarios, frozen):\n\nServer scenarios (x):\n  - a\n\n\
            Client scenarios (y):\n  - c\n\nRun and reported, but never scored:\n";
        let failure = required(text).unwrap_err();
        assert!(failure.to_string().contains("announces 3"), "{failure}");
    }

    #[test]
    fn later_work_is_left_out() {
        let is_ours = |name: &str| is_ours(&(Side::Client, name.to_owned()));
        assert!(is_ours("tools_call") && is_ours("tasks-lifecycle"));
        assert!(
            !is_ours("auth/dpop")
                && !is_ours("tasks-status-notifications")
                && !is_ours("sep-2640-client-no-prefetch")
        );
    }
}
