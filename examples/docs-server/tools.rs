//! The tools: search, outline, section, rename.

use mcp_core::protocol::ToolAnnotations;
use mcp_core::server::{Args, HandlerError, Json, OrTell, ServedTool, ServerBuilder, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::library::{Library, uri};
use crate::markdown::{self, Heading};
use crate::rename::rename;

pub(crate) fn add(builder: ServerBuilder) -> ServerBuilder {
    let reads = || {
        let mut hints = ToolAnnotations::new();
        hints.read_only_hint = Some(true);
        hints.open_world_hint = Some(false);
        hints
    };
    let mut writes = ToolAnnotations::new();
    writes.destructive_hint = Some(false);
    writes.open_world_hint = Some(false);
    builder
        .tool(
            ServedTool::new("search", search)
                .title("Search")
                .description("Finds the passages that fit some words best, in all files.")
                .annotations(reads()),
        )
        .tool(
            ServedTool::new("outline", outline)
                .title("Outline")
                .description("Lists the headings of a Markdown file.")
                .annotations(reads()),
        )
        .tool(
            ServedTool::new("section", section)
                .title("Section")
                .description("Reads what stands under a heading of a Markdown file.")
                .annotations(reads()),
        )
        .tool(
            ServedTool::new("rename", rename)
                .title("Rename")
                .description("Renames or moves a file within the folder, after asking the user.")
                .annotations(writes),
        )
}

#[derive(Deserialize, JsonSchema)]
struct Search {
    /// The words to look for.
    query: String,
    /// At most as many passages.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
}

fn ten() -> u32 {
    10
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

async fn search(library: State<Library>, Args(search): Args<Search>) -> Json<Found> {
    let snapshot = library.snapshot();
    let hits = snapshot.index.search(&search.query);
    let total = hits.len();
    let hits = hits
        .into_iter()
        .take(search.limit as usize)
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

#[derive(Deserialize, JsonSchema)]
struct Outline {
    /// The file, relative to the folder.
    path: String,
}

/// A file's headings.
#[derive(Serialize, JsonSchema)]
struct Headings {
    /// The headings, in their order.
    headings: Vec<Heading>,
}

async fn outline(
    library: State<Library>,
    Args(outline): Args<Outline>,
) -> Result<Json<Headings>, HandlerError> {
    let file =
        library.file(&outline.path).map_err(|error| HandlerError::tell(error.to_string()))?;
    Ok(Json(Headings { headings: markdown::headings(&file.text) }))
}

#[derive(Deserialize, JsonSchema)]
struct Section {
    /// The file, relative to the folder.
    path: String,
    /// The heading, or a part of it.
    heading: String,
}

/// A section.
#[derive(Serialize, JsonSchema)]
struct SectionText {
    /// The section with its heading.
    text: String,
}

async fn section(
    library: State<Library>,
    Args(section): Args<Section>,
) -> Result<Json<SectionText>, HandlerError> {
    let file =
        library.file(&section.path).map_err(|error| HandlerError::tell(error.to_string()))?;
    let text = markdown::section(&file.text, &section.heading)
        .or_tell("the file has no such heading; `outline` lists them")?;
    Ok(Json(SectionText { text: text.to_owned() }))
}
