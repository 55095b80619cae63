//! Tools that show how a stateless server behaves.

use mcp_core::protocol::{CreateMessageRequestParams, LoggingLevel, SamplingMessage};
use mcp_core::server::{Cx, HandlerError, InputError, ServedPrompt, ServedTool, ServerBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) fn add(builder: ServerBuilder) -> ServerBuilder {
    builder
        .tool(
            ServedTool::new("test_missing_capability", missing_capability)
                .description("Needs a client that samples."),
        )
        .tool(
            ServedTool::new("test_streaming_elicitation", streaming_elicitation)
                .description("Reports progress, then asks."),
        )
        .tool(
            ServedTool::new("test_logging_tool", logging)
                .description("Logs, if the client asks for it."),
        )
        .tool(
            ServedTool::new("test_trigger_tool_change", tool_change)
                .description("Changes the list of tools."),
        )
        .tool(
            ServedTool::new("test_trigger_prompt_change", prompt_change)
                .description("Changes the list of prompts."),
        )
}

async fn missing_capability(cx: Cx) -> Result<String, InputError> {
    let question =
        CreateMessageRequestParams::new(vec![SamplingMessage::user("Say something.")], 10);
    let answer = cx.sample("sample", question).await?;
    Ok(answer.text().unwrap_or_default().to_owned())
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

async fn streaming_elicitation(cx: Cx) -> Result<String, InputError> {
    cx.progress(1, 2, "about to ask");
    let Name { name } = cx.elicit("name", "What is your name?").await?;
    Ok(name)
}

async fn logging(cx: Cx) -> &'static str {
    cx.log(LoggingLevel::Info, Some("fixture"), &"The logging tool was called.");
    "Logged."
}

async fn changed() -> &'static str {
    "It was added by a tool."
}

/// Adds the tool and takes it away again: two changes, and the list is as it was.
async fn tool_change(cx: Cx) -> Result<&'static str, HandlerError> {
    let added = "test_added_tool";
    cx.server().add_tool(ServedTool::new(added, changed).description("Comes and goes."))?;
    cx.server().remove_tool(added);
    Ok("The list of tools changed.")
}

async fn prompt_change(cx: Cx) -> Result<&'static str, HandlerError> {
    let added = "test_added_prompt";
    let prompt = ServedPrompt::new(added, async || "It was added by a tool.".to_owned());
    cx.server().add_prompt(prompt.description("Comes and goes."))?;
    cx.server().remove_prompt(added);
    Ok("The list of prompts changed.")
}
