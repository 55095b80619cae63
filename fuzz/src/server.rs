//! A small server with something of everything.

use mcp_core::RawJson;
use mcp_core::protocol::{ReadResourceResult, TextResourceContents};
use mcp_core::server::{
    Args, BuildErrors, CompletionInput, Cx, HandlerError, Json, ServedPrompt, ServedResource,
    ServedTemplate, ServedTool, Server,
};
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) fn build() -> Result<Server, BuildErrors> {
    Server::builder("fuzz", "0.0.0")
        .logging()
        .page_size(2)
        .tool(ServedTool::new("add", add).description("Adds two numbers."))
        .tool(ServedTool::new("echo", echo).description("Gives back whatever it gets."))
        .tool(ServedTool::new("order", order).description("Asks for a size, then for consent."))
        .prompt(ServedPrompt::new("greet", greet).complete("name", names))
        .prompt(ServedPrompt::new("ask", ask))
        .resource(ServedResource::new("fuzz://text", "text", text))
        .template(ServedTemplate::new("fuzz://notes/{+path}{?line}", "note", note))
        .build()
}

#[derive(Deserialize, JsonSchema)]
struct Summands {
    a: i64,
    #[schemars(extend("x-mcp-header" = "B"))]
    #[serde(default)]
    b: i64,
}

async fn add(Args(Summands { a, b }): Args<Summands>) -> Json<i64> {
    Json(a.saturating_add(b))
}

#[derive(Deserialize, JsonSchema)]
struct Anything {
    value: RawJson,
}

async fn echo(cx: Cx, Args(Anything { value }): Args<Anything>) -> Json<RawJson> {
    cx.progress(1.0, None, value.get());
    Json(value)
}

#[derive(Deserialize, JsonSchema)]
enum Size {
    Small,
    Large,
}

#[derive(Deserialize, JsonSchema)]
struct Choice {
    size: Size,
    count: Option<u8>,
}

#[derive(Deserialize, JsonSchema)]
struct Consent {
    agree: bool,
}

async fn order(cx: Cx) -> Result<String, HandlerError> {
    let number = cx.once("number", async { Ok::<_, HandlerError>(7) }).await?;
    let Choice { size, count } = cx.elicit("choice", "What size?").await?;
    let Consent { agree } = cx.elicit("consent", "Really?").await?;
    let size = match size {
        Size::Small => "small",
        Size::Large => "large",
    };
    Ok(format!("{number}: {} {size}, {agree}", count.unwrap_or(1)))
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

async fn greet(Args(Name { name }): Args<Name>) -> String {
    format!("Say hello to {name}.")
}

async fn names(Args(input): Args<CompletionInput>) -> Vec<String> {
    ["ada", "alan", "grace"]
        .into_iter()
        .filter(|name| name.starts_with(&input.value))
        .map(str::to_owned)
        .collect()
}

async fn ask(cx: Cx) -> Result<String, HandlerError> {
    let roots = cx.roots("roots").await?;
    Ok(format!("{} roots", roots.len()))
}

async fn text() -> ReadResourceResult {
    ReadResourceResult::new(vec![TextResourceContents::new("fuzz://text", "A text.").into()])
}

#[derive(Deserialize, JsonSchema)]
struct Note {
    path: String,
    line: Option<String>,
}

async fn note(Args(Note { path, line }): Args<Note>) -> ReadResourceResult {
    let text = format!("{path} {}", line.unwrap_or_default());
    let uri = "fuzz://notes/x";
    ReadResourceResult::new(vec![TextResourceContents::new(uri, text).into()])
}
