//! A task as its client sees it.

use std::sync::Arc;

use mcp_core::Error;
use mcp_core::protocol::{Meta, ResultBody};
use serde::Serialize;

use crate::store::{StoreError, TaskView};

/// The answer to `tasks/get`: a view that was written out before.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Shown(pub(crate) Arc<TaskView>);

impl ResultBody for Shown {
    /// What tasks have in `_meta` is in their results, where it stays.
    fn take_meta(&mut self) -> Option<Meta> {
        None
    }

    fn length_hint(&self) -> usize {
        self.0.json().len()
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
