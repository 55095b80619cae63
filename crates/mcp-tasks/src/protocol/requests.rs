//! The three requests of the extension.

use mcp_core::protocol::{
    InputResponses, Meta, RequestMetaObject, RequestMethod, ResultBody, ResultMetaObject,
};

use super::{GetTaskResult, TASKS_CANCEL, TASKS_GET, TASKS_UPDATE};

mcp_core::wire! {
    /// Which task `tasks/get` is about.
    pub struct GetTaskParams {
        required {
            /// Identifies the task.
            task_id: String = "taskId",
        }
        optional {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
    }
}

mcp_core::wire! {
    /// Which task `tasks/update` is about, and the answers.
    pub struct UpdateTaskParams {
        required {
            /// Identifies the task.
            task_id: String = "taskId",
            /// Answers by the keys of their questions. Keys that have no open question are ignored.
            input_responses: InputResponses = "inputResponses",
        }
        optional {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
    }
}

mcp_core::wire! {
    /// Which task `tasks/cancel` is about.
    pub struct CancelTaskParams {
        required {
            /// Identifies the task.
            task_id: String = "taskId",
        }
        optional {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
    }
}

mcp_core::wire! {
    /// The answer to `tasks/update`: it was received.
    #[derive(Default)]
    pub struct UpdateTaskResult
    [result "complete"]
    {
        optional {
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

mcp_core::wire! {
    /// The answer to `tasks/cancel`: the wish was received.
    #[derive(Default)]
    pub struct CancelTaskResult
    [result "complete"]
    {
        optional {
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

impl ResultBody for UpdateTaskResult {
    fn take_meta(&mut self) -> Option<Meta> {
        self.meta.take()
    }
}

impl ResultBody for CancelTaskResult {
    fn take_meta(&mut self) -> Option<Meta> {
        self.meta.take()
    }
}

/// The method `tasks/get`.
#[derive(Debug)]
pub enum GetTask {}

impl RequestMethod for GetTask {
    const METHOD: &'static str = TASKS_GET;
    type Params = GetTaskParams;
    type Result = GetTaskResult;
}

/// The method `tasks/update`.
#[derive(Debug)]
pub enum UpdateTask {}

impl RequestMethod for UpdateTask {
    const METHOD: &'static str = TASKS_UPDATE;
    type Params = UpdateTaskParams;
    type Result = UpdateTaskResult;
}

/// The method `tasks/cancel`.
#[derive(Debug)]
pub enum CancelTask {}

impl RequestMethod for CancelTask {
    const METHOD: &'static str = TASKS_CANCEL;
    type Params = CancelTaskParams;
    type Result = CancelTaskResult;
}
