//! Tasks in hand.

use std::collections::BTreeSet;
use std::fmt;

use futures_util::stream::{self, Stream};
use mcp_core::client::ClientError;
use mcp_core::protocol::{CallToolResult, InputResponses};
use serde::{Deserialize, Serialize};

use super::drive::{Drive, final_result};
use crate::protocol::{CreateTaskResult, DetailedTask};

/// What is needed to go on with a task: small, and JSON. To be kept like a password, if the server
/// does not know who its clients are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TaskHandle {
    /// The task.
    pub task_id: String,
    /// The tool that was called.
    pub tool: String,
    /// How often to ask, in milliseconds, as the server said last.
    pub poll_interval_ms: u64,
    /// Keys of questions that were answered: nobody is asked twice.
    #[serde(default)]
    pub answered: BTreeSet<String>,
}

impl TaskHandle {
    /// A handle of a task that is known by its id only.
    pub fn of(task_id: impl Into<String>, tool: impl Into<String>) -> Self {
        let (task_id, tool) = (task_id.into(), tool.into());
        Self { task_id, tool, poll_interval_ms: 1000, answered: BTreeSet::new() }
    }

    pub(super) fn new(created: &CreateTaskResult, tool: &str) -> Self {
        let mut handle = Self::of(&created.task_id, tool);
        handle.poll_interval_ms = created.poll_interval_ms.unwrap_or(handle.poll_interval_ms);
        handle
    }
}

/// The id may be all that one needs to know; it does not belong in logs.
impl fmt::Debug for TaskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("tool", &self.tool).finish_non_exhaustive()
    }
}

/// What a call came to at once.
#[derive(Debug)]
pub enum Started {
    /// It has its result already.
    Done(Box<CallToolResult>),
    /// It goes on as a task.
    Task(Box<RunningTask>),
}

/// A task that is being followed. Dropping it does not cancel the task.
#[derive(Debug)]
pub struct RunningTask {
    drive: Drive,
    end: Option<DetailedTask>,
}

impl RunningTask {
    pub(super) fn new(drive: Drive) -> Self {
        Self { drive, end: None }
    }

    /// What is needed to go on with it later. It changes when questions are answered.
    #[must_use]
    pub fn handle(&self) -> &TaskHandle {
        &self.drive.handle
    }

    /// Waits for the next state that differs from the one before, in more than `lastUpdatedAt`; the
    /// first is the present one. `None`
    /// after the task has ended. The questions of a state are answered at the beginning of the next
    /// call, each once: by the client's handlers, as far as [`answer`](Self::answer) has not.
    ///
    /// # Errors
    /// [`ClientError::Rpc`] with -32602 if the server does not (or no longer) know the task. It may be
    /// called again after an error of the connection.
    pub async fn changed(&mut self) -> Result<Option<DetailedTask>, ClientError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let state = self.drive.next().await?;
        if state.status().is_terminal() {
            self.end = Some(state.clone());
        }
        Ok(Some(state))
    }

    /// The states of the task as a stream that ends with the task, or after an error.
    pub fn states(self) -> impl Stream<Item = Result<DetailedTask, ClientError>> {
        stream::unfold(Some(self), |task| async {
            let mut task = task?;
            match task.changed().await {
                Ok(Some(state)) => Some((Ok(state), Some(task))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// [`ClientError::Rpc`] with the task's error if it failed, [`ClientError::Cancelled`] if it was
    /// cancelled, and those of [`changed`](Self::changed).
    pub async fn result(mut self) -> Result<CallToolResult, ClientError> {
        while self.changed().await?.is_some() {}
        let end = self.end.and_then(final_result).unwrap_or(Err(ClientError::Cancelled))?;
        end.parse().map_err(super::unexpected)
    }

    /// Tells the server that the task is no longer wanted. It may end otherwise all the same.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn cancel(&self) -> impl Future<Output = Result<(), ClientError>> + Send + use<> {
        self.drive.cancel()
    }

    /// Answers questions of the state that [`changed`](Self::changed) gave last, in place of the
    /// client's handlers.
    ///
    /// # Errors
    /// [`ClientError::InvalidAnswer`] if there is no such question, or it was answered: nothing is
    /// sent then. Otherwise see [`ClientError`].
    pub async fn answer(&mut self, answers: InputResponses) -> Result<(), ClientError> {
        self.drive.answer(answers).await
    }
}
