//! The server's side: calls that are answered with a task, and the workers that run them.
//!
//! The way of a call: `layer` (task or not, and its creation), `worker` (claims), `run` (one run of
//! one task), `interaction` (what a handler asks and keeps), `methods` and `topic` (what clients see).

mod carried;
mod interaction;
mod layer;
mod methods;
mod policy;
mod run;
mod topic;
mod view;
mod worker;

pub use layer::IdempotencyKey;
pub use policy::{TaskMode, TaskPolicy, TaskTool};

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcp_core::Shutdown;
use mcp_core::extension::{
    Contributions, Extension, ExtensionDescriptor, ExtensionError, ExtensionId, MessageDescriptor,
    MethodOptions, NoSettings, ServerExtension, schema_of,
};
use mcp_core::protocol::methods::TOOLS_CALL;
use mcp_core::server::ServerHandle;

use crate::protocol::{
    CancelTaskParams, CancelTaskResult, CreateTaskResult, GetTaskParams, GetTaskResult,
    NOTIFICATIONS_TASKS, RESULT_TYPE, TASK_IDS, TASKS_CANCEL, TASKS_GET, TASKS_UPDATE,
    TaskStatusNotificationParams, UpdateTaskParams, UpdateTaskResult,
};
use crate::store::TaskStore;

/// The extension `io.modelcontextprotocol/tasks`, for a server.
///
/// Tools say how they want to run with a [`TaskPolicy`]; all others run as ever. The server's
/// transport must run the extensions' background work (all transports of this library do): that is
/// where the tasks run.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_core::server::{Cx, HandlerError, ServedTool, Server};
/// use mcp_tasks::store::MemoryStore;
/// use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
///
/// async fn index(cx: Cx) -> Result<String, HandlerError> {
///     for folder in 0..3 {
///         cx.progress(folder, 3, "indexing");
///         // Not done again when another worker goes on after a crash.
///         cx.once(&format!("folder {folder}"), async { Ok::<_, HandlerError>(folder) }).await?;
///     }
///     Ok("indexed".to_owned())
/// }
///
/// let server = Server::builder("indexer", "1.0.0")
///     .tool(ServedTool::new("index", index).task(TaskPolicy::allowed()))
///     .extension(Tasks::new(MemoryStore::new()).workers(4))
///     .build()?;
/// # Ok::<(), mcp_core::server::BuildErrors>(())
/// ```
pub struct Tasks {
    shared: Arc<Shared>,
}

/// What all parts of the extension know.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn TaskStore>,
    pub(crate) settings: Settings,
}

/// How tasks are run here.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) workers: usize,
    pub(crate) lease: Duration,
    pub(crate) sweep_every: Duration,
    pub(crate) orphaned_after: Duration,
    pub(crate) progress_every: Duration,
    pub(crate) max_listened: usize,
}

impl Tasks {
    /// The layer around `tools/call` by which calls become tasks; layers of higher order run with the
    /// task, each time it is run, those of lower order only when the call comes.
    pub const LAYER: &'static str = "tasks";

    /// The order of that layer.
    pub const ORDER: i32 = 500;

    /// Tasks that are kept in `store`.
    pub fn new(store: impl TaskStore) -> Self {
        Self::shared(Arc::new(store))
    }

    /// Tasks that are kept in a store which others use, too.
    #[must_use]
    pub fn shared(store: Arc<dyn TaskStore>) -> Self {
        let settings = Settings {
            workers: 16,
            lease: Duration::from_secs(8),
            sweep_every: Duration::from_secs(60),
            orphaned_after: Duration::from_secs(10 * 60),
            progress_every: Duration::from_millis(500),
            max_listened: 1000,
        };
        Self { shared: Arc::new(Shared { store, settings }) }
    }

    /// Sets how many tasks run at the same time here (16 without); the others wait. With 0, this
    /// server takes tasks and leaves them to other instances.
    #[must_use]
    pub fn workers(self, workers: usize) -> Self {
        self.with(|settings| settings.workers = workers)
    }

    /// Sets how long a worker that says nothing keeps its task (8 s without). When an instance dies,
    /// another takes over at the end of the lease, or an eighth of it later.
    #[must_use]
    pub fn lease(self, lease: Duration) -> Self {
        self.with(|settings| settings.lease = lease.max(Duration::from_millis(50)))
    }

    /// Sets how often tasks that have outlived their ttl are swept (each minute without).
    #[must_use]
    pub fn sweep_every(self, period: Duration) -> Self {
        self.with(|settings| settings.sweep_every = period)
    }

    /// Sets after what time a task fails that waits for a worker, when no instance that shares the
    /// store has its tool in its version (ten minutes without). Longer than it takes to bring a new version
    /// to all instances. In a store that one instance has for itself such a task fails at once.
    #[must_use]
    pub fn orphaned_after(self, time: Duration) -> Self {
        self.with(|settings| settings.orphaned_after = time)
    }

    /// Sets how often progress is written down, at most (twice a second without).
    #[must_use]
    pub fn progress_every(self, period: Duration) -> Self {
        self.with(|settings| settings.progress_every = period.max(Duration::from_millis(10)))
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.shared.settings.clone();
        change(&mut settings);
        Self { shared: Arc::new(Shared { store: Arc::clone(&self.shared.store), settings }) }
    }
}

mcp_core::register_extension!(
    ExtensionDescriptor::of::<Tasks>("https://modelcontextprotocol.io/seps/2663-tasks-extension")
        .with_messages(
            const {
                &[
                    MessageDescriptor::method::<GetTaskParams, GetTaskResult>(TASKS_GET),
                    MessageDescriptor::method::<UpdateTaskParams, UpdateTaskResult>(TASKS_UPDATE),
                    MessageDescriptor::method::<CancelTaskParams, CancelTaskResult>(TASKS_CANCEL),
                    MessageDescriptor::notification::<TaskStatusNotificationParams>(
                        NOTIFICATIONS_TASKS,
                    ),
                ]
            }
        )
        .with_definitions(const { &[("CreateTaskResult", schema_of::<CreateTaskResult>)] })
);

impl Extension for Tasks {
    const ID: ExtensionId = crate::ID;
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

#[async_trait]
impl ServerExtension for Tasks {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
        let by_task = MethodOptions::new().routed_by("taskId");
        let shared = Arc::clone(&self.shared);
        to.unread_method(TASKS_GET, by_task, move |_, cx| methods::get(Arc::clone(&shared), cx));
        let shared = Arc::clone(&self.shared);
        to.method(TASKS_UPDATE, by_task, move |_, cx, params| {
            methods::update(Arc::clone(&shared), cx, params)
        });
        let shared = Arc::clone(&self.shared);
        to.method(TASKS_CANCEL, by_task, move |_, cx, params| {
            methods::cancel(Arc::clone(&shared), cx, params)
        });
        let shared = Arc::clone(&self.shared);
        to.strict_topic(TASK_IDS, move |_, cx, ids| topic::listen(Arc::clone(&shared), cx, ids));
        let result_type = to.result_type(RESULT_TYPE, &[TOOLS_CALL]);
        to.request_meta::<IdempotencyKey>();
        let layer = layer::TaskLayer { shared: Arc::clone(&self.shared), result_type };
        to.around_call(Self::LAYER, Self::ORDER, layer);
    }

    async fn run(&self, server: ServerHandle, shutdown: Shutdown) -> Result<(), ExtensionError> {
        worker::work(Arc::clone(&self.shared), server, shutdown).await;
        Ok(())
    }
}
