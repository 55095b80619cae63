//! Tools that answer at once.

use std::time::Duration;

use mcp_core::RawJson;
use mcp_core::protocol::{
    AudioContent, ContentBlock, EmbeddedResource, ImageContent, TextResourceContents,
};
use mcp_core::server::{Args, Cx, HandlerError, RawArgs, ServedTool, ServerBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::content::{png, wav};

pub(crate) fn add(builder: ServerBuilder) -> ServerBuilder {
    builder
        .tool(ServedTool::new("test_simple_text", simple_text).description("Answers a fixed text."))
        .tool(ServedTool::new("test_image_content", image).description("Answers a picture."))
        .tool(ServedTool::new("test_audio_content", audio).description("Answers a sound."))
        .tool(
            ServedTool::new("test_embedded_resource", embedded)
                .description("Answers an embedded resource."),
        )
        .tool(
            ServedTool::new("test_multiple_content_types", multiple)
                .description("Answers a text, a picture and a resource."),
        )
        .tool(ServedTool::new("test_error_handling", fails).description("Always fails."))
        .tool(
            ServedTool::new("test_tool_with_progress", progress)
                .description("Reports progress 0, 50 and 100 of 100."),
        )
        .tool(
            ServedTool::new("json_schema_2020_12_tool", schema_keywords)
                .description("Tool with JSON Schema 2020-12 features")
                .input_schema(schema_2020_12()),
        )
        .tool(
            ServedTool::new("test_region_echo", region)
                .description("Echoes a parameter that is mirrored into a header.")
                .mirror_header("region", "Region"),
        )
}

async fn simple_text() -> &'static str {
    "This is a simple text response for testing."
}

async fn image() -> ContentBlock {
    ContentBlock::Image(ImageContent::new(png(), "image/png"))
}

async fn audio() -> ContentBlock {
    ContentBlock::Audio(AudioContent::new(wav(), "audio/wav"))
}

fn resource(uri: &str, mime_type: &str, text: &str) -> ContentBlock {
    let mut contents = TextResourceContents::new(uri, text);
    contents.mime_type = Some(mime_type.to_owned());
    ContentBlock::Resource(EmbeddedResource::new(contents))
}

async fn embedded() -> ContentBlock {
    resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")
}

async fn multiple() -> Vec<ContentBlock> {
    vec![
        ContentBlock::text("Multiple content types test:"),
        ContentBlock::Image(ImageContent::new(png(), "image/png")),
        resource(
            "test://mixed-content-resource",
            "application/json",
            r#"{"test":"data","value":123}"#,
        ),
    ]
}

async fn fails() -> Result<String, HandlerError> {
    Err(HandlerError::tell("This tool intentionally returns an error for testing"))
}

async fn progress(cx: Cx) -> &'static str {
    for step in [0, 50, 100] {
        cx.progress(step, 100, "");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    "Progress was reported."
}

#[derive(Deserialize, JsonSchema)]
struct Region {
    /// Where to look.
    region: String,
}

async fn region(Args(Region { region }): Args<Region>) -> String {
    region
}

async fn schema_keywords(RawArgs(arguments): RawArgs) -> String {
    format!("Received {} bytes of arguments.", arguments.get().len())
}

fn schema_2020_12() -> RawJson {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
        } },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" }
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": {
            "properties": { "contactMethod": { "const": "phone" } },
            "required": ["contactMethod"]
        },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false
    });
    RawJson::from_serialize(&schema).unwrap_or_else(|_| RawJson::empty_object())
}
