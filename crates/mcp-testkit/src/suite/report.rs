//! What the suite found.

use std::fmt;

use mcp_core::extension::ExtensionId;

use crate::fail::fail;

/// The rules that an extension is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rule {
    /// The server or client with the extension can be built, and has it.
    Built,
    /// `server/discover` shows the extension and its settings; a client's messages declare it.
    Announced,
    /// What was said to be valid is answered.
    Works,
    /// Without the declaration: `-32021`, with exactly what is to be declared. A client without the
    /// extension sends nothing of it.
    Gated,
    /// Settings that do not fit are refused by a named error, and nothing else suffers.
    Settings,
    /// Another extension that claims the same names is a conflict when the server is built.
    Shadowing,
    /// A client that did not declare the extension sees nothing of it. With a server that does not
    /// have it, a client works as it does without it.
    Invisible,
    /// Lists hold what was named, in the same order each time.
    Listed,
    /// HTTP routing by the field that was named, and by no other.
    Routed,
    /// Malformed parameters are answered `-32602`; malformed results and notifications of a server
    /// are not taken.
    Parameters,
    /// Values of `_meta` are typed.
    Metadata,
    /// A filter field of `subscriptions/listen` is acknowledged.
    Topic,
    /// What the published schemas say is what is sent and taken.
    Schemas,
    /// No input makes it fail: no `-32603`, no silence, no broken message.
    Robust,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Built => "built",
            Self::Announced => "announced",
            Self::Works => "works",
            Self::Gated => "gated",
            Self::Settings => "settings",
            Self::Shadowing => "shadowing",
            Self::Invisible => "invisible",
            Self::Listed => "listed",
            Self::Routed => "routed",
            Self::Parameters => "parameters",
            Self::Metadata => "metadata",
            Self::Topic => "topic",
            Self::Schemas => "schemas",
            Self::Robust => "robust",
        })
    }
}

/// One check and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// What was checked: a method, a tool, a field.
    pub subject: String,
    /// What is wrong; `None` if nothing is.
    pub problem: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            None => write!(f, "ok    {}: {}", self.rule, self.subject),
            Some(problem) => write!(f, "WRONG {}: {}: {problem}", self.rule, self.subject),
        }
    }
}

/// Everything that the suite found. It shows itself line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report that nobody reads passes every extension"]
pub struct Report {
    id: ExtensionId,
    findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(id: ExtensionId) -> Self {
        Self { id, findings: Vec::new() }
    }

    pub(crate) fn record(&mut self, rule: Rule, subject: &str, problem: Option<String>) {
        self.findings.push(Finding { rule, subject: subject.to_owned(), problem });
    }

    /// All findings, good and bad, in the order of the checks.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The bad ones.
    pub fn problems(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.problem.is_some())
    }

    /// Whether there is no problem.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems().next().is_none()
    }

    /// Demands that there is no problem.
    ///
    /// # Panics
    /// If there is one, with all of them.
    #[track_caller]
    pub fn assert_passed(&self) {
        if !self.passed() {
            fail(format_args!("{self}"));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = self.problems().count();
        let checks = self.findings.len();
        writeln!(f, "extension {}: {checks} checks, {problems} problems", self.id)?;
        // Problems alone if there are some: the rest is not what one looks for then.
        for finding in &self.findings {
            if problems == 0 || finding.problem.is_some() {
                writeln!(f, "  {finding}")?;
            }
        }
        Ok(())
    }
}
