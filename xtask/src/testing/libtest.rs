//! Reading what `cargo test` prints: which test of which program ended how.

use std::collections::BTreeMap;
use std::path::Path;

use crate::evidence::{self, Outcome, Outcomes};

/// What tests of a program are called in the ledger, in front of their own path.
///
/// Unit tests lie in their crate (`mcp_core::wire::tests::…`), an integration test in its file
/// (`mcp_core::listen::…` for `tests/listen.rs`).
pub(super) fn prefix(package: &str, kind: &str, target: &str) -> String {
    let package = package.replace('-', "_");
    if matches!(kind, "lib" | "proc-macro") {
        package
    } else if kind == "bin" && package == target.replace('-', "_") {
        // The program of a package without a library is that package.
        package
    } else {
        format!("{package}::{}", target.replace('-', "_"))
    }
}

/// Collects outcomes line by line.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) outcomes: Outcomes,
    pub(super) problems: Vec<String>,
    /// The prefix of each test program's tests, by the program's file name.
    names: BTreeMap<String, String>,
    running: Program,
}

/// The program whose tests are running.
#[derive(Debug, Default)]
struct Program {
    name: String,
    prefix: Option<String>,
    passed: usize,
    /// Whether its closing line is still to come.
    open: bool,
}

impl Report {
    pub(super) fn new(names: BTreeMap<String, String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// Takes one line.
    pub(super) fn line(&mut self, line: &str) {
        let text = line.trim_start();
        if let Some(program) = text.strip_prefix("Running ").filter(|text| text.ends_with(')')) {
            let file = program.rsplit(['/', '\\', '(']).next().unwrap_or_default();
            let stem = Path::new(file.trim_end_matches(')')).file_stem().unwrap_or_default();
            let prefix = self.names.get(&*stem.to_string_lossy()).cloned();
            self.open(program, prefix);
        } else if let Some(package) = text.strip_prefix("Doc-tests ") {
            self.open(&format!("the examples of {package}"), None);
        } else if line.strip_prefix("running ").is_some_and(is_count) {
            // The examples of one package come in more than one part: those that are built
            // together, then those that stand alone, each with a count of its own.
            self.running.passed = 0;
            self.running.open = !self.running.name.is_empty();
        } else if let Some(test) = line.strip_prefix("test result: ") {
            self.close(test);
        } else if let Some(test) = line.strip_prefix("test ") {
            self.test(test);
        }
    }

    /// Says that nothing more comes.
    pub(super) fn end(&mut self) {
        if self.running.open {
            self.problems.push(format!("{} did not finish its tests", self.running.name));
        }
    }

    fn open(&mut self, name: &str, prefix: Option<String>) {
        self.end();
        self.running = Program { name: name.to_owned(), prefix, passed: 0, open: true };
    }

    fn test(&mut self, text: &str) {
        let Some((name, result)) = text.rsplit_once(" ... ") else { return };
        let outcome = match result.split([',', ' ']).next() {
            Some("ok") => Outcome::Passed,
            Some("FAILED") => Outcome::Failed,
            Some("ignored") => Outcome::Ignored,
            _ => return,
        };
        self.running.passed += usize::from(outcome == Outcome::Passed);
        if outcome == Outcome::Failed {
            self.problems.push(format!("{}: {name} failed", self.running.name));
        }
        // The examples of the documentation have no path, and are no evidence for the ledger.
        if let Some(prefix) = &self.running.prefix {
            let name = name.strip_suffix(" - should panic").unwrap_or(name);
            evidence::add(&mut self.outcomes, format!("{prefix}::{name}"), outcome);
        }
    }

    /// Compares what was read with what the program itself counted. A test that writes to the
    /// terminal past the harness can garble a line; that must be noticed and not lose a test.
    fn close(&mut self, text: &str) {
        self.running.open = false;
        let counted = text.split([' ', '.']).filter(|word| !word.is_empty()).collect::<Vec<_>>();
        let counted = counted.windows(2).find_map(|pair| match pair {
            [number, "passed;"] => number.parse::<usize>().ok(),
            _ => None,
        });
        if counted != Some(self.running.passed) {
            self.problems.push(format!(
                "{}: {} tests were seen to pass, and it says: {text}",
                self.running.name, self.running.passed
            ));
        }
    }
}

/// Whether this is what the harness says before it starts: `3 tests`.
fn is_count(text: &str) -> bool {
    let number = text.strip_suffix(" tests").or_else(|| text.strip_suffix(" test"));
    number.is_some_and(|number| number.parse::<usize>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Report {
        let names = [("mcp_core-00ff", "mcp_core"), ("wire-11aa", "mcp_core::wire")];
        let names = names.map(|(file, name)| (file.to_owned(), name.to_owned()));
        let mut report = Report::new(BTreeMap::from(names));
        text.lines().for_each(|line| report.line(line));
        report.end();
        report
    }

    #[test]
    fn tests_are_named_by_their_program() {
        let report = read(
            "     Running unittests src/lib.rs (target/debug/deps/mcp_core-00ff)\n\nrunning 3 tests\n\
             test a::b ... ok\ntest a::c - should panic ... ok\ntest a::d ... ignored, too slow\n\n\
             test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
             \u{20}    Running tests/wire.rs (target/debug/deps/wire-11aa)\n\nrunning 1 test\ntest e ... ok\n\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
             \u{20}  Doc-tests mcp_core\n\nrunning 1 test\ntest crates/mcp-core/src/lib.rs - (line 3) ... ok\n\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!(report.problems, [""; 0]);
        let names: Vec<_> = report.outcomes.into_iter().collect();
        let expected = [
            ("mcp_core::a::b", Outcome::Passed),
            ("mcp_core::a::c", Outcome::Passed),
            ("mcp_core::a::d", Outcome::Ignored),
            ("mcp_core::wire::e", Outcome::Passed),
        ];
        assert_eq!(names, expected.map(|(name, outcome)| (name.to_owned(), outcome)));
    }

    #[test]
    fn examples_in_two_parts_count_each_part() {
        let part = |passed: usize, says: usize| {
            let tests = "test crates/a/src/lib.rs - (line 3) ... ok\n".repeat(passed);
            format!(
                "running {passed} tests\n{tests}\ntest result: ok. {says} passed; 0 failed; 0 ignored; \
                 0 measured; 0 filtered out; finished in 0.00s\n\n"
            )
        };
        let both = |says| format!("   Doc-tests a\n\n{}{}", part(4, 4), part(2, says));
        assert_eq!(read(&both(2)).problems, [""; 0]);
        assert!(read(&both(3)).problems[0].contains("2 tests were seen"));
        let unfinished = format!("   Doc-tests a\n\n{}running 2 tests\n", part(4, 4));
        assert!(read(&unfinished).problems[0].contains("did not finish"));
    }

    #[test]
    fn windows_paths_name_the_program_too() {
        let report = read(
            "     Running unittests src\\lib.rs (target\\debug\\deps\\mcp_core-00ff.exe)\ntest a ... FAILED\n\
             test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!(report.outcomes["mcp_core::a"], Outcome::Failed);
        assert_eq!(report.problems.len(), 1);
    }

    #[test]
    fn a_garbled_line_and_a_program_that_died_are_problems() {
        let garbled = read(
            "     Running unittests src/lib.rs (target/debug/deps/mcp_core-00ff)\nlog linetest a ... ok\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert!(garbled.problems[0].contains("0 tests were seen"), "{:?}", garbled.problems);
        let died = read(
            "     Running unittests src/lib.rs (target/debug/deps/mcp_core-00ff)\ntest a ... ok\n",
        );
        assert!(died.problems[0].contains("did not finish"), "{:?}", died.problems);
    }

    #[test]
    fn prefixes_follow_the_module_tree() {
        assert_eq!(prefix("mcp-core", "lib", "mcp_core"), "mcp_core");
        assert_eq!(prefix("mcp-core", "test", "big-lines"), "mcp_core::big_lines");
        assert_eq!(prefix("xtask", "bin", "xtask"), "xtask");
        assert_eq!(
            prefix("conformance", "bin", "conformance-server"),
            "conformance::conformance_server"
        );
    }
}
