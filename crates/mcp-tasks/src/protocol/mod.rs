//! The types of the tasks extension, as they cross the wire.
//!
//! Names and members are those of the extension's published schema; unknown members survive in
//! `extra`, as in [`mcp_core::protocol`].
//!
//! Source: tasks extension (SEP-2663), schema of the draft.

mod detailed;
mod requests;
mod status;
mod subscriptions;
mod task;

pub use detailed::{
    CancelledTask, CompletedTask, DetailedTask, FailedTask, GetTaskResult, InputRequiredTask,
    TaskStatusNotificationParams, WorkingTask,
};
pub use requests::{
    CancelTask, CancelTaskParams, CancelTaskResult, GetTask, GetTaskParams, UpdateTask,
    UpdateTaskParams, UpdateTaskResult,
};
pub use status::TaskStatus;
pub use subscriptions::{TaskSubscriptionAcknowledgedNotifications, TaskSubscriptionNotifications};
pub use task::{CreateTaskResult, Task};

/// `tasks/get`: the state of a task.
pub const TASKS_GET: &str = "tasks/get";
/// `tasks/update`: answers to a task's questions.
pub const TASKS_UPDATE: &str = "tasks/update";
/// `tasks/cancel`: the wish that a task ends.
pub const TASKS_CANCEL: &str = "tasks/cancel";
/// `notifications/tasks`: a task has changed.
pub const NOTIFICATIONS_TASKS: &str = "notifications/tasks";
/// The field of the `subscriptions/listen` filter that names tasks.
pub const TASK_IDS: &str = "taskIds";
/// The `resultType` of a [`CreateTaskResult`].
pub const RESULT_TYPE: &str = "task";
