//! The contract of task stores, for those who write one.

mod checks;
mod faults;
mod problem;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcp_tasks::store::TaskStore;

use crate::fail::fail;
use problem::Problem;

/// How the suite gets at a store and at its clock.
#[async_trait]
pub trait TaskStoreHarness: Send + Sync {
    /// A store that is empty, and shares nothing with the ones before.
    async fn fresh(&self) -> Arc<dyn TaskStore>;

    /// The same data, seen by another instance, while `store` stays in use. `None` if only one
    /// instance can have it open.
    async fn another(&self, store: &Arc<dyn TaskStore>) -> Option<Arc<dyn TaskStore>>;

    /// The same data after all instances were closed. `None` for a store that forgets.
    async fn reopened(&self, store: Arc<dyn TaskStore>) -> Option<Arc<dyn TaskStore>>;

    /// Lets time pass on the store's clock.
    async fn pass(&self, time: Duration);

    /// The most bytes that one task of a fresh store may have; the suite makes larger ones.
    fn max_task_size(&self) -> usize;
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStoreFinding {
    /// The rule, in words.
    pub rule: &'static str,
    /// What is wrong; `None` if nothing is.
    pub problem: Option<String>,
    /// Whether the check does not apply to this store.
    pub skipped: bool,
}

/// Everything that the suite found. It shows itself line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report that nobody reads passes every store"]
pub struct TaskStoreReport {
    findings: Vec<TaskStoreFinding>,
}

impl TaskStoreReport {
    /// All findings, good and bad.
    #[must_use]
    pub fn findings(&self) -> &[TaskStoreFinding] {
        &self.findings
    }

    /// Whether there is no problem.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.problem.is_none())
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

impl fmt::Display for TaskStoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            match (&finding.problem, finding.skipped) {
                (Some(problem), _) => writeln!(f, "  WRONG {}: {problem}", finding.rule)?,
                (None, true) => writeln!(f, "  --    {} (does not apply)", finding.rule)?,
                (None, false) => writeln!(f, "  ok    {}", finding.rule)?,
            }
        }
        Ok(())
    }
}

type Checked<'a> = Pin<Box<dyn Future<Output = Result<bool, Problem>> + Send + 'a>>;
type Check = for<'a> fn(&'a dyn TaskStoreHarness) -> Checked<'a>;

/// Holds a task store to its contract; see [`TaskStore`]. Each check has a fresh store.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use mcp_tasks::store::{ManualClock, MemoryStore, TaskStore};
/// use mcp_testkit::{TaskStoreHarness, check_task_store};
///
/// struct Memory(ManualClock);
///
/// #[async_trait::async_trait]
/// impl TaskStoreHarness for Memory {
///     async fn fresh(&self) -> Arc<dyn TaskStore> {
///         Arc::new(MemoryStore::with_clock(self.0.clone()).max_task_size(10_000))
///     }
///     async fn another(&self, store: &Arc<dyn TaskStore>) -> Option<Arc<dyn TaskStore>> {
///         Some(Arc::clone(store))
///     }
///     async fn reopened(&self, _: Arc<dyn TaskStore>) -> Option<Arc<dyn TaskStore>> {
///         None
///     }
///     async fn pass(&self, time: Duration) {
///         self.0.advance(time);
///     }
///     fn max_task_size(&self) -> usize {
///         10_000
///     }
/// }
///
/// let report = check_task_store(&Memory(ManualClock::default())).await;
/// report.assert_passed();
/// # }
/// ```
pub async fn check_task_store(harness: &dyn TaskStoreHarness) -> TaskStoreReport {
    let mut findings = Vec::new();
    for (rule, check) in checks::ALL.iter().chain(faults::ALL) {
        let (problem, skipped) = match check(harness).await {
            Ok(applies) => (None, !applies),
            Err(problem) => (Some(problem.0), false),
        };
        findings.push(TaskStoreFinding { rule, problem, skipped });
    }
    TaskStoreReport { findings }
}
