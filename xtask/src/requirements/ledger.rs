//! The ledger's data files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::failure::{Context, Failure, Result};

/// A file of the ledger.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    requirement: Vec<Requirement>,
}

/// Something that the specification demands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Requirement {
    /// Unique in the whole ledger.
    pub(super) id: String,
    /// The page of the specification.
    pub(super) page: String,
    pub(super) level: Level,
    /// Who must heed it: the server, the client, both, the host.
    pub(super) side: String,
    /// What is demanded, in our words.
    pub(super) text: String,
    /// What shows that we heed it.
    #[serde(default)]
    pub(super) tests: Vec<String>,
    /// Why it is none of our business.
    pub(super) not_applicable: Option<String>,
    /// Why the test is still to come.
    pub(super) planned: Option<String>,
}

/// The words with which the specification demands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(super) enum Level {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "MUST NOT")]
    MustNot,
}

/// How far a requirement is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    Tested,
    Planned,
    NotApplicable,
}

impl Requirement {
    pub(super) fn standing(&self) -> Standing {
        if self.not_applicable.is_some() {
            Standing::NotApplicable
        } else if self.planned.is_some() || self.tests.is_empty() {
            Standing::Planned
        } else {
            Standing::Tested
        }
    }

    /// What is wrong with the entry itself.
    fn problem(&self) -> Option<&'static str> {
        let blank = |text: &str| text.trim().is_empty();
        let reasons = [&self.not_applicable, &self.planned];
        if [&self.page, &self.side, &self.text].into_iter().any(|text| blank(text)) {
            Some("page, side and text must not be empty")
        } else if reasons.into_iter().flatten().any(|reason| blank(reason)) {
            Some("a reason must not be empty")
        } else if self.tests.iter().any(|test| blank(test)) {
            Some("a test must not be empty")
        } else if self.not_applicable.is_some()
            && !(self.tests.is_empty() && self.planned.is_none())
        {
            Some("what does not apply has neither tests nor plans")
        } else if self.not_applicable.is_none() && self.planned.is_none() && self.tests.is_empty() {
            Some("has no test, and no reason for that")
        } else {
            None
        }
    }
}

/// Reads every file; returns the entries and what is wrong with them.
pub(super) fn load(folder: &Path) -> Result<(Vec<Requirement>, Vec<String>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .context(format_args!("cannot read {}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path)
            .context(format_args!("cannot read {}", path.display()))?;
        all.extend(parse(&text).context(format_args!("in {}", path.display()))?);
    }
    if all.is_empty() {
        return Err(Failure::new(format!("{} holds no requirement", folder.display())));
    }
    let problems = problems(&all);
    Ok((all, problems))
}

fn parse(text: &str) -> Result<Vec<Requirement>> {
    toml::from_str::<File>(text).map(|file| file.requirement).context("not a ledger file")
}

fn problems(all: &[Requirement]) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let mut problems = Vec::new();
    for one in all {
        if let Some(problem) = one.problem() {
            problems.push(format!("{}: {problem}", one.id));
        }
        if one.id.trim().is_empty() {
            problems.push(format!("a requirement of {} has no id", one.page));
        } else if let Some(other) = seen.insert(&one.id, &one.page) {
            problems.push(format!("{}: twice, on {other} and on {}", one.id, one.page));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, more: &str) -> String {
        format!(
            "[[requirement]]\nid = \"{id}\"\npage = \"p\"\nlevel = \"MUST NOT\"\nside = \"server\"\ntext = \"t\"\n{more}\n"
        )
    }

    fn problems_of(text: &str) -> Vec<String> {
        problems(&parse(text).unwrap())
    }

    #[test]
    fn each_way_to_stand_is_read() {
        let text = [
            entry("a", "tests = [\"x::y\"]"),
            entry("b", "not_applicable = \"no such feature\""),
            entry("c", "planned = \"later\""),
            entry("d", "tests = [\"x::y\"]\nplanned = \"the other half is later\""),
        ];
        let all = parse(&text.concat()).unwrap();
        let standings: Vec<_> = all.iter().map(Requirement::standing).collect();
        let expected =
            [Standing::Tested, Standing::NotApplicable, Standing::Planned, Standing::Planned];
        assert_eq!(standings, expected);
        assert_eq!(problems(&all), [""; 0]);
        assert_eq!(all[0].level, Level::MustNot);
    }

    #[test]
    fn each_mistake_is_found() {
        assert!(problems_of(&entry("a", ""))[0].contains("has no test"));
        let twice = [entry("a", "planned = \"x\""), entry("a", "planned = \"x\"")].concat();
        assert!(problems_of(&twice)[0].contains("twice"));
        assert!(problems_of(&entry("a", "planned = \" \""))[0].contains("reason"));
        assert!(problems_of(&entry("a", "tests = [\"\"]"))[0].contains("test must not be empty"));
        let both = entry("a", "tests = [\"x\"]\nnot_applicable = \"x\"");
        assert!(problems_of(&both)[0].contains("neither"));
        assert!(problems_of(&entry("", "planned = \"x\""))[0].contains("no id"));
    }

    #[test]
    fn what_the_format_does_not_know_is_refused() {
        assert!(parse(&entry("a", "test = [\"x\"]")).is_err());
        assert!(parse(&entry("a", "planned = \"x\"").replace("MUST NOT", "SHOULD")).is_err());
        assert!(parse("[[requirements]]\n").is_err());
    }
}
