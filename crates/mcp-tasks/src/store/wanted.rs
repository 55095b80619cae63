//! Which tasks an instance takes.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Phase, TaskRow, Timestamp};

/// Which tasks a worker wants to claim.
///
/// ```
/// use std::time::Duration;
/// use mcp_tasks::store::Wanted;
///
/// // This instance has version 2 of `index`. What nobody else takes for ten minutes it takes, too:
/// // to say that it cannot be run.
/// let wanted = Wanted::tools([("index", Some("2"))], Duration::from_secs(600));
/// assert!(wanted.has("index", Some("2")) && !wanted.has("index", None));
/// assert!(Wanted::all().has("anything", None));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// `None` for all.
    tools: Option<BTreeSet<(String, String)>>,
    others_after: Duration,
}

impl Wanted {
    /// Every task: for a store that one instance has for itself.
    #[must_use]
    pub const fn all() -> Self {
        Self { tools: None, others_after: Duration::ZERO }
    }

    /// The tasks of these tools, each with its version, if it has one; and those of other tools that
    /// have been waiting for a worker for `others_after`, if no instance with their tool has asked for tasks in that time.
    /// A store that does not know what instances there are takes the waiting for it.
    pub fn tools<'a>(
        tools: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
        others_after: Duration,
    ) -> Self {
        let own = |(tool, version): (&str, Option<&str>)| (tool.to_owned(), known_as(version));
        Self { tools: Some(tools.into_iter().map(own).collect()), others_after }
    }

    /// Whether the tasks of this version of a tool are wanted at once.
    #[must_use]
    pub fn has(&self, tool: &str, version: Option<&str>) -> bool {
        let Some(tools) = &self.tools else { return true };
        tools.contains(&(tool.to_owned(), known_as(version)))
    }

    /// Whether a task that could be claimed now is wanted.
    #[must_use]
    pub fn wants(&self, row: &TaskRow, now: Timestamp) -> bool {
        let due = match row.phase {
            Phase::Queued { since } => since,
            Phase::Running { lease_until } => lease_until,
            _ => return false,
        };
        self.has(&row.request.tool, row.request.version.as_deref())
            || due.after(self.others_after) <= now
    }

    /// The tools with their versions (empty for none), `None` for all: for stores that choose by a query.
    #[must_use]
    pub fn names(&self) -> Option<impl Iterator<Item = (&str, &str)>> {
        let tools = self.tools.as_ref()?;
        Some(tools.iter().map(|(tool, version)| (tool.as_str(), version.as_str())))
    }

    /// How long tasks of other tools wait before they are wanted.
    #[must_use]
    pub const fn others_after(&self) -> Duration {
        self.others_after
    }
}

/// No version and an empty one are the same.
fn known_as(version: Option<&str>) -> String {
    version.unwrap_or_default().to_owned()
}
