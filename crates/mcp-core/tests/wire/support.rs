//! A server with something for everyone.

use mcp_core::protocol::{
    CreateMessageRequestParams, LoggingLevel, ReadResourceResult, SamplingMessage,
    TextResourceContents,
};
use mcp_core::server::{
    Args, CompletionInput, Cx, InputError, ServedPrompt, ServedResource, ServedTemplate,
    ServedTool, Server, ServerBuilder,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{declaring, request};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Text {
    pub(crate) text: String,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Name {
    #[allow(dead_code)]
    pub(crate) name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Topic {
    topic: String,
}

fn speak(cx: &Cx) {
    cx.log(LoggingLevel::Info, None, &"about to ask");
    cx.progress(1, 2, "about to ask");
}

/// A tool that echoes, one for each kind of question, and one of everything else.
pub(crate) fn builder() -> ServerBuilder {
    Server::builder("app", "1.2.3")
        .logging()
        .tool(ServedTool::new("echo", async |Args(Text { text }): Args<Text>| text))
        .tool(ServedTool::new("form", async |cx: Cx| -> Result<String, InputError> {
            speak(&cx);
            Ok(cx.elicit::<Name>("name", "Who?").await?.name)
        }))
        .tool(ServedTool::new("url", async |cx: Cx| -> Result<String, InputError> {
            speak(&cx);
            cx.elicit_url("page", "Log in", "https://example.com/login").await?;
            Ok("back".to_owned())
        }))
        .tool(ServedTool::new("sample", async |cx: Cx| -> Result<String, InputError> {
            speak(&cx);
            let params = CreateMessageRequestParams::new(vec![SamplingMessage::user("hi")], 5_u64);
            Ok(cx.sample("model", params).await?.text().unwrap_or_default().to_owned())
        }))
        .tool(ServedTool::new("sample_tools", async |cx: Cx| -> Result<String, InputError> {
            let mut params =
                CreateMessageRequestParams::new(vec![SamplingMessage::user("hi")], 5_u64);
            params.tools = Some(Vec::new());
            Ok(cx.sample("model", params).await?.text().unwrap_or_default().to_owned())
        }))
        .tool(ServedTool::new("roots", async |cx: Cx| -> Result<String, InputError> {
            speak(&cx);
            Ok(cx.roots("roots").await?.len().to_string())
        }))
        .prompt(
            ServedPrompt::new("explain", async |Args(Topic { topic })| format!("Explain {topic}"))
                .complete("topic", async |Args(input): Args<CompletionInput>| {
                    vec![format!("{}rust", input.value)]
                }),
        )
        .resource(ServedResource::new("x:1", "one", async || one_text("x:1")))
        .template(ServedTemplate::new("y:{id}", "many", async || one_text("y:1")))
}

fn one_text(uri: &str) -> ReadResourceResult {
    ReadResourceResult::new(vec![TextResourceContents::new(uri, "text").into()])
}

pub(crate) fn server() -> Server {
    builder().build().unwrap()
}

/// All that a client can declare in the core.
pub(crate) fn everything() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} }, "sampling": { "tools": {} }, "roots": {} })
}

/// A call of a tool by a client that can do everything.
pub(crate) fn call(name: &str, arguments: Value, more: Value) -> Value {
    let mut params = json!({ "name": name, "arguments": arguments });
    for (key, value) in more.as_object().into_iter().flatten() {
        params[key] = value.clone();
    }
    declaring(everything(), "tools/call", params)
}

pub(crate) fn accept(content: Value) -> Value {
    json!({ "action": "accept", "content": content })
}

pub(crate) fn echo(id: impl Into<Value>, text: &str) -> Value {
    request(id, "tools/call", json!({ "name": "echo", "arguments": { "text": text } }))
}

pub(crate) fn listen(id: impl Into<Value>, filter: Value) -> Value {
    request(id, "subscriptions/listen", json!({ "notifications": filter }))
}
