//! Tools that run as tasks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mcp_core::protocol::{CallToolResult, ElicitRequestFormParams};
use mcp_core::server::{Args, Cx, HandlerError, InputError, ServedTool, ServerBuilder};
use mcp_tasks::store::{EmbeddedStore, MemoryStore, PostgresStore, TaskStore};
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use mcp_testkit::TestPostgres;
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the fixture keeps its tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// In memory.
    Memory,
    /// In a file.
    Embedded(PathBuf),
    /// In a PostgreSQL server of the fixture's own, which ends with it.
    Postgres,
}

impl Store {
    /// Reads `memory`, `postgres`, or `embedded:` and the name of a file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "memory" => Some(Self::Memory),
            "postgres" => Some(Self::Postgres),
            _ => text
                .strip_prefix("embedded:")
                .filter(|file| !file.is_empty())
                .map(|file| Self::Embedded(file.into())),
        }
    }

    /// Opens it. What has to last as long as the store comes with it.
    ///
    /// # Errors
    /// If the file cannot be opened, or PostgreSQL cannot be started.
    pub async fn open(&self) -> Result<(Arc<dyn TaskStore>, Option<TestPostgres>), Error> {
        Ok(match self {
            Self::Memory => (Arc::new(MemoryStore::new()), None),
            Self::Embedded(file) => (Arc::new(EmbeddedStore::open(file)?), None),
            Self::Postgres => {
                let server = TestPostgres::start()?;
                let store = PostgresStore::connect(&server.address()).await?;
                (Arc::new(store), Some(server))
            }
        })
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn add(builder: ServerBuilder, store: Arc<dyn TaskStore>) -> ServerBuilder {
    let allowed = || TaskPolicy::allowed().poll_interval(Duration::from_millis(200));
    let required = || TaskPolicy::required().poll_interval(Duration::from_millis(200));
    let tool = |tool: ServedTool, text: &str| tool.description(text);
    builder
        .extension(Tasks::shared(store).workers(64))
        .tool(tool(ServedTool::new("greet", greet), "Greets, without a task."))
        .tool(
            tool(ServedTool::new("slow_compute", slow_compute), "Sleeps, then has a result.")
                .task(allowed()),
        )
        .tool(
            tool(ServedTool::new("failing_job", failing_job), "Fails after a second.")
                .task(required()),
        )
        .tool(
            tool(ServedTool::new("protocol_error_job", protocol_error_job), "Comes to an error.")
                .task(allowed()),
        )
        .tool(
            tool(ServedTool::new("confirm_delete", confirm_delete), "Asks before it deletes.")
                .task(allowed()),
        )
        .tool(
            tool(ServedTool::new("multi_input", multi_input), "Asks two things at once.")
                .task(allowed()),
        )
        .tool(
            tool(ServedTool::new("test_tool_with_task", test_tool_with_task), "Asks, then runs.")
                .task(asking_first(allowed())),
        )
}

fn asking_first(policy: TaskPolicy) -> TaskPolicy {
    let form = serde_json::from_value::<ElicitRequestFormParams>(serde_json::json!({
        "mode": "form",
        "message": "What is your name?",
        "requestedSchema": {
            "type": "object",
            "properties": { "name": { "type": "string" } },
            "required": ["name"],
        },
    }));
    match form {
        Ok(form) => policy.ask_first("user_name", form),
        Err(_) => policy,
    }
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Work {
    #[serde(default)]
    seconds: f64,
    #[serde(default)]
    label: String,
}

#[derive(Deserialize, JsonSchema)]
struct Filename {
    filename: String,
}

#[derive(Deserialize, JsonSchema)]
struct Confirm {
    confirm: bool,
}

async fn greet(Args(Name { name }): Args<Name>) -> String {
    format!("Hello, {name}!")
}

async fn slow_compute(Args(work): Args<Work>) -> Result<String, HandlerError> {
    let time = Duration::try_from_secs_f64(work.seconds)
        .map_err(|_| HandlerError::tell("`seconds` is no time to sleep"))?;
    tokio::time::sleep(time).await;
    Ok(format!("{} is computed.", work.label))
}

async fn failing_job() -> CallToolResult {
    tokio::time::sleep(Duration::from_secs(1)).await;
    CallToolResult::error("The job failed.")
}

async fn protocol_error_job() -> Result<String, HandlerError> {
    Err(HandlerError::Protocol(mcp_core::Error::Internal))
}

async fn confirm_delete(
    cx: Cx,
    Args(Filename { filename }): Args<Filename>,
) -> Result<String, InputError> {
    let Confirm { confirm } = cx.elicit("confirm", format!("Delete {filename}?")).await?;
    Ok(if confirm { format!("{filename} is deleted.") } else { format!("{filename} stays.") })
}

async fn multi_input(cx: Cx) -> Result<String, InputError> {
    let (name, confirm) = tokio::join!(
        cx.elicit::<Name>("name", "What is your name?"),
        cx.elicit::<Confirm>("confirm", "Are you sure?"),
    );
    let (name, confirm) = (name?.name, confirm?.confirm);
    Ok(format!("{name} is {}sure.", if confirm { "" } else { "not " }))
}

async fn test_tool_with_task(cx: Cx) -> Result<String, InputError> {
    let Name { name } = cx.elicit("user_name", "What is your name?").await?;
    Ok(format!("Hello, {name}!"))
}
