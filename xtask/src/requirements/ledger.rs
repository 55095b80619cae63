//! The ledger's data files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::numbers;
use crate::failure::{Context, Failure, Result};

/// A file of the ledger.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The text of ours that the entries are of, as a path from the root: each of its numbers has an entry, and the
    /// other way round. Without it, they are of the protocol's pages.
    specification: Option<String>,
    /// Whether the text is a draft: what is only planned of it is shown, and does not fail.
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    requirement: Vec<Requirement>,
}

/// Something that the specification demands, or advises.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Requirement {
    /// Unique in the whole ledger.
    pub(super) id: String,
    /// The page of the specification.
    pub(super) page: String,
    /// Where on the page.
    pub(super) section: String,
    pub(super) level: Level,
    pub(super) side: Side,
    /// What is demanded, in our words.
    pub(super) text: String,
    /// What shows that we heed it.
    #[serde(default)]
    pub(super) tests: Vec<String>,
    /// Why it is none of our business.
    pub(super) not_applicable: Option<String>,
    /// Tests still to be written.
    #[serde(default)]
    pub(super) suggest: Vec<String>,
    /// Whether it is of a draft; said once for its file.
    #[serde(skip)]
    pub(super) draft: bool,
}

/// The words with which the specification demands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Level {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "MUST NOT")]
    MustNot,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
}

impl Level {
    pub(super) const ALL: [Self; 4] = [Self::Must, Self::MustNot, Self::Should, Self::ShouldNot];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
        }
    }

    /// Whether the specification leaves no choice.
    pub(super) fn is_binding(self) -> bool {
        matches!(self, Self::Must | Self::MustNot)
    }
}

/// Who must heed a requirement.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "lowercase")]
pub(super) enum Side {
    Server,
    Client,
    Both,
    /// The application around the client, or an intermediary.
    Host,
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Both => "both",
            Self::Host => "host",
        }
    }
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
        } else if self.tests.is_empty() {
            Standing::Planned
        } else {
            Standing::Tested
        }
    }

    /// What is wrong with the entry itself.
    fn problem(&self) -> Option<&'static str> {
        let blank = |text: &String| text.trim().is_empty();
        if [&self.page, &self.section, &self.text].into_iter().any(blank) {
            Some("page, section and text must not be empty")
        } else if self.not_applicable.iter().any(blank) {
            Some("a reason must not be empty")
        } else if self.tests.iter().chain(&self.suggest).any(blank) {
            Some("a test must not be empty")
        } else if self.not_applicable.is_some() && !self.tests.is_empty() {
            Some("what does not apply has no tests")
        } else if self.standing() == Standing::Planned && self.suggest.is_empty() {
            Some("has no test, and no suggestion for one")
        } else {
            None
        }
    }
}

/// Reads every file; returns the entries and what is wrong with them. Texts of ours are looked for below `root`.
pub(super) fn load(root: &Path, folder: &Path) -> Result<(Vec<Requirement>, Vec<String>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .context(format_args!("cannot read {}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let (mut all, mut differences) = (Vec::new(), Vec::new());
    for path in files {
        let read = |path: &Path| {
            std::fs::read_to_string(path).context(format_args!("cannot read {}", path.display()))
        };
        let file = parse(&read(&path)?).context(format_args!("in {}", path.display()))?;
        if let Some(specification) = &file.specification {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let text = read(&root.join(specification))?;
            differences.extend(numbers::compare(specification, &text, &name, &file.requirement));
        }
        all.extend(file.requirement);
    }
    if all.is_empty() {
        return Err(Failure::new(format!("{} holds no requirement", folder.display())));
    }
    let mut problems = problems(&all);
    problems.append(&mut differences);
    Ok((all, problems))
}

fn parse(text: &str) -> Result<File> {
    let mut file: File = toml::from_str(text).context("not a ledger file")?;
    file.requirement.iter_mut().for_each(|one| one.draft = file.draft);
    Ok(file)
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
            "[[requirement]]\nid = \"{id}\"\npage = \"p\"\nsection = \"s\"\nlevel = \"MUST NOT\"\n\
             side = \"server\"\ntext = \"t\"\n{more}\n"
        )
    }

    fn problems_of(text: &str) -> Vec<String> {
        problems(&parse(text).unwrap().requirement)
    }

    #[test]
    fn each_way_to_stand_is_read() {
        let text = [
            entry("a", "tests = [\"x::y\"]"),
            entry("b", "not_applicable = \"no such feature\""),
            entry("c", "tests = []\nsuggest = [\"later\"]"),
            entry("d", "tests = [\"x::y\"]\nsuggest = [\"one more\"]"),
        ];
        let all = parse(&text.concat()).unwrap().requirement;
        let standings: Vec<_> = all.iter().map(Requirement::standing).collect();
        let expected =
            [Standing::Tested, Standing::NotApplicable, Standing::Planned, Standing::Tested];
        assert_eq!(standings, expected);
        assert_eq!(problems(&all), [""; 0]);
        assert_eq!((all[0].level, all[0].side), (Level::MustNot, Side::Server));
    }

    #[test]
    fn each_mistake_is_found() {
        assert!(problems_of(&entry("a", ""))[0].contains("has no test"));
        let once = entry("a", "tests = [\"x\"]");
        assert!(problems_of(&once.repeat(2))[0].contains("twice"));
        assert!(problems_of(&entry("a", "not_applicable = \" \""))[0].contains("reason"));
        assert!(problems_of(&entry("a", "tests = [\"\"]"))[0].contains("test must not be empty"));
        assert!(problems_of(&entry("a", "suggest = [\" \"]"))[0].contains("must not be empty"));
        let both = entry("a", "tests = [\"x\"]\nnot_applicable = \"x\"");
        assert!(problems_of(&both)[0].contains("no tests"));
        assert!(problems_of(&entry("", "tests = [\"x\"]"))[0].contains("no id"));
        assert!(problems_of(&once.replace("\"s\"", "\"\""))[0].contains("section"));
    }

    #[test]
    fn a_draft_is_one_for_all_entries_of_its_file() {
        let entries = entry("a", "tests = [\"x\"]") + &entry("b", "tests = [\"x\"]");
        let is_draft = |text: &str| {
            let file = parse(text).unwrap();
            file.requirement.iter().map(|one| one.draft).collect::<Vec<_>>()
        };
        assert_eq!(is_draft(&entries), [false, false]);
        assert_eq!(is_draft(&format!("draft = true\n{entries}")), [true, true]);
    }

    #[test]
    fn what_the_format_does_not_know_is_refused() {
        let good = entry("a", "tests = [\"x\"]");
        assert!(parse(&good).is_ok());
        for (old, new) in
            [("tests", "test"), ("MUST NOT", "MAY"), ("server", "servers"), ("section", "where")]
        {
            assert!(parse(&good.replace(old, new)).is_err(), "{new}");
        }
        assert!(parse("[[requirements]]\n").is_err());
    }
}
