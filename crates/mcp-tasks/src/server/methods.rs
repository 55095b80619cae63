//! `tasks/get`, `tasks/update`, `tasks/cancel`.

use std::sync::Arc;

use mcp_core::server::Cx;
use mcp_core::{Error, Principal};

use super::view::Shown;
use super::{Shared, view};
use crate::protocol::{CancelTaskParams, CancelTaskResult, UpdateTaskParams, UpdateTaskResult};
use crate::store::TaskId;

fn id(text: &str) -> Result<TaskId, Error> {
    TaskId::parse(text).ok_or_else(view::not_found)
}

fn principal(cx: &Cx) -> Option<&str> {
    cx.principal().map(Principal::as_str)
}

/// The most frequent request by far: it reads the one member that it needs.
pub(super) async fn get(shared: Arc<Shared>, cx: Cx) -> Result<Shown, Error> {
    let task = cx.request().string_param("taskId");
    let task = task.ok_or_else(|| Error::invalid_params("`params.taskId` must be a string"))?;
    let found = shared.store.view(&id(&task)?, principal(&cx)).await;
    found.map(Shown).map_err(|error| view::error(&error))
}

pub(super) async fn update(
    shared: Arc<Shared>,
    cx: Cx,
    params: UpdateTaskParams,
) -> Result<UpdateTaskResult, Error> {
    let answers = params
        .input_responses
        .into_iter()
        .map(|(key, response)| (key, response.as_raw().clone()))
        .collect();
    let taken = shared.store.answer(&id(&params.task_id)?, principal(&cx), answers).await;
    taken.map_err(|error| view::error(&error))?;
    Ok(UpdateTaskResult::default())
}

pub(super) async fn cancel(
    shared: Arc<Shared>,
    cx: Cx,
    params: CancelTaskParams,
) -> Result<CancelTaskResult, Error> {
    let cancelled = shared.store.cancel(&id(&params.task_id)?, principal(&cx)).await;
    cancelled.map_err(|error| view::error(&error))?;
    Ok(CancelTaskResult::default())
}
