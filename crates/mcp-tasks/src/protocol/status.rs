//! What a task is doing.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a task.
///
/// ```
/// use mcp_tasks::protocol::TaskStatus;
///
/// let status: TaskStatus = serde_json::from_str(r#""input_required""#)?;
/// assert!(!status.is_terminal());
/// assert_eq!(status.to_string(), "input_required");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// The request is being processed.
    Working,
    /// The task waits for its client's answers.
    InputRequired,
    /// The request has its result; a tool's own failure (`isError`) is one, too.
    Completed,
    /// The request came to a JSON-RPC error.
    Failed,
    /// The request was cancelled before it had completed.
    Cancelled,
}

impl TaskStatus {
    /// Whether the task has ended. A task that has ended never changes.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The text on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
