//! A task as its client sees it, written out once for however many ask.

use std::sync::Arc;

use mcp_core::RawJson;
use mcp_core::protocol::InputRequests;
use serde::{Serialize, Serializer};

use super::lately::Lately;
use super::{Phase, StoreError, TaskId, TaskRow, Timestamp};
use crate::protocol::{
    CancelledTask, CompletedTask, DetailedTask, FailedTask, InputRequiredTask, Task, TaskStatus,
    WorkingTask,
};

/// A task as `tasks/get` and `notifications/tasks` show it: JSON text that is ready to be sent.
///
/// It is that of one [`revision`](TaskView::revision) of the task: what its client can see changes
/// with that number and with nothing else, so a store may keep the view for as long as the task has
/// it. It holds neither the request nor answers nor checkpoints.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_core::RawJson;
/// use mcp_tasks::protocol::{DetailedTask, TaskStatus};
/// use mcp_tasks::store::{MemoryStore, NewTask, TaskRequest, TaskStore};
///
/// let store = MemoryStore::new();
/// let request = TaskRequest {
///     method: "tools/call".to_owned(),
///     tool: "index".to_owned(),
///     version: None,
///     params: RawJson::null(),
/// };
/// let id = store.create(NewTask::new(request)).await?.row.id;
/// let view = store.view(&id, None).await?;
/// let task: DetailedTask = serde_json::from_str(view.json())?;
/// assert_eq!((view.status(), task.status()), (TaskStatus::Working, TaskStatus::Working));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct TaskView {
    principal: Option<String>,
    expires_at: Option<Timestamp>,
    revision: u64,
    status: TaskStatus,
    json: RawJson,
}

impl TaskView {
    /// The view of a task as it is now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the row holds something that cannot be written as JSON, which
    /// no row that was read as JSON does.
    pub fn of(row: &TaskRow) -> Result<Self, StoreError> {
        let detailed = DetailedTask::from(row);
        Ok(Self {
            principal: row.principal.clone(),
            expires_at: row.expires_at(),
            revision: row.revision,
            status: row.status(),
            json: RawJson::from_serialize(&detailed).map_err(StoreError::unavailable)?,
        })
    }

    /// Whether this caller finds the task at all, as [`TaskRow::is_visible_to`] says it.
    #[must_use]
    pub fn is_visible_to(&self, principal: Option<&str>, now: Timestamp) -> bool {
        is_visible(self.principal.as_deref(), self.expires_at, principal, now)
    }

    /// The number of changes that the task's client can have seen.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What the task is doing.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        self.status
    }

    /// The members of a [`DetailedTask`], as JSON text.
    #[must_use]
    pub fn json(&self) -> &str {
        self.json.get()
    }
}

impl Serialize for TaskView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

/// What is known of every task.
impl From<&TaskRow> for Task {
    fn from(row: &TaskRow) -> Self {
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
}

/// The task with what its status adds.
impl From<&TaskRow> for DetailedTask {
    fn from(row: &TaskRow) -> Self {
        let task = Task::from(row);
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
}

/// The one rule of who finds a task.
pub(super) fn is_visible(
    owner: Option<&str>,
    expires_at: Option<Timestamp>,
    caller: Option<&str>,
    now: Timestamp,
) -> bool {
    expires_at.is_none_or(|expires| now < expires)
        && owner.is_none_or(|owner| Some(owner) == caller)
}

/// Views that were asked for lately, for a store that one process owns: it hears of every write.
#[derive(Debug)]
pub(super) struct Views(Lately<Arc<TaskView>>);

impl Default for Views {
    fn default() -> Self {
        Self(Lately::new(2048, 8 * 1024 * 1024))
    }
}

impl Views {
    pub(super) fn get(&self, id: &TaskId) -> Option<&Arc<TaskView>> {
        self.0.get(id)
    }

    pub(super) fn put(&mut self, id: &TaskId, view: &Arc<TaskView>) {
        self.0.put(id.clone(), Arc::clone(view), view.json().len());
    }

    /// A task was written, and has this revision now; `None` if it was forgotten.
    pub(super) fn written(&mut self, id: &TaskId, revision: Option<u64>) {
        if self.0.get(id).is_some_and(|view| Some(view.revision) != revision) {
            self.0.remove(id);
        }
    }

    #[cfg(feature = "embedded")]
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::{Ended, NewTask, TaskRequest};

    fn row() -> TaskRow {
        let request = TaskRequest {
            method: "tools/call".to_owned(),
            tool: "t".to_owned(),
            version: None,
            params: RawJson::null(),
        };
        TaskRow::new(TaskId::generate().unwrap(), NewTask::new(request), Timestamp::default())
    }

    #[test]
    fn a_view_goes_when_what_is_seen_changes_and_only_then() {
        let mut row = row();
        let mut views = Views::default();
        views.put(&row.id, &Arc::new(TaskView::of(&row).unwrap()));
        let now = Timestamp::from_millis(1);
        row.claim(now, std::time::Duration::from_secs(1));
        views.written(&row.id, Some(row.revision));
        assert!(views.get(&row.id).is_some(), "a claim is not seen");
        let result = serde_json::from_str("{}").unwrap();
        row.finish(row.fence, now, Ended::Completed(result)).unwrap();
        views.written(&row.id, Some(row.revision));
        assert!(views.get(&row.id).is_none());
        views.put(&row.id, &Arc::new(TaskView::of(&row).unwrap()));
        views.written(&row.id, None);
        assert!(views.get(&row.id).is_none());
    }
}
