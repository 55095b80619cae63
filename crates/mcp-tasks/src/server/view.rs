//! A task as its client sees it.

use mcp_core::Error;
use mcp_core::protocol::InputRequests;

use crate::protocol::{
    CancelledTask, CompletedTask, DetailedTask, FailedTask, InputRequiredTask, Task, WorkingTask,
};
use crate::store::{Phase, StoreError, TaskRow};

/// What is known of every task.
pub(crate) fn task(row: &TaskRow) -> Task {
    let mut task = Task::new(
        row.id.as_str(),
        row.status(),
        row.created_at.to_string(),
        row.updated_at.to_string(),
        row.ttl_ms,
    );
    task.status_message.clone_from(&row.status_message);
    task.poll_interval_ms = Some(row.poll_interval_ms);
    task
}

/// The task with what its status adds.
pub(crate) fn detailed(row: &TaskRow) -> DetailedTask {
    let task = task(row);
    match &row.phase {
        Phase::Queued { .. } | Phase::Running { .. } => WorkingTask::of(task).into(),
        Phase::Parked { questions } => {
            let questions: InputRequests = questions
                .iter()
                .map(|(key, question)| (key.as_str(), question.request.clone()))
                .collect();
            InputRequiredTask::of(task, questions).into()
        }
        Phase::Completed { result } => CompletedTask::of(task, result.clone()).into(),
        Phase::Failed { error } => FailedTask::of(task, error.clone()).into(),
        Phase::Cancelled => CancelledTask::of(task).into(),
    }
}

/// A store's error as a client may see it. What is unknown, malformed, another's and gone look the
/// same.
pub(crate) fn error(error: &StoreError) -> Error {
    match error {
        StoreError::NotFound => not_found(),
        StoreError::Conflict => {
            Error::invalid_params("the idempotency key was used for another request")
        }
        StoreError::TooLarge { limit, .. } => {
            Error::invalid_params(format!("a task cannot have more than {limit} bytes"))
        }
        StoreError::Unavailable(_) | StoreError::Stale => {
            tracing::error!(%error, "a task store failed");
            Error::Internal
        }
    }
}

/// There is no such task for this caller.
pub(crate) fn not_found() -> Error {
    Error::invalid_params("there is no such task")
}
