//! Following a task: asking, listening, answering.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mcp_core::RawJson;
use mcp_core::client::transport::TransportError;
use mcp_core::client::{Client, ClientError, ListenOptions, Subscription, SubscriptionEvent};
use mcp_core::protocol::methods::TOOLS_CALL;
use mcp_core::protocol::{InputRequests, InputResponses, SubscriptionFilter, codes};
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
    /// Answers that the server may not have got: nobody is asked for them again.
    unsent: Option<InputResponses>,
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
        Self {
            handle,
            client,
            options,
            last: None,
            unsent: None,
            listening,
            next_poll: Instant::now(),
        }
    }

    /// The next state that differs from the last in more than its time; the last one's questions are
    /// answered first.
    pub(super) async fn next(&mut self) -> Result<DetailedTask, ClientError> {
        if let Some(unsent) = self.unsent.take() {
            self.update(unsent).await?;
        }
        loop {
            let open = self.open();
            if !open.is_empty() {
                let tool = Some(self.handle.tool.as_str());
                let answers = self.client.answer(open, TOOLS_CALL, tool).await?;
                self.update(answers).await?;
            }
            let state = self.look().await?;
            if !self.last.as_ref().is_some_and(|last| last.tells_the_same_as(&state)) {
                self.last = Some(state.clone());
                return Ok(state);
            }
        }
    }

    /// The questions of the last state that were not answered yet.
    fn open(&self) -> InputRequests {
        let Some(DetailedTask::InputRequired(asking)) = &self.last else {
            return InputRequests::default();
        };
        let questions = asking.input_requests.iter();
        questions
            .filter(|(key, _)| !self.handle.answered.contains(*key))
            .map(|(key, question)| (key, question.clone()))
            .collect()
    }

    /// As [`update`](Self::update), if each answer has an open question.
    pub(super) async fn answer(&mut self, answers: InputResponses) -> Result<(), ClientError> {
        let open = self.open();
        let is_open = |key: &str| open.iter().any(|(other, _)| other == key);
        if let Some(key) = answers.keys().find(|key| !is_open(key)) {
            return Err(ClientError::InvalidAnswer {
                method: TASKS_UPDATE,
                reason: format!("the task asks nothing under the key {key:?}"),
            });
        }
        self.update(answers).await
    }

    /// Answers questions; each key is answered once. A connection that breaks is tried again, which a
    /// server may be told twice: it ignores the second.
    async fn update(&mut self, answers: InputResponses) -> Result<(), ClientError> {
        let keys: Vec<String> = answers.keys().map(str::to_owned).collect();
        self.unsent = Some(answers.clone());
        let params = UpdateTaskParams::new(&*self.handle.task_id, answers);
        let mut failures = 0;
        loop {
            let sent = self
                .client
                .request_extension::<TasksClient, _, UpdateTaskResult>(TASKS_UPDATE, &params)
                .await;
            match sent {
                Ok(_) => break,
                Err(error) => {
                    if !passes(&error) {
                        self.unsent = None;
                    }
                    self.count(&mut failures, error)?;
                    tokio::time::sleep(self.interval(failures)).await;
                }
            }
        }
        self.unsent = None;
        self.handle.answered.extend(keys);
        self.next_poll = Instant::now();
        Ok(())
    }

    /// Gives the error back, if it will not pass or there were too many of its kind.
    fn count(&self, failures: &mut u32, error: ClientError) -> Result<(), ClientError> {
        *failures += 1;
        if !passes(&error) || *failures > self.options.attempts {
            return Err(error);
        }
        tracing::debug!(%error, failures, "a task's server could not be asked");
        Ok(())
    }

    /// Borrows nothing, so that it can be sent to another thread.
    pub(super) fn cancel(&self) -> impl Future<Output = Result<(), ClientError>> + Send + use<> {
        let client = self.client.clone();
        let params = CancelTaskParams::new(&*self.handle.task_id);
        async move {
            client
                .request_extension::<TasksClient, _, CancelTaskResult>(TASKS_CANCEL, &params)
                .await
                .map(drop)
        }
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
                self.heed_interval(&state);
                return Ok(state);
            }
            let params = GetTaskParams::new(&*self.handle.task_id);
            let got = self
                .client
                .request_extension::<TasksClient, _, GetTaskResult>(TASKS_GET, &params)
                .await;
            match got {
                Ok(GetTaskResult(mut state)) => {
                    if state.task().task_id != self.handle.task_id {
                        return Err(ClientError::UnexpectedResult {
                            method: TASKS_GET.to_owned(),
                            reason: "it is another task".to_owned(),
                        });
                    }
                    state.forget_extra();
                    self.heed_interval(&state);
                    self.next_poll = Instant::now() + self.interval(0);
                    return Ok(state);
                }
                Err(error) => {
                    self.count(&mut failures, error)?;
                    self.next_poll = Instant::now() + self.interval(failures);
                }
            }
        }
    }

    fn heed_interval(&mut self, state: &DetailedTask) {
        if let Some(interval) = state.task().poll_interval_ms {
            self.handle.poll_interval_ms = interval;
        }
    }

    fn interval(&self, failures: u32) -> Duration {
        let named = Duration::from_millis(self.handle.poll_interval_ms);
        let factor = match self.listening {
            Listening::Told(_) => LISTENING_FACTOR,
            _ => 1,
        };
        // The server's word: any number at all.
        named
            .saturating_mul(factor)
            .saturating_mul(2_u32.pow(failures.min(16)))
            .clamp(self.options.shortest_poll, self.options.longest_poll)
    }
}

/// Whether the same request may succeed later: the connection broke, or the server failed.
fn passes(error: &ClientError) -> bool {
    match error {
        ClientError::Transport(error) => match error {
            TransportError::Closed
            | TransportError::Redirected { .. }
            | TransportError::Credentials(_)
            | TransportError::Malformed(_)
            | TransportError::TooLarge { .. } => false,
            TransportError::Http { status } => matches!(status, 408 | 429 | 500..),
            _ => true,
        },
        ClientError::Timeout { .. } => true,
        ClientError::Rpc(error) => error.code == codes::INTERNAL_ERROR,
        _ => false,
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
