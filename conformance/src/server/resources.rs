//! Resources.

use mcp_core::protocol::{BlobResourceContents, ReadResourceResult, TextResourceContents};
use mcp_core::server::{Args, ServedResource, ServedTemplate, ServerBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

use super::content::png;

pub(crate) fn add(builder: ServerBuilder) -> ServerBuilder {
    builder
        .resource(
            ServedResource::new("test://static-text", "static-text", text)
                .description("A fixed text.")
                .mime_type("text/plain"),
        )
        .resource(
            ServedResource::new("test://static-binary", "static-binary", binary)
                .description("A fixed picture.")
                .mime_type("image/png"),
        )
        .resource(
            ServedResource::new("test://watched-resource", "watched-resource", watched)
                .description("A text to subscribe to.")
                .mime_type("text/plain"),
        )
        .template(
            ServedTemplate::new("test://template/{id}/data", "template", template)
                .description("Data by its id.")
                .mime_type("application/json"),
        )
}

fn of_text(uri: &str, mime_type: &str, text: impl Into<String>) -> ReadResourceResult {
    let mut contents = TextResourceContents::new(uri, text);
    contents.mime_type = Some(mime_type.to_owned());
    ReadResourceResult::uncached(vec![contents.into()])
}

async fn text() -> ReadResourceResult {
    of_text("test://static-text", "text/plain", "This is the content of the static text resource.")
}

async fn binary() -> ReadResourceResult {
    let mut contents = BlobResourceContents::new("test://static-binary", png());
    contents.mime_type = Some("image/png".to_owned());
    ReadResourceResult::uncached(vec![contents.into()])
}

async fn watched() -> ReadResourceResult {
    of_text("test://watched-resource", "text/plain", "Watched.")
}

#[derive(Deserialize, JsonSchema)]
struct Id {
    id: String,
}

async fn template(Args(Id { id }): Args<Id>) -> ReadResourceResult {
    let data = serde_json::json!({
        "id": id,
        "templateTest": true,
        "data": format!("Data for ID: {id}"),
    });
    of_text(&format!("test://template/{id}/data"), "application/json", data.to_string())
}
