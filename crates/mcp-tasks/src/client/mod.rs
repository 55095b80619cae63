//! The client's side: calls that are answered with a task, driven to their result.

mod drive;
mod handle;

pub use handle::{RunningTask, Started, TaskHandle};

use std::sync::Arc;
use std::time::Duration;

use mcp_core::RawJson;
use mcp_core::client::{
    ClaimedResult, Client, ClientContributions, ClientError, ClientExtension, Round,
};
use mcp_core::extension::{Extension, ExtensionId, NoSettings};
use mcp_core::protocol::methods::TOOLS_CALL;
use mcp_core::protocol::{InputRequiredResult, InputResponses, ProgressNotificationParams};
use serde::Serialize;

use crate::protocol::{CreateTaskResult, RESULT_TYPE, TASKS_CANCEL, TASKS_GET, TASKS_UPDATE};
use drive::{Drive, final_result};

/// The extension `io.modelcontextprotocol/tasks`, for a client.
///
/// With it, [`Client::call_tool`] is answered with the final result whether the server makes a task of
/// the call or not: the task is asked for as often as the server wishes, and its questions are
/// answered by the same handlers as those of direct calls. [`start`](Self::start) hands the task out
/// instead.
///
/// ```
/// # async fn show(transport: impl mcp_core::client::ClientTransport) -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_core::client::Client;
/// use mcp_tasks::client::{Started, TasksClient};
///
/// let tasks = TasksClient::new();
/// let client = Client::builder("app", "1.0.0").extension(tasks.clone()).connect(transport)?;
///
/// // As if there were no tasks:
/// let result = client.call_tool("index", &serde_json::json!({ "folder": "." })).await?;
///
/// // Or with the task in hand, which can be kept and gone on with after a restart:
/// match tasks.start(&client, "index", &serde_json::json!({ "folder": "." })).await? {
///     Started::Done(result) => println!("{}", result.all_text()),
///     Started::Task(mut task) => {
///         std::fs::write("task.json", serde_json::to_string(task.handle())?)?;
///         while let Some(state) = task.changed().await? {
///             println!("{}", state.status());
///         }
///         println!("{}", task.result().await?.all_text());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TasksClient {
    options: Arc<Options>,
}

/// How tasks are followed.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) listen: bool,
    pub(crate) shortest_poll: Duration,
    pub(crate) longest_poll: Duration,
    /// Tries in a row that may fail for want of a connection.
    pub(crate) attempts: u32,
    /// How long a call is driven.
    pub(crate) limit: Option<Duration>,
}

impl Default for TasksClient {
    fn default() -> Self {
        let options = Options {
            listen: false,
            shortest_poll: Duration::from_millis(10),
            longest_poll: Duration::from_secs(60),
            attempts: 8,
            limit: None,
        };
        Self { options: Arc::new(options) }
    }
}

impl TasksClient {
    /// Follows tasks by asking for them, at the interval that the server names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens to tasks as well, where the server offers it: changes are then known at once, and asked
    /// for ten times less often.
    #[must_use]
    pub fn listening(self) -> Self {
        self.with(|options| options.listen = true)
    }

    /// Bounds the interval at which a task is asked for, whatever the server names (10 ms and one
    /// minute without).
    #[must_use]
    pub fn poll_between(self, shortest: Duration, longest: Duration) -> Self {
        self.with(|options| {
            options.shortest_poll = shortest;
            options.longest_poll = longest.max(shortest);
        })
    }

    /// Sets how often in a row a task's server may be asked in vain, because the connection breaks or
    /// the server fails (-32603), before that is an error (8 without). The pauses double, from the poll interval to its longest.
    #[must_use]
    pub fn attempts(self, attempts: u32) -> Self {
        self.with(|options| options.attempts = attempts)
    }

    /// Sets how long a call may take that is driven to its result as a task (for ever without). After
    /// that the task is cancelled and the call is [`ClientError::Timeout`], as a direct call would be.
    /// Tasks in hand ([`start`](Self::start), [`resume`](Self::resume)) have no limit.
    #[must_use]
    pub fn limit(self, limit: Duration) -> Self {
        self.with(|options| options.limit = Some(limit))
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }

