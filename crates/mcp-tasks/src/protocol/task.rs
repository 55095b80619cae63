//! A task without what its status adds, and the answer that names a new one.

use mcp_core::protocol::{Meta, ResultBody, ResultMetaObject};

use super::{RESULT_TYPE, TaskStatus};

mcp_core::wire! {
    /// What is known of every task.
    ///
    /// Times are ISO 8601 in UTC, durations milliseconds.
    pub struct Task {
        required {
            /// Identifies the task. Hard to guess: whoever knows it may ask for the task, as far as it is
            /// not bound to a principal.
            task_id: String = "taskId",
            /// What the task is doing.
            status: TaskStatus = "status",
            /// When it was created.
            created_at: String = "createdAt",
            /// When it changed last.
            last_updated_at: String = "lastUpdatedAt",
            /// How long it is kept, from its creation; `None` for ever.
            ttl_ms: Option<u64> = "ttlMs",
        }
        optional {
            /// The state in words, for people and models.
            status_message: String = "statusMessage" => with_status_message,
            /// How often a client should ask for the state.
            poll_interval_ms: u64 = "pollIntervalMs" => with_poll_interval_ms,
        }
    }
}

mcp_core::wire! {
    /// The answer to a request that goes on as a task: `resultType: "task"`.
    ///
    /// ```
    /// use mcp_core::protocol::Tagged;
    /// use mcp_tasks::protocol::{CreateTaskResult, TaskStatus};
    ///
    /// let text = r#"{"resultType":"task","taskId":"a","status":"working","createdAt":"2026-01-01T00:00:00Z",
    ///     "lastUpdatedAt":"2026-01-01T00:00:00Z","ttlMs":null}"#;
    /// let Tagged(created): Tagged<CreateTaskResult> = serde_json::from_str(text)?;
    /// assert_eq!((created.status, created.ttl_ms), (TaskStatus::Working, None));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct CreateTaskResult
    [result "task"]
    {
        required {
            /// Identifies the task.
            task_id: String = "taskId",
            /// What the task is doing.
            status: TaskStatus = "status",
            /// When it was created.
            created_at: String = "createdAt",
            /// When it changed last.
            last_updated_at: String = "lastUpdatedAt",
            /// How long it is kept, from its creation; `None` for ever.
            ttl_ms: Option<u64> = "ttlMs",
        }
        optional {
            /// The state in words, for people and models.
            status_message: String = "statusMessage" => with_status_message,
            /// How often a client should ask for the state.
            poll_interval_ms: u64 = "pollIntervalMs" => with_poll_interval_ms,
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

impl ResultBody for CreateTaskResult {
    const RESULT_TYPE: &'static str = RESULT_TYPE;

    fn take_meta(&mut self) -> Option<Meta> {
        self.meta.take()
    }
}

impl From<Task> for CreateTaskResult {
    fn from(task: Task) -> Self {
        Self {
            task_id: task.task_id,
            status: task.status,
            created_at: task.created_at,
            last_updated_at: task.last_updated_at,
            ttl_ms: task.ttl_ms,
            status_message: task.status_message,
            poll_interval_ms: task.poll_interval_ms,
            meta: None,
            extra: task.extra,
        }
    }
}
