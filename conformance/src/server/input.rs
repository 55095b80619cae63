//! Tools and a prompt that ask the client before they answer.

use mcp_core::protocol::{CreateMessageRequestParams, CreateMessageResult, SamplingMessage};
use mcp_core::server::{Cx, HandlerError, InputError, ServedPrompt, ServedTool, ServerBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) fn add(builder: ServerBuilder) -> ServerBuilder {
    let tool = |name: &str, tool: fn(&str) -> ServedTool| {
        tool(&format!("test_input_required_result_{name}"))
            .description(format!("Asks the client: {name}."))
    };
    builder
        .tool(tool("elicitation", |name| ServedTool::new(name, elicitation)))
        .tool(tool("sampling", |name| ServedTool::new(name, sampling)))
        .tool(tool("list_roots", |name| ServedTool::new(name, list_roots)))
        .tool(tool("request_state", |name| ServedTool::new(name, request_state)))
        .tool(tool("tampered_state", |name| ServedTool::new(name, request_state)))
        .tool(tool("multiple_inputs", |name| ServedTool::new(name, multiple_inputs)))
        .tool(tool("multi_round", |name| ServedTool::new(name, multi_round)))
        .tool(tool("capabilities", |name| ServedTool::new(name, capabilities)))
        .prompt(
            ServedPrompt::new("test_input_required_result_prompt", prompt)
                .description("Asks the client for a context first."),
        )
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Color {
    color: String,
}

#[derive(Deserialize, JsonSchema)]
struct Context {
    context: String,
}

#[derive(Deserialize, JsonSchema)]
struct Confirm {
    ok: bool,
}

fn question(text: &str, max_tokens: i64) -> CreateMessageRequestParams {
    let message = SamplingMessage::user(text);
    CreateMessageRequestParams::new(vec![message], max_tokens)
}

fn said(result: &CreateMessageResult) -> String {
    result.text().unwrap_or("(no text)").to_owned()
}

async fn elicitation(cx: Cx) -> Result<String, InputError> {
    let Name { name } = cx.elicit("user_name", "What is your name?").await?;
    Ok(format!("Hello, {name}!"))
}

async fn sampling(cx: Cx) -> Result<String, InputError> {
    let answer =
        cx.sample("capital_question", question("What is the capital of France?", 100)).await?;
    Ok(said(&answer))
}

async fn list_roots(cx: Cx) -> Result<String, InputError> {
    let roots = cx.roots("client_roots").await?;
    Ok(roots.into_iter().map(|root| root.uri).collect::<Vec<_>>().join("\n"))
}

/// A value that must survive the round: it travels sealed in the request state.
async fn started(cx: &Cx) -> Result<String, HandlerError> {
    cx.once("started", async { Ok::<_, HandlerError>("round 1".to_owned()) }).await
}

async fn request_state(cx: Cx) -> Result<String, HandlerError> {
    let started = started(&cx).await?;
    let Confirm { ok } = cx.elicit("confirm", "Please confirm").await?;
    Ok(format!("state-ok: began in {started}, confirmed: {ok}"))
}

async fn multiple_inputs(cx: Cx) -> Result<String, HandlerError> {
    started(&cx).await?;
    let (name, greeting, roots) = tokio::try_join!(
        cx.elicit::<Name>("user_name", "What is your name?"),
        cx.sample("greeting", question("Generate a greeting", 50)),
        cx.roots("client_roots"),
    )?;
    Ok(format!("{} {} ({} roots)", said(&greeting), name.name, roots.len()))
}

async fn multi_round(cx: Cx) -> Result<String, HandlerError> {
    started(&cx).await?;
    let Name { name } = cx.elicit("step1", "Step 1: What is your name?").await?;
    let Color { color } = cx.elicit("step2", "Step 2: What is your favorite color?").await?;
    Ok(format!("{name} likes {color}."))
}

async fn capabilities(cx: Cx) -> Result<String, InputError> {
    let offered = cx.client_capabilities().clone();
    let name = async {
        match offered.elicitation {
            Some(_) => cx.elicit::<Name>("user_name", "What is your name?").await.map(|n| n.name),
            None => Ok("(no forms)".to_owned()),
        }
    };
    let greeting = async {
        match offered.sampling {
            Some(_) => {
                cx.sample("greeting", question("Generate a greeting", 50)).await.map(|a| said(&a))
            }
            None => Ok("(no sampling)".to_owned()),
        }
    };
    let roots = async {
        match offered.roots {
            Some(_) => cx.roots("client_roots").await.map(|roots| roots.len()),
            None => Ok(0),
        }
    };
    let (name, greeting, roots) = tokio::try_join!(name, greeting, roots)?;
    Ok(format!("{name}, {greeting}, {roots} roots"))
}

async fn prompt(cx: Cx) -> Result<String, InputError> {
    let Context { context } =
        cx.elicit("user_context", "What context should the prompt use?").await?;
    Ok(format!("Work in this context: {context}"))
}
