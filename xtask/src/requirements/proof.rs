//! Whether what the ledger names took place.
//!
//! | written in the ledger | is |
//! |---|---|
//! | `mcp_core::stdio::tests::long_line` | a unit test, by its path |
//! | `mcp_core::listen::resumes` | the test `resumes` of the file `tests/listen.rs` |
//! | `conformance:server/tools-list` | a scenario of the official suite against our server |
//! | `conformance:client/tools_call` | one against our client |
//! | `interop:elicit-accept` | a step of an interoperability scenario, wherever our side takes part |
//! | `interop:py-docs/http/elicit-accept` | the step between one pair over one transport |

use crate::evidence::{self, Kind, Outcome, Outcomes};
use crate::failure::Result;

/// The evidence of the last runs.
#[derive(Debug)]
pub(super) struct Proofs {
    tests: Option<Outcomes>,
    conformance: Option<Outcomes>,
    interop: Option<Outcomes>,
}

impl Proofs {
    pub(super) fn load() -> Result<Self> {
        Ok(Self {
            tests: evidence::load(Kind::Tests)?,
            conformance: evidence::load(Kind::Conformance)?,
            interop: evidence::load(Kind::Interop)?,
        })
    }

    /// Whether a test passed; if not, why.
    pub(super) fn of(&self, test: &str) -> std::result::Result<(), String> {
        if let Some(scenario) = test.strip_prefix("conformance:") {
            judge(self.conformance.as_ref(), Kind::Conformance, |name| name == scenario)
        } else if let Some(step) = test.strip_prefix("interop:") {
            judge(self.interop.as_ref(), Kind::Interop, |name| {
                name == step || name.rsplit('/').next() == Some(step)
            })
        } else {
            let path = test.replace('-', "_");
            judge(self.tests.as_ref(), Kind::Tests, |name| name == path)
        }
    }
}

fn judge(
    outcomes: Option<&Outcomes>,
    kind: Kind,
    is_meant: impl Fn(&str) -> bool,
) -> std::result::Result<(), String> {
    let Some(outcomes) = outcomes else {
        return Err(format!("nothing ran yet; cargo xtask test --only {}", kind.step()));
    };
    let meant = outcomes.iter().filter(|(name, _)| is_meant(name)).map(|(_, outcome)| outcome);
    match meant.max() {
        Some(Outcome::Passed) => Ok(()),
        Some(Outcome::Ignored) => Err("is there, and was not run".to_owned()),
        Some(Outcome::Failed) => Err("failed".to_owned()),
        None => Err("was not in the last run".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(all: &[(&str, Outcome)]) -> Option<Outcomes> {
        Some(all.iter().map(|(name, outcome)| ((*name).to_owned(), *outcome)).collect())
    }

    #[test]
    fn only_what_ran_and_passed_is_a_proof() {
        let proofs = Proofs {
            tests: outcomes(&[
                ("mcp_core::a::good", Outcome::Passed),
                ("mcp_core::a::bad", Outcome::Failed),
                ("mcp_core::a::slow", Outcome::Ignored),
            ]),
            conformance: outcomes(&[("server/tools-list", Outcome::Passed)]),
            interop: outcomes(&[
                ("py-docs/http/read", Outcome::Passed),
                ("ts-docs/http/read", Outcome::Failed),
                ("py-docs/http/list-tools", Outcome::Passed),
            ]),
        };
        assert_eq!(proofs.of("mcp_core::a::good"), Ok(()));
        assert_eq!(proofs.of("mcp-core::a::good"), Ok(()));
        assert_eq!(proofs.of("conformance:server/tools-list"), Ok(()));
        assert_eq!(proofs.of("interop:list-tools"), Ok(()));
        assert_eq!(proofs.of("interop:py-docs/http/read"), Ok(()));

        for name in ["mcp_core::a::bad", "mcp_core::a::slow", "mcp_core::a::gone", "good"] {
            assert!(proofs.of(name).is_err(), "{name}");
        }
        // One pair's failure is the step's.
        assert_eq!(proofs.of("interop:read"), Err("failed".to_owned()));
        for name in ["server/tools", "client/tools-list", "tools-list"] {
            assert!(proofs.of(&format!("conformance:{name}")).is_err(), "{name}");
        }
    }

    #[test]
    fn without_a_run_nothing_is_proven() {
        let proofs = Proofs { tests: None, conformance: None, interop: None };
        let why = proofs.of("conformance:server/tools-list").unwrap_err();
        assert!(why.contains("--only conformance"), "{why}");
    }
}
