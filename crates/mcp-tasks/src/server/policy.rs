//! How a tool wants to run.

use std::time::Duration;

use mcp_core::protocol::ElicitRequestFormParams;
use mcp_core::server::ServedTool;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::carried::Carried;

/// Whether calls of a tool become tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskMode {
    /// Never: the call is answered with its result.
    Never,
    /// As a task for clients that know tasks, directly for all others.
    Allowed,
    /// As a task only: other clients are answered `-32021`.
    Required,
}

/// How a tool wants to run.
///
/// ```
/// use std::time::Duration;
/// use mcp_tasks::TaskPolicy;
///
/// let policy = TaskPolicy::allowed()
///     .grace(Duration::from_millis(500))
///     .ttl(Some(Duration::from_secs(3600)))
///     .version("2");
/// # let _ = policy;
/// ```
#[derive(Debug, Clone)]
pub struct TaskPolicy {
    pub(crate) mode: TaskMode,
    pub(crate) grace: Duration,
    pub(crate) ttl: Option<Duration>,
    pub(crate) poll_interval: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) version: Option<String>,
    pub(crate) first: Vec<(String, ElicitRequestFormParams)>,
    pub(crate) carried: Vec<Carried>,
}

impl TaskPolicy {
    /// A policy with the defaults: no grace, kept for a day, polled every second, three attempts.
    #[must_use]
    pub fn new(mode: TaskMode) -> Self {
        Self {
            mode,
            grace: Duration::ZERO,
            ttl: Some(Duration::from_secs(24 * 60 * 60)),
            poll_interval: Duration::from_secs(1),
            max_attempts: 3,
            version: None,
            first: Vec::new(),
            carried: Vec::new(),
        }
    }

    /// [`TaskMode::Never`], as for tools without a policy.
    #[must_use]
    pub fn never() -> Self {
        Self::new(TaskMode::Never)
    }

    /// [`TaskMode::Allowed`].
    #[must_use]
    pub fn allowed() -> Self {
        Self::new(TaskMode::Allowed)
    }

    /// [`TaskMode::Required`].
    #[must_use]
    pub fn required() -> Self {
        Self::new(TaskMode::Required)
    }

    /// Answers directly if the task ends within `grace` after all. It runs as a task from the
    /// beginning, so that nothing is lost when it does not.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how long a task is kept from its creation; `None` for ever. A task that is not done by
    /// then is stopped and forgotten.
    #[must_use]
    pub fn ttl(mut self, ttl: Option<Duration>) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets how often clients should ask for the task.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets how many runs may die without progress before the task fails (3 without; at least 1).
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the tool's version. Tasks of another version fail rather than run: to be raised when the
    /// tool's arguments, questions or checkpoints change their meaning.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Asks this before there is a task, in the rounds of a direct call. The handler gets the answer
    /// when it asks with the same key ([`Cx::elicit_form`](mcp_core::server::Cx::elicit_form) and its
    /// siblings). Several are asked one after the other.
    #[must_use]
    pub fn ask_first(mut self, key: impl Into<String>, form: ElicitRequestFormParams) -> Self {
        self.first.push((key.into(), form));
        self
    }

    /// Keeps a value of the call with its task: what the transport, or a layer further out, gave to the call is given to each run as a
    /// value of the transport ([`Cx::transport_value`](mcp_core::server::Cx::transport_value)). Without it, a run knows of its caller
    /// the principal alone. Where there is no such value, the run gets none. It is kept in the task's row, under `name`.
    ///
    /// ```
    /// use mcp_tasks::TaskPolicy;
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Tenant(String);
    ///
    /// let policy = TaskPolicy::required().carry::<Tenant>("tenant");
    /// # let _ = policy;
    /// ```
    #[must_use]
    pub fn carry<T>(mut self, name: &'static str) -> Self
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.carried.push(Carried::of::<T>(name));
        self
    }
}

/// Gives tools a [`TaskPolicy`].
pub trait TaskTool: Sized {
    /// Sets how the tool wants to run.
    #[must_use]
    fn task(self, policy: TaskPolicy) -> Self;
}

impl TaskTool for ServedTool {
    fn task(self, policy: TaskPolicy) -> Self {
        self.value(policy)
    }
}
