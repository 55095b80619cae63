//! What the last runs showed: which tests, scenarios and steps ran, and how they ended.
//!
//! The steps of `cargo xtask test` write it, `cargo xtask requirements` reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::{Context, Result};
use crate::workspace;

/// How something ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// It ran, and everything was right.
    Passed,
    /// It exists, and did not run.
    Ignored,
    /// It ran, and something was wrong.
    Failed,
}

/// One kind of evidence, each in a file of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Tests of the workspace, by their path.
    Tests,
    /// Scenarios of the official suite.
    Conformance,
    /// Steps of the interoperability scenarios, where our side took part.
    Interop,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Tests, Self::Conformance, Self::Interop];

    fn file(self) -> Result<PathBuf> {
        let name = match self {
            Self::Tests => "tests.json",
            Self::Conformance => "conformance.json",
            Self::Interop => "interop.json",
        };
        Ok(workspace::members()?.results()?.join(name))
    }

    /// The step of `cargo xtask test` that writes it.
    pub(crate) fn step(self) -> &'static str {
        match self {
            Self::Tests => "test",
            Self::Conformance => "conformance",
            Self::Interop => "interop",
        }
    }
}

/// Outcomes by name.
pub(crate) type Outcomes = BTreeMap<String, Outcome>;

/// Adds an outcome; of several with one name the worst counts.
pub(crate) fn add(outcomes: &mut Outcomes, name: impl Into<String>, outcome: Outcome) {
    let kept = outcomes.entry(name.into()).or_insert(outcome);
    *kept = outcome.max(*kept);
}

/// Writes the evidence of a complete run.
pub(crate) fn replace(kind: Kind, outcomes: &Outcomes) -> Result {
    let file = kind.file()?;
    let text = serde_json::to_string_pretty(outcomes).context("cannot write evidence as JSON")?;
    std::fs::write(&file, text).context(format_args!("cannot write {}", file.display()))
}

/// Writes the evidence of a run of some; what the others showed before stays.
pub(crate) fn update(kind: Kind, outcomes: &Outcomes) -> Result {
    let mut all = load(kind)?.unwrap_or_default();
    all.extend(outcomes.iter().map(|(name, outcome)| (name.clone(), *outcome)));
    replace(kind, &all)
}

/// The evidence of one kind, if there is any.
pub(crate) fn load(kind: Kind) -> Result<Option<Outcomes>> {
    let file = kind.file()?;
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            let outcomes = serde_json::from_str(&text);
            outcomes.context(format_args!("cannot read {}", file.display())).map(Some)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context(format_args!("cannot read {}", file.display())),
    }
}

/// Forgets everything, so that nothing counts that did not run in this run.
pub(crate) fn forget() -> Result {
    for kind in Kind::ALL {
        let file = kind.file()?;
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context(format_args!("cannot remove {}", file.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_outcome_of_a_name_counts() {
        let mut outcomes = Outcomes::new();
        add(&mut outcomes, "a", Outcome::Passed);
        add(&mut outcomes, "a", Outcome::Failed);
        add(&mut outcomes, "a", Outcome::Passed);
        add(&mut outcomes, "b", Outcome::Ignored);
        add(&mut outcomes, "b", Outcome::Passed);
        assert_eq!(outcomes["a"], Outcome::Failed);
        assert_eq!(outcomes["b"], Outcome::Ignored);
    }
}
