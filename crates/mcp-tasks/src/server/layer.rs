//! Calls that become tasks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcp_core::extension::{MetaKey, Negotiated, ResultType};
use mcp_core::protocol::{CallToolResult, ErrorObject, JsonObject, Meta, ResultBody};
use mcp_core::server::{Cx, InputError, Middleware, Next, Outcome};
use mcp_core::{Error, Principal, RawJson, StoredError};
use serde::Serialize;

use super::{Shared, TaskMode, TaskPolicy, Tasks, view};
use crate::protocol::{CreateTaskResult, Task};
use crate::store::{NewTask, Phase, TaskRequest, TaskRow};

/// A key of requests' `_meta`: calls of one tool with one key are one call. A client that does not know
/// whether its call has arrived sends it again with the same key, and gets the same task.
///
/// Chosen by the client, up to 256 characters, at random: clients that are not authenticated share
/// their keys.
pub struct IdempotencyKey;

impl MetaKey for IdempotencyKey {
    const KEY: &'static str = "dev.mcp-ext/idempotencyKey";
    type Value = String;
}

const MAX_KEY: usize = 256;

pub(super) struct TaskLayer {
    pub(super) shared: Arc<Shared>,
    pub(super) result_type: ResultType<Tasks>,
}

#[async_trait]
impl Middleware for TaskLayer {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
        let tool = cx.request().name()?.into_owned();
        let policy = cx.server().tool_value::<TaskPolicy>(&tool);
        let Some(policy) = policy.filter(|policy| policy.mode != TaskMode::Never) else {
            return next.run(cx).await;
        };
        let proof = match cx.negotiated::<Tasks>() {
            Ok(proof) => proof,
            Err(undeclared) if policy.mode == TaskMode::Required => return Err(undeclared),
            Err(_) => return next.run(cx).await,
        };
        // Mistakes of the caller's are answered at once.
        if let Some(answer) = cx.check_tool_call()? {
            return Ok(answer);
        }
        let answers = match ask_first(&cx, &policy).await {
            Ok(answers) => answers,
            Err(InputError::Protocol(error)) => return Err(error),
            Err(no) => return Outcome::complete(CallToolResult::error(no.to_string())),
        };
        let task = new_task(&cx, tool, &policy, answers)?;
        // Watching begins with the creation: what the task does at once is seen.
        let created = self.shared.store.create(task).await.map_err(|error| view::error(&error))?;
        let mut row = created.row;
        if !policy.grace.is_zero() {
            row = self.wait(row, policy.grace).await;
            match row.phase {
                Phase::Completed { result } => return Outcome::complete(Kept::new(&result)?),
                // Whoever retries a call that has failed wants to know of it as a task.
                Phase::Failed { error } if !created.existed => return Err(failed(&cx, error)),
                _ => {}
            }
        }
        self.answer(&proof, &row)
    }
}

impl TaskLayer {
    fn answer(&self, proof: &Negotiated<Tasks>, row: &TaskRow) -> Result<Outcome, Error> {
        self.result_type.outcome(proof, CreateTaskResult::from(Task::from(row)))
    }

    /// The task as it is when it ends, asks, or `grace` is over.
    async fn wait(&self, row: TaskRow, grace: Duration) -> TaskRow {
        let store = &self.shared.store;
        let mut watcher = store.hub().watch([row.id.clone()]);
        let mut last = row;
        let waiting = async {
            loop {
                if let Ok(now) = store.get(&last.id, last.principal.as_deref()).await {
                    last = now;
                }
                if last.status() != crate::protocol::TaskStatus::Working {
                    return;
                }
                watcher.changed().await;
            }
        };
        let _ = tokio::time::timeout(grace, waiting).await;
        last
    }
}

/// A task that failed within its grace is answered as the direct call would have been.
fn failed(cx: &Cx, error: ErrorObject) -> Error {
    tracing::debug!(method = cx.request().method(), code = error.code, "failed within its grace");
    StoredError::try_new(error).map_or(Error::Internal, Error::Stored)
}

/// Asks what is asked before there is a task.
async fn ask_first(cx: &Cx, policy: &TaskPolicy) -> Result<BTreeMap<String, RawJson>, InputError> {
    #[derive(Serialize)]
    struct Accepted {
        action: &'static str,
        content: RawJson,
    }
    let mut answers = BTreeMap::new();
    for (key, form) in &policy.first {
        let content = cx.elicit_form(key, form.clone()).await?;
        let answer = RawJson::from_serialize(&Accepted { action: "accept", content });
        answers.insert(key.clone(), answer.map_err(|_| InputError::Protocol(Error::Internal))?);
    }
    Ok(answers)
}

fn new_task(
    cx: &Cx,
    tool: String,
    policy: &TaskPolicy,
    answers: BTreeMap<String, RawJson>,
) -> Result<NewTask, Error> {
    let mut params: BTreeMap<String, RawJson> = cx.request().parse_params()?;
    // They belong to the rounds of the direct call, which end here.
    params.remove("inputResponses");
    params.remove("requestState");
    super::carried::pack(cx, policy, &mut params)?;
    let mut task = NewTask::new(TaskRequest {
        method: cx.request().method().to_owned(),
        tool,
        version: policy.version.clone(),
        params: RawJson::from_serialize(&params).map_err(|_| Error::Internal)?,
    });
    task.principal = cx.principal().map(|principal| Principal::as_str(principal).to_owned());
    task.idempotency_key = cx.request_meta::<IdempotencyKey>()?;
    if task.idempotency_key.as_ref().is_some_and(|key| key.is_empty() || key.len() > MAX_KEY) {
        return Err(Error::invalid_params(format!(
            "`_meta` field `{}`: must have 1 to {MAX_KEY} bytes",
            IdempotencyKey::KEY
        )));
    }
    task.ttl = policy.ttl;
    task.poll_interval = policy.poll_interval;
    task.max_attempts = policy.max_attempts;
    task.answers = answers;
    Ok(task)
}

/// A result as it was kept: its `_meta` apart, as whoever writes the answer wants it.
#[derive(Serialize)]
#[serde(transparent)]
struct Kept {
    members: BTreeMap<String, RawJson>,
    #[serde(skip)]
    meta: Option<Meta>,
}

impl Kept {
    fn new(result: &JsonObject) -> Result<Self, Error> {
        let mut members: BTreeMap<String, RawJson> =
            serde_json::from_str(result.get()).map_err(|_| Error::Internal)?;
        let meta = members.remove("_meta").and_then(|meta| meta.parse().ok());
        Ok(Self { members, meta })
    }
}

impl ResultBody for Kept {
    fn take_meta(&mut self) -> Option<Meta> {
        self.meta.take()
    }
}
