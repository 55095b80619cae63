//! A task with what its status adds: the result, the error, the questions.

use std::borrow::Cow;

use mcp_core::protocol::{ErrorObject, Extra, InputRequests, JsonObject, Meta, ResultBody};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Task, TaskStatus};

/// Defines a task of one status.
macro_rules! task_of_status {
    (
        $(#[doc = $doc:literal])*
        $name:ident $status:literal $variant:ident {
            $($(#[doc = $field_doc:literal])* $field:ident: $ty:ty = $key:literal,)*
        }
    ) => {
        mcp_core::wire! {
            $(#[doc = $doc])*
            pub struct $name
            [tag "status" = $status]
            {
                required {
                    /// Identifies the task.
                    task_id: String = "taskId",
                    /// When it was created.
                    created_at: String = "createdAt",
                    /// When it changed last.
                    last_updated_at: String = "lastUpdatedAt",
                    /// How long it is kept, from its creation; `None` for ever.
                    ttl_ms: Option<u64> = "ttlMs",
                    $($(#[doc = $field_doc])* $field: $ty = $key,)*
                }
                optional {
                    /// The state in words, for people and models.
                    status_message: String = "statusMessage" => with_status_message,
                    /// How often a client should ask for the state.
                    poll_interval_ms: u64 = "pollIntervalMs" => with_poll_interval_ms,
                }
            }
        }

        impl $name {
            /// What is known of every task.
            #[must_use]
            pub fn task(&self) -> Task {
                Task {
                    task_id: self.task_id.clone(),
                    status: TaskStatus::$variant,
                    created_at: self.created_at.clone(),
                    last_updated_at: self.last_updated_at.clone(),
                    ttl_ms: self.ttl_ms,
                    status_message: self.status_message.clone(),
                    poll_interval_ms: self.poll_interval_ms,
                    extra: Default::default(),
                }
            }

            /// A task of this status. The status of `task` itself does not count.
            #[must_use]
            pub fn of(task: Task $(, $field: $ty)*) -> Self {
                Self {
                    task_id: task.task_id,
                    created_at: task.created_at,
                    last_updated_at: task.last_updated_at,
                    ttl_ms: task.ttl_ms,
                    $($field,)*
                    status_message: task.status_message,
                    poll_interval_ms: task.poll_interval_ms,
                    extra: task.extra,
                }
            }
        }
    };
}

task_of_status! {
    /// A task that is being worked on.
    WorkingTask "working" Working {}
}
task_of_status! {
    /// A task that waits for its client.
    InputRequiredTask "input_required" InputRequired {
        /// The questions that have no answer yet. A key means one question over the task's whole life.
        input_requests: InputRequests = "inputRequests",
    }
}
task_of_status! {
    /// A task that has its result.
    CompletedTask "completed" Completed {
        /// The result, of the type that the request's method has.
        result: JsonObject = "result",
    }
}
task_of_status! {
    /// A task that came to a JSON-RPC error.
    FailedTask "failed" Failed {
        /// The error.
        error: ErrorObject = "error",
    }
}
task_of_status! {
    /// A task that was cancelled.
    CancelledTask "cancelled" Cancelled {}
}

mcp_core::tagged_union! {
    /// A task with what its status adds.
    ///
    /// ```
    /// use mcp_tasks::protocol::DetailedTask;
    ///
    /// let text = r#"{"taskId":"a","status":"completed","createdAt":"2026-01-01T00:00:00Z",
    ///     "lastUpdatedAt":"2026-01-01T00:00:01Z","ttlMs":60000,"result":{"content":[]}}"#;
    /// let task: DetailedTask = serde_json::from_str(text)?;
    /// assert!(task.status().is_terminal());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum DetailedTask by "status" {
        /// It is being worked on.
        Working(WorkingTask) = "working",
        /// It waits for its client.
        InputRequired(InputRequiredTask) = "input_required",
        /// It has its result.
        Completed(CompletedTask) = "completed",
        /// It came to a JSON-RPC error.
        Failed(FailedTask) = "failed",
        /// It was cancelled.
        Cancelled(CancelledTask) = "cancelled",
    }
}

impl DetailedTask {
    /// What the task is doing.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        match self {
            Self::Working(_) => TaskStatus::Working,
            Self::InputRequired(_) => TaskStatus::InputRequired,
            Self::Completed(_) => TaskStatus::Completed,
            Self::Failed(_) => TaskStatus::Failed,
            Self::Cancelled(_) => TaskStatus::Cancelled,
        }
    }

    /// Drops what does not belong to the state itself, such as the `_meta` of the message it came with.
    pub(crate) fn forget_extra(&mut self) {
        *self.extra_mut() = Extra::new();
    }

    /// Whether it tells nothing new: all is the same, but for when it changed last. There are servers
    /// that put the time of the answer there.
    pub(crate) fn tells_the_same_as(&self, other: &Self) -> bool {
        let mut same = other.clone();
        self.last_updated_at().clone_into(same.last_updated_at_mut());
        *self == same
    }

    fn last_updated_at(&self) -> &str {
        match self {
            Self::Working(task) => &task.last_updated_at,
            Self::InputRequired(task) => &task.last_updated_at,
            Self::Completed(task) => &task.last_updated_at,
            Self::Failed(task) => &task.last_updated_at,
            Self::Cancelled(task) => &task.last_updated_at,
        }
    }

    fn last_updated_at_mut(&mut self) -> &mut String {
        match self {
            Self::Working(task) => &mut task.last_updated_at,
            Self::InputRequired(task) => &mut task.last_updated_at,
            Self::Completed(task) => &mut task.last_updated_at,
            Self::Failed(task) => &mut task.last_updated_at,
            Self::Cancelled(task) => &mut task.last_updated_at,
        }
    }

    fn extra_mut(&mut self) -> &mut Extra {
        match self {
            Self::Working(task) => &mut task.extra,
            Self::InputRequired(task) => &mut task.extra,
            Self::Completed(task) => &mut task.extra,
            Self::Failed(task) => &mut task.extra,
            Self::Cancelled(task) => &mut task.extra,
        }
    }

    /// What is known of every task.
    #[must_use]
    pub fn task(&self) -> Task {
        match self {
            Self::Working(task) => task.task(),
            Self::InputRequired(task) => task.task(),
            Self::Completed(task) => task.task(),
            Self::Failed(task) => task.task(),
            Self::Cancelled(task) => task.task(),
        }
    }
}

/// The answer to `tasks/get`: the task, as a result.
///
/// `resultType` is not part of it, as with all results: whoever writes the answer adds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct GetTaskResult(pub DetailedTask);

impl ResultBody for GetTaskResult {
    fn take_meta(&mut self) -> Option<Meta> {
        self.0.extra_mut().remove("_meta").and_then(|meta| meta.parse().ok())
    }
}

impl<'de> Deserialize<'de> for GetTaskResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut task = DetailedTask::deserialize(deserializer)?;
        let found = task.extra_mut().remove("resultType");
        if found.is_some_and(|found| found.get() != r#""complete""#) {
            return Err(D::Error::custom("resultType: expected \"complete\""));
        }
        Ok(Self(task))
    }
}

/// The parameters of `notifications/tasks`: the task, as `tasks/get` would have shown it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskStatusNotificationParams(pub DetailedTask);

/// Both have the members of a task, and of a result or a notification's parameters.
macro_rules! schema_of_task_and {
    ($name:ident, $required:expr, $meta:ty) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let mut own = json_schema!({
                    "type": "object",
                    "properties": { "_meta": generator.subschema_for::<$meta>() },
                });
                let required: &[&str] = $required;
                if !required.is_empty() {
                    own.insert("required".into(), required.into());
                    if let Some(properties) = own.get_mut("properties") {
                        properties["resultType"] = serde_json::json!({ "type": "string" });
                    }
                }
                json_schema!({ "allOf": [own, generator.subschema_for::<DetailedTask>()] })
            }
        }
    };
}
schema_of_task_and!(GetTaskResult, &["resultType"], mcp_core::protocol::ResultMetaObject);
schema_of_task_and!(TaskStatusNotificationParams, &[], mcp_core::protocol::NotificationMetaObject);
