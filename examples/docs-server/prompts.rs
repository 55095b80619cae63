//! Prompts over the files.

use mcp_core::protocol::{ContentBlock, EmbeddedResource, PromptMessage, TextResourceContents};
use mcp_core::server::{Args, HandlerError, ServedPrompt, ServerBuilder, State};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::library::{Library, mime_type, uri};
use crate::resources::complete;

/// Passages that a question brings along.
const PASSAGES: usize = 5;

pub(crate) fn add(builder: ServerBuilder) -> ServerBuilder {
    builder
        .prompt(
            ServedPrompt::new("summarize", summarize)
                .title("Summarize a file")
                .description("Asks for a summary of a file.")
                .complete("path", complete),
        )
        .prompt(
            ServedPrompt::new("answer", answer)
                .title("Answer from the files")
                .description("Asks a question together with the passages that fit it best."),
        )
}

#[derive(Deserialize, JsonSchema)]
struct Summarize {
    /// The file, relative to the folder.
    path: String,
}

async fn summarize(
    library: State<Library>,
    Args(Summarize { path }): Args<Summarize>,
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

#[derive(Deserialize, JsonSchema)]
struct Answer {
    /// The question.
    question: String,
}

async fn answer(
    library: State<Library>,
    Args(Answer { question }): Args<Answer>,
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