    /// Calls a tool, and hands out the task that it becomes. Questions before there is a task are
    /// answered by the client's handlers.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn start<T: Serialize + ?Sized>(
        &self,
        client: &Client,
        tool: &str,
        arguments: &T,
    ) -> Result<Started, ClientError> {
        self.begin(client, tool, arguments, None).await
    }

    /// As [`start`](Self::start), with a key against doubles: whoever does not know whether the call
    /// has arrived calls again with the same key, and gets the first task. The key is kept as long as
    /// the task; it should be random.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn start_once<T: Serialize + ?Sized>(
        &self,
        client: &Client,
        tool: &str,
        arguments: &T,
        key: &str,
    ) -> Result<Started, ClientError> {
        self.begin(client, tool, arguments, Some(key)).await
    }

    async fn begin<T: Serialize + ?Sized>(
        &self,
        client: &Client,
        tool: &str,
        arguments: &T,
        key: Option<&str>,
    ) -> Result<Started, ClientError> {
        const ROUNDS: u32 = 10;
        let mut before: Option<(InputRequiredResult, InputResponses)> = None;
        for _ in 0..ROUNDS {
            let mut call = client.call(tool).arguments(arguments);
            if let Some(key) = key {
                let name = <crate::IdempotencyKey as mcp_core::extension::MetaKey>::KEY;
                call = call.meta(name, key);
            }
            if let Some((asked, answers)) = &before {
                call = call.answers(asked, answers);
            }
            match call.send_once().await? {
                Round::Complete(result) => return Ok(Started::Done(Box::new(result))),
                Round::Extension { result_type, result } if &*result_type == RESULT_TYPE => {
                    let created: CreateTaskResult = result.parse().map_err(unexpected)?;
                    let handle = TaskHandle::new(&created, tool);
                    return Ok(Started::Task(Box::new(self.resume(client, handle))));
                }
                Round::Extension { result_type, .. } => {
                    return Err(ClientError::UnexpectedResult {
                        method: TOOLS_CALL.to_owned(),
                        reason: format!("the result type {result_type:?} is another extension's"),
                    });
                }
                Round::InputRequired(asked) => {
                    let questions = asked.input_requests.clone().unwrap_or_default();
                    let answers = client.answer(questions, TOOLS_CALL, Some(tool)).await?;
                    before = Some((asked, answers));
                }
            }
        }
        Err(ClientError::TooManyRounds(ROUNDS))
    }

    /// Goes on with a task, in another process, say.
    #[must_use]
    pub fn resume(&self, client: &Client, handle: TaskHandle) -> RunningTask {
        RunningTask::new(Drive::new(client.clone(), handle, Arc::clone(&self.options)))
    }
}

fn unexpected(error: serde_json::Error) -> ClientError {
    ClientError::UnexpectedResult {
        method: TOOLS_CALL.to_owned(),
        reason: format!("it is no task: {:?}", error.classify()),
    }
}

impl Extension for TasksClient {
    const ID: ExtensionId = crate::ID;
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

impl ClientExtension for TasksClient {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>) {
        for method in [TASKS_GET, TASKS_UPDATE, TASKS_CANCEL] {
            to.routed_method(method, "taskId");
        }
        to.claim(RESULT_TYPE, move |claimed| {
            let options = Arc::clone(&self.options);
            async move {
                // Tasks come as answers to calls of tools only.
                if claimed.method != TOOLS_CALL {
                    return Err(ClientError::UnexpectedResult {
                        method: claimed.method,
                        reason: "it is answered with a task".to_owned(),
                    });
                }
                let created: CreateTaskResult = claimed.result.parse().map_err(unexpected)?;
                let tool = claimed.name.as_deref().unwrap_or_default();
                let handle = TaskHandle::new(&created, tool);
                let limit = options.limit;
                let mut drive = Drive::new(claimed.client.clone(), handle, options);
                let Some(limit) = limit else { return to_the_end(&mut drive, &claimed).await };
                match tokio::time::timeout(limit, to_the_end(&mut drive, &claimed)).await {
                    Ok(end) => end,
                    Err(_) => {
                        // Nobody else has its handle.
                        if let Err(error) = drive.cancel().await {
                            tracing::debug!(%error, "a task that took too long was not cancelled");
                        }
                        Err(ClientError::Timeout { after: limit, maximum: true })
                    }
                }
            }
        });
    }
}

/// Follows a task to its end, and tells the caller what it says on the way.
async fn to_the_end(drive: &mut Drive, claimed: &ClaimedResult) -> Result<RawJson, ClientError> {
    let mut changes = 0_u32;
    loop {
        let state = drive.next().await?;
        if let Some(message) = state.task().status_message {
            changes += 1;
            let progress = ProgressNotificationParams::new(state.task().task_id.as_str(), changes);
            claimed.progress(progress.with_message(message));
        }
        if let Some(end) = final_result(state) {
            return end;
        }
    }
}
