//! Prompts over the files.

use mcp_core::protocol::{ContentBlock, EmbeddedResource, PromptMessage, TextResourceContents};
use mcp_core::server::{HandlerError, ServerBuilder};
use mcp_macros::prompt;

use crate::library::{Library, mime_type, uri};
use crate::resources::complete;

/// Passages that a question brings along.
const PASSAGES: usize = 5;

pub(crate) fn add(builder: ServerBuilder) -> ServerBuilder {
    builder.prompt(summarize).prompt(answer)
}

/// Asks for a summary of a file.
#[prompt(title = "Summarize a file")]
async fn summarize(
    library: &Library,
    /// The file, relative to the folder.
    #[arg(complete = complete)]
    path: String,
) -> Result<Vec<PromptMessage>, HandlerError> {
    let file = library.file(&path).map_err(|error| HandlerError::tell(error.to_string()))?;
    let mut contents = TextResourceContents::new(uri(&path), file.text.clone());
    contents.mime_type = Some(mime_type(&path).to_owned());
    Ok(vec![
        PromptMessage::user(ContentBlock::Resource(EmbeddedResource::new(contents))),
        PromptMessage::user(ContentBlock::text(format!(
            "Summarize {path} in a few sentences. Name what it leaves open."
        ))),
    ])
}

/// Asks a question together with the passages that fit it best.
#[prompt(title = "Answer from the files")]
async fn answer(
    library: &Library,
    /// The question.
    question: String,
) -> Vec<PromptMessage> {
    let snapshot = library.snapshot();
    let passages: Vec<String> = snapshot
        .index
        .search(&question)
        .into_iter()
        .take(PASSAGES)
        .map(|hit| format!("{} line {}:\n{}", hit.path, hit.line, hit.text))
        .collect();
    let found = if passages.is_empty() {
        "No passage of the files fits the question.".to_owned()
    } else {
        passages.join("\n\n---\n\n")
    };
    vec![
        PromptMessage::user(ContentBlock::text(found)),
        PromptMessage::user(ContentBlock::text(format!(
            "Answer from these passages alone, and say which of them you used: {question}"
        ))),
    ]
}
