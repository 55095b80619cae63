//! The steps about tasks: starting one, waiting for a state of it, cancelling it, asking for one.

use std::time::Duration;

use mcp_core::client::Client;
use mcp_tasks::TasksClient;
use mcp_tasks::client::Started;
use mcp_tasks::protocol::{GetTaskParams, GetTaskResult, TASKS_GET};
use serde_json::{Value, json};

use super::{Step, matching, value};
use crate::client::Error;

/// The extension with which the scenarios are run: it listens where a server offers that.
#[must_use]
pub fn extension() -> TasksClient {
    TasksClient::new().listening().poll_between(Duration::from_millis(10), Duration::from_secs(1))
}

impl Step {
    /// Follows a task to its end; `until` a state that is awaited, and cancelled then if it says `cancel`.
    pub(super) async fn task(&self, client: &Client) -> Result<Value, Error> {
        let tasks = extension();
        let started = tasks.start(client, self.text("tool")?, self.member("arguments")).await?;
        let mut task = match started {
            Started::Task(task) => *task,
            Started::Done(result) => {
                return Err(format!("it did not become a task: {}", value(&result)?).into());
            }
        };
        let created = json!({
            "taskId": task.handle().task_id,
            "pollIntervalMs": task.handle().poll_interval_ms,
        });
        let (until, cancel) = (self.member("until"), self.member("cancel") == &Value::Bool(true));
        let (mut seen, mut end) = (Value::Null, Value::Null);
        while let Some(state) = task.changed().await? {
            let state = value(&state)?;
            if without_time(&state) == without_time(&end) {
                return Err(format!("a state was told twice: {state}").into());
            }
            end = state;
            if seen.is_null() && !until.is_null() && matching::check(until, &end).is_ok() {
                seen = end.clone();
                if cancel {
                    task.cancel().await?;
                }
            }
        }
        if !until.is_null() && seen.is_null() {
            return Err(format!("the task ended before the awaited state: {end}").into());
        }
        Ok(json!({ "created": created, "seen": seen, "end": end }))
    }

    /// Asks for a task by an id.
    pub(super) async fn get_task(&self, client: &Client) -> Result<Value, Error> {
        let params = GetTaskParams::new(self.text("taskId")?);
        let task =
            client.request_extension::<TasksClient, _, GetTaskResult>(TASKS_GET, &params).await?;
        value(&task.0)
    }
}

/// A server may say that a task changed when it was asked for it.
fn without_time(state: &Value) -> Value {
    let mut state = state.clone();
    if let Some(state) = state.as_object_mut() {
        state.remove("lastUpdatedAt");
    }
    state
}
