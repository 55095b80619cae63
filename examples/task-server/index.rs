//! The tool `index`: the work, cut into steps that are each done once.

use std::path::{Component, Path, PathBuf};

use mcp_core::sealed::KeyRing;
use mcp_core::server::{
    Args, BuildErrors, Cx, HandlerError, InputError, Json, ServedTool, Server, State,
};
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::work::{Counts, Workshop, output_of};

/// Files in one step. A step that was interrupted is done again.
const PART: usize = 200;

/// The folder below which folders may be indexed.
struct Root(PathBuf);

#[derive(Deserialize, JsonSchema)]
struct Index {
    /// The folder, relative to the served root.
    folder: String,
}

#[derive(Serialize, JsonSchema)]
struct Summary {
    /// Where the index is, relative to the served root.
    index: String,
    /// Indexed files.
    files: u64,
    /// Their bytes.
    bytes: u64,
    /// Their lines.
    lines: u64,
    /// Their words.
    words: u64,
    /// Files that could not be read.
    unreadable: u64,
}

#[derive(Deserialize, JsonSchema)]
struct Overwrite {
    /// Replace the index that is there.
    overwrite: bool,
}

/// The server.
pub(crate) fn server(
    root: PathBuf,
    tasks: Tasks,
    keys: Option<KeyRing>,
) -> Result<Server, BuildErrors> {
    let tool = ServedTool::new("index", index)
        .title("Index a folder")
        .description("Hashes and counts all files of a folder and writes an index of them.")
        .task(TaskPolicy::required().poll_interval(std::time::Duration::from_millis(500)));
    let server = Server::builder("task-server", env!("CARGO_PKG_VERSION"))
        .title("Indexer")
        .state(Root(root))
        .tool(tool)
        .extension(tasks);
    match keys {
        Some(keys) => server.keys(keys),
        None => server,
    }
    .build()
}

/// Runs work that blocks on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, HandlerError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?;
    Ok(done?)
}

/// A folder below the root, and nowhere else.
fn below(root: &Path, folder: &str) -> Result<PathBuf, HandlerError> {
    let path = Path::new(folder);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let found = root
        .join(path)
        .canonicalize()
        .ok()
        .filter(|found| plain && found != root && found.starts_with(root) && found.is_dir());
    found.ok_or_else(|| HandlerError::tell("there is no such folder"))
}

async fn index(
    cx: Cx,
    root: State<Root>,
    Args(Index { folder }): Args<Index>,
) -> Result<Json<Summary>, HandlerError> {
    let path = below(&root.0, &folder)?;
    // Decided once: the index that this task writes must not make its next run ask.
    let exists =
        cx.once("exists", async { Ok::<_, HandlerError>(output_of(&path).exists()) }).await?;
    if exists {
        let question = format!("There is an index of {folder} already. Replace it?");
        let answer = cx.elicit::<Overwrite>("overwrite", question).await;
        match answer {
            Ok(Overwrite { overwrite: true }) => {}
            Ok(_) | Err(InputError::Declined | InputError::Cancelled) => {
                return Err(HandlerError::tell("the index stays as it is"));
            }
            Err(InputError::Protocol(error)) => return Err(HandlerError::Protocol(error)),
            Err(other) => return Err(HandlerError::tell(other.to_string())),
        }
    }
    // The request's id is the task's: the parts of one task are found again by its next run.
    let workshop = Workshop::new(&path, &cx.request().id().to_string());
    let (listing, listed) = (workshop.clone(), path.clone());
    let files =
        cx.once("list", async move { blocking(move || listing.list_files(&listed)).await }).await?;
    let parts = files.div_ceil(PART);
    let mut counts = Counts::default();
    for part in 0..parts {
        let (workshop, path) = (workshop.clone(), path.clone());
        let work = async move { blocking(move || workshop.do_part(&path, part, PART)).await };
        counts.add(cx.once(&format!("part {part}"), work).await?);
        cx.progress(((part + 1) * PART).min(files), files, "files");
    }
    cx.once("finish", async move { blocking(move || workshop.finish(parts)).await }).await?;
    Ok(Json(Summary {
        index: format!("{folder}.index.tsv"),
        files: counts.files,
        bytes: counts.bytes,
        lines: counts.lines,
        words: counts.words,
        unreadable: counts.unreadable,
    }))
}
