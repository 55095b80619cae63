//! Following a task: asking, listening, answering.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mcp_core::RawJson;
use mcp_core::client::{Client, ClientError, ListenOptions, Subscription, SubscriptionEvent};
use mcp_core::protocol::methods::TOOLS_CALL;
use mcp_core::protocol::{InputRequests, InputResponses, SubscriptionFilter};
use tokio::time::Instant;

use super::{Options, TaskHandle, TasksClient};
use crate::protocol::{
    CancelTaskParams, CancelTaskResult, DetailedTask, GetTaskParams, GetTaskResult,
    NOTIFICATIONS_TASKS, TASK_IDS, TASKS_CANCEL, TASKS_GET, TASKS_UPDATE,
    TaskStatusNotificationParams, UpdateTaskParams, UpdateTaskResult,
};

/// While a server tells of changes, it is asked so much less often.
const LISTENING_FACTOR: u32 = 10;

pub(super) struct Drive {
    pub(super) handle: TaskHandle,
    client: Client,
    options: Arc<Options>,
    last: Option<DetailedTask>,
    listening: Listening,
    next_poll: Instant,
}

enum Listening {
    Not,
    /// It has not begun, or the server has not said yet what it will tell.
    Asked(Subscription),
    Told(Subscription),
}

impl fmt::Debug for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Drive {
    pub(super) fn new(client: Client, handle: TaskHandle, options: Arc<Options>) -> Self {
        let listening = match options.listen {
            false => Listening::Not,
            true => {
                let mut filter = SubscriptionFilter::default();
                let ids = RawJson::from_serialize(&[&handle.task_id]);
                filter.extra.insert(TASK_IDS, ids.unwrap_or_else(|_| RawJson::null()));
                Listening::Asked(client.listen_with(filter, ListenOptions::default()))
            }
        };
        Self { handle, client, options, last: None, listening, next_poll: Instant::now() }
    }

    /// The next state that differs from the last in more than its time, its questions answered.
    pub(super) async fn next(&mut self) -> Result<DetailedTask, ClientError> {
        loop {
            let state = self.look().await?;
            let interval = state.task().poll_interval_ms;
            if let Some(interval) = interval {
                self.handle.poll_interval_ms = interval;
            }
            if let DetailedTask::InputRequired(asking) = &state {
                let open: InputRequests = asking
                    .input_requests
                    .iter()
                    .filter(|(key, _)| !self.handle.answered.contains(*key))
                    .map(|(key, question)| (key, question.clone()))
                    .collect();
                if !open.is_empty() {
                    let tool = Some(self.handle.tool.as_str());
                    let answers = self.client.answer(open, TOOLS_CALL, tool).await?;
                    self.update(answers).await?;
                }
            }
            if !self.last.as_ref().is_some_and(|last| last.tells_the_same_as(&state)) {
                self.last = Some(state.clone());
                return Ok(state);
            }
        }
    }

    /// Answers questions; each key is answered once.
    pub(super) async fn update(&mut self, answers: InputResponses) -> Result<(), ClientError> {
        let keys: Vec<String> = answers.keys().map(str::to_owned).collect();
        let params = UpdateTaskParams::new(&*self.handle.task_id, answers);
        self.client
            .request_extension::<TasksClient, _, UpdateTaskResult>(TASKS_UPDATE, &params)
            .await?;
        self.handle.answered.extend(keys);
        self.next_poll = Instant::now();
        Ok(())
    }

    pub(super) async fn cancel(&self) -> Result<(), ClientError> {
        let params = CancelTaskParams::new(&*self.handle.task_id);
        self.client
            .request_extension::<TasksClient, _, CancelTaskResult>(TASKS_CANCEL, &params)
            .await
            .map(drop)
    }

    /// What the server tells first: by itself, or when it is asked again.
    async fn look(&mut self) -> Result<DetailedTask, ClientError> {
        let mut failures = 0;
        loop {
            let told = tokio::select! {
                told = listen(&mut self.listening, &self.handle.task_id) => told,
                () = tokio::time::sleep_until(self.next_poll) => None,
            };
            if let Some(state) = told {
                return Ok(state);
            }
            let params = GetTaskParams::new(&*self.handle.task_id);
            let got = self
                .client
                .request_extension::<TasksClient, _, GetTaskResult>(TASKS_GET, &params)
                .await;
            match got {
                Ok(GetTaskResult(mut state)) => {
                    state.forget_extra();
                    self.next_poll = Instant::now() + self.interval(0);
                    return Ok(state);
                }
                Err(error @ (ClientError::Transport(_) | ClientError::Timeout { .. })) => {
                    failures += 1;
                    if failures > self.options.attempts {
                        return Err(error);
                    }
                    tracing::debug!(%error, failures, "a task could not be asked for");
                    self.next_poll = Instant::now() + self.interval(failures);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn interval(&self, failures: u32) -> Duration {
        let named = Duration::from_millis(self.handle.poll_interval_ms);
        let factor = match self.listening {
            Listening::Told(_) => LISTENING_FACTOR,
            _ => 1,
        };
        (named * factor * 2_u32.pow(failures.min(16)))
            .clamp(self.options.shortest_poll, self.options.longest_poll)
    }
}

/// The next state that is told; `None` if it should be asked for. Waits for ever if nobody tells.
async fn listen(listening: &mut Listening, task_id: &str) -> Option<DetailedTask> {
    loop {
        let (Listening::Asked(subscription) | Listening::Told(subscription)) = listening else {
            std::future::pending::<()>().await;
            return None;
        };
        match subscription.next().await {
            Some(Ok(SubscriptionEvent::Acknowledged(filter))) => {
                if filter.extra.contains_key(TASK_IDS) {
                    let old = std::mem::replace(listening, Listening::Not);
                    if let Listening::Asked(subscription) | Listening::Told(subscription) = old {
                        *listening = Listening::Told(subscription);
                    }
                } else {
                    *listening = Listening::Not;
                }
            }
            Some(Ok(SubscriptionEvent::Reconnected(_))) => return None,
            Some(Ok(SubscriptionEvent::Extension { method, params }))
                if method == NOTIFICATIONS_TASKS =>
            {
                match params.parse::<TaskStatusNotificationParams>() {
                    Ok(TaskStatusNotificationParams(mut state))
                        if state.task().task_id == task_id =>
                    {
                        state.forget_extra();
                        return Some(state);
                    }
                    _ => {}
                }
            }
            Some(Ok(_)) => {}
            // Asking goes on without it.
            Some(Err(error)) => {
                tracing::debug!(%error, "a task cannot be listened to");
                *listening = Listening::Not;
            }
            None => *listening = Listening::Not,
        }
    }
}

/// What an ended task comes to; `None` if it has not ended.
pub(super) fn final_result(state: DetailedTask) -> Option<Result<RawJson, ClientError>> {
    match state {
        DetailedTask::Completed(task) => Some(Ok(task.result.into_raw())),
        DetailedTask::Failed(task) => Some(Err(ClientError::Rpc(Box::new(task.error)))),
        DetailedTask::Cancelled(_) => Some(Err(ClientError::Cancelled)),
        _ => None,
    }
}
