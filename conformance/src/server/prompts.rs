//! Prompts, and completion of their arguments.

use mcp_core::protocol::{
    ContentBlock, EmbeddedResource, ImageContent, PromptMessage, TextResourceContents,
};
use mcp_core::server::{Args, CompletionInput, ServedPrompt, ServerBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

use super::content::png;

pub(crate) fn add(builder: ServerBuilder) -> ServerBuilder {
    builder
        .prompt(ServedPrompt::new("test_simple_prompt", simple).description("A fixed prompt."))
        .prompt(
            ServedPrompt::new("test_prompt_with_arguments", with_arguments)
                .description("Shows its two arguments.")
                .complete("arg1", complete)
                .complete("arg2", complete),
        )
        .prompt(
            ServedPrompt::new("test_prompt_with_embedded_resource", with_resource)
                .description("Embeds a resource."),
        )
        .prompt(
            ServedPrompt::new("test_prompt_with_image", with_image).description("Holds a picture."),
        )
}

async fn simple() -> String {
    "This is a simple prompt for testing.".to_owned()
}

#[derive(Deserialize, JsonSchema)]
struct TwoArguments {
    /// First test argument
    arg1: String,
    /// Second test argument
    arg2: String,
}

async fn with_arguments(Args(TwoArguments { arg1, arg2 }): Args<TwoArguments>) -> String {
    format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")
}

async fn complete(Args(input): Args<CompletionInput>) -> Vec<String> {
    ["paris", "park", "party", "testing"]
        .into_iter()
        .filter(|word| word.starts_with(&input.value))
        .map(str::to_owned)
        .collect()
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ResourceUri {
    /// URI of the resource to embed
    resource_uri: String,
}

async fn with_resource(Args(arguments): Args<ResourceUri>) -> Vec<PromptMessage> {
    let mut contents =
        TextResourceContents::new(arguments.resource_uri, "Embedded resource content for testing.");
    contents.mime_type = Some("text/plain".to_owned());
    vec![
        PromptMessage::user(ContentBlock::Resource(EmbeddedResource::new(contents))),
        PromptMessage::user(ContentBlock::text("Please process the embedded resource above.")),
    ]
}

async fn with_image() -> Vec<PromptMessage> {
    vec![
        PromptMessage::user(ContentBlock::Image(ImageContent::new(png(), "image/png"))),
        PromptMessage::user(ContentBlock::text("Please analyze the image above.")),
    ]
}
