//! What one scenario showed, judged more strictly than the suite judges it.
//!
//! The suite lets a scenario pass with warnings, and does not notice a program that dies after its
//! checks. Here a scenario passes only with at least one success, no failure, no warning, a server
//! that is still alive, and a client that ended with 0, unless the suite itself allows an error.

use std::path::Path;

use serde::Deserialize;

use crate::failure::{Context, Failure, Result};

/// One line of the suite's `checks.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Check {
    id: String,
    status: Status,
    #[serde(default)]
    description: String,
    error_message: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Success,
    Failure,
    Warning,
    Skipped,
    Info,
}

/// How a client program ended, as our recorder saw it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Exit {
    /// With this code.
    Code(i32),
    /// By a signal, or not at all as far as the recorder could tell.
    Killed(String),
}

/// The exit code of a Rust program whose main thread panicked.
const PANIC: i32 = 101;

/// Everything that is known after a scenario ran.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The suite's checks; none if it wrote no file.
    pub(crate) checks: Option<Vec<Check>>,
    /// Whether the suite itself was content.
    pub(crate) suite_content: bool,
    /// The ends of all the client programs that the suite started.
    pub(crate) exits: Vec<Exit>,
    /// What is wrong with the server, if anything.
    pub(crate) server_problem: Option<String>,
}

/// The judgement on a scenario.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) successes: usize,
    pub(crate) failures: usize,
    pub(crate) warnings: usize,
    pub(crate) skipped: usize,
    /// Why the scenario did not pass; empty if it did.
    pub(crate) problems: Vec<String>,
    /// What the suite did not check, and why.
    pub(crate) notes: Vec<String>,
}

impl Verdict {
    pub(crate) fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Judges a run.
pub(crate) fn judge(run: &Run) -> Verdict {
    let mut verdict = Verdict::default();
    let Some(checks) = &run.checks else {
        verdict.problems.push("did not run: the suite wrote no checks".to_owned());
        verdict.problems.extend(run.server_problem.clone());
        return verdict;
    };
    for check in checks {
        let detail = check.error_message.as_deref().unwrap_or(&check.description);
        let word = match check.status {
            Status::Success => {
                verdict.successes += 1;
                continue;
            }
            Status::Skipped => {
                verdict.skipped += 1;
                verdict.notes.push(format!("skipped {}: {detail}", check.id));
                continue;
            }
            Status::Info => continue,
            Status::Failure => {
                verdict.failures += 1;
                "failure"
            }
            Status::Warning => {
                verdict.warnings += 1;
                "warning"
            }
        };
        verdict.problems.push(format!("{word} {}: {detail}", check.id));
    }
    if verdict.successes == 0 {
        verdict.problems.push("no check succeeded".to_owned());
    }
    for exit in &run.exits {
        match exit {
            Exit::Code(0) => {}
            Exit::Code(PANIC) => verdict.problems.push("the client panicked".to_owned()),
            // Some scenarios want the client to refuse; those the suite passes all the same.
            Exit::Code(_) if run.suite_content => {}
            Exit::Code(code) => verdict.problems.push(format!("the client ended with {code}")),
            Exit::Killed(how) => verdict.problems.push(format!("the client ended with {how}")),
        }
    }
    verdict.problems.extend(run.server_problem.clone());
    if !run.suite_content && verdict.problems.is_empty() {
        verdict.problems.push("the suite reports a failure that no check explains".to_owned());
    }
    verdict
}

/// Finds and reads the one `checks.json` below a folder.
pub(crate) fn read(folder: &Path) -> Result<Option<Vec<Check>>> {
    let mut found = None;
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(format_args!("cannot read {}", folder.display())),
    };
    for entry in entries {
        let path = entry.context(format_args!("cannot read {}", folder.display()))?.path();
        // A scenario with a slash in its name gets a folder in a folder.
        let nested = if path.is_dir() { read(&path)? } else { None };
        let own = if path.file_name().is_some_and(|name| name == "checks.json") {
            let text = std::fs::read_to_string(&path)
                .context(format_args!("cannot read {}", path.display()))?;
            let checks = serde_json::from_str::<Vec<Check>>(&text);
            Some(checks.context(format_args!("cannot read {}", path.display()))?)
        } else {
            None
        };
        if let Some(checks) = own.or(nested) {
            if found.is_some() {
                return Err(Failure::new(format!("two checks.json in {}", folder.display())));
            }
            found = Some(checks);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(statuses: &str) -> Option<Vec<Check>> {
        let checks: Vec<String> = statuses
            .split_whitespace()
            .map(|status| format!(r#"{{"id":"x","status":"{status}","errorMessage":"because"}}"#))
            .collect();
        Some(serde_json::from_str(&format!("[{}]", checks.join(","))).unwrap())
    }

    fn run(statuses: &str) -> Run {
        Run { checks: checks(statuses), suite_content: true, ..Run::default() }
    }

    #[test]
    fn success_alone_passes_and_information_does_not_matter() {
        let verdict = judge(&run("SUCCESS INFO SKIPPED SUCCESS"));
        assert!(verdict.passed(), "{verdict:?}");
        assert_eq!((verdict.successes, verdict.skipped), (2, 1));
    }

    #[test]
    fn failure_warning_and_silence_do_not_pass() {
        assert_eq!(judge(&run("SUCCESS FAILURE")).problems, ["failure x: because"]);
        assert_eq!(judge(&run("SUCCESS WARNING")).problems, ["warning x: because"]);
        assert_eq!(judge(&run("INFO")).problems, ["no check succeeded"]);
        assert_eq!(judge(&Run::default()).problems, ["did not run: the suite wrote no checks"]);
    }

    #[test]
    fn a_dead_or_panicked_program_does_not_pass() {
        let dead = Run { server_problem: Some("the server ended".to_owned()), ..run("SUCCESS") };
        assert_eq!(judge(&dead).problems, ["the server ended"]);
        let panicked = Run { exits: vec![Exit::Code(0), Exit::Code(PANIC)], ..run("SUCCESS") };
        assert_eq!(judge(&panicked).problems, ["the client panicked"]);
        let killed = Run { exits: vec![Exit::Killed("signal: 11".to_owned())], ..run("SUCCESS") };
        assert_eq!(judge(&killed).problems, ["the client ended with signal: 11"]);
    }

    #[test]
    fn a_refusal_passes_only_where_the_suite_allows_it() {
        let refused = Run { exits: vec![Exit::Code(1)], ..run("SUCCESS") };
        assert!(judge(&refused).passed());
        let refused = Run { suite_content: false, ..refused };
        assert_eq!(judge(&refused).problems, ["the client ended with 1"]);
        let unexplained = Run { suite_content: false, ..run("SUCCESS") };
        assert_eq!(judge(&unexplained).problems.len(), 1);
    }

    #[test]
    fn an_unknown_status_is_an_error_and_not_ignored() {
        assert!(serde_json::from_str::<Check>(r#"{"id":"x","status":"MAYBE"}"#).is_err());
    }
}
