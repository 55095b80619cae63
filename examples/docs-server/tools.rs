//! The tools: search, outline, section, rename.

use mcp_core::server::{HandlerError, Json, OrTell, ServerBuilder};
use mcp_macros::tool;
use schemars::JsonSchema;
use serde::Serialize;

use crate::library::{Library, uri};
use crate::markdown::{self, Heading};
use crate::rename::rename;

pub(crate) fn add(builder: ServerBuilder) -> ServerBuilder {
    builder.tool(search).tool(outline).tool(section).tool(rename)
}

/// What a search found.
#[derive(Serialize, JsonSchema)]
struct Found {
    /// How many passages hold a word of the query.
    total: usize,
    /// The best of them.
    hits: Vec<FoundPassage>,
}

/// A passage.
#[derive(Serialize, JsonSchema)]
struct FoundPassage {
    /// The file.
    path: String,
    /// The file as a resource.
    uri: String,
    /// The passage's first line.
    line: u32,
    /// The passage.
    text: String,
    /// How well it fits; more is better.
    score: f64,
}

/// Finds the passages that fit some words best, in all files.
#[tool(title = "Search", read_only, open_world = false)]
async fn search(
    library: &Library,
    /// The words to look for.
    query: String,
    /// At most as many passages.
    #[arg(default = 10, minimum = 1, maximum = 100)]
    limit: u32,
) -> Json<Found> {
    let snapshot = library.snapshot();
    let hits = snapshot.index.search(&query);
    let total = hits.len();
    let hits = hits
        .into_iter()
        .take(limit as usize)
        .map(|hit| FoundPassage {
            path: hit.path.to_owned(),
            uri: uri(hit.path),
            line: hit.line,
            text: hit.text.to_owned(),
            score: (hit.score * 1000.0).round() / 1000.0,
        })
        .collect();
    Json(Found { total, hits })
}

/// A file's headings.
#[derive(Serialize, JsonSchema)]
struct Headings {
    /// The headings, in their order.
    headings: Vec<Heading>,
}

/// Lists the headings of a Markdown file.
#[tool(title = "Outline", read_only, open_world = false)]
async fn outline(
    library: &Library,
    /// The file, relative to the folder.
    path: String,
) -> Result<Json<Headings>, HandlerError> {
    let file = library.file(&path).map_err(|error| HandlerError::tell(error.to_string()))?;
    Ok(Json(Headings { headings: markdown::headings(&file.text) }))
}

/// A section.
#[derive(Serialize, JsonSchema)]
struct SectionText {
    /// The section with its heading.
    text: String,
}

/// Reads what stands under a heading of a Markdown file.
#[tool(title = "Section", read_only, open_world = false)]
async fn section(
    library: &Library,
    /// The file, relative to the folder.
    path: String,
    /// The heading, or a part of it.
    heading: String,
) -> Result<Json<SectionText>, HandlerError> {
    let file = library.file(&path).map_err(|error| HandlerError::tell(error.to_string()))?;
    let text = markdown::section(&file.text, &heading)
        .or_tell("the file has no such heading; `outline` lists them")?;
    Ok(Json(SectionText { text: text.to_owned() }))
}
