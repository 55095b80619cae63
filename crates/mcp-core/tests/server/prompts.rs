//! Prompts: what goes in, what comes out, what goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_core::protocol::{ContentBlock, PromptArgument, PromptMessage, ResourceContents};
use mcp_core::server::{Args, HandlerError, RawArgs, ServedPrompt, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{error, request, result};

#[derive(Deserialize, JsonSchema)]
struct Greet {
    name: String,
    tone: Option<String>,
}

fn server(runs: &Arc<AtomicUsize>) -> Server {
    let (greets, raw) = (Arc::clone(runs), Arc::clone(runs));
    Server::builder("app", "1")
        .prompt(ServedPrompt::new("greet", move |Args(greet): Args<Greet>| {
            greets.fetch_add(1, Ordering::SeqCst);
            async move { format!("Greet {} {}", greet.name, greet.tone.unwrap_or_default()) }
        }))
        .prompt(
            ServedPrompt::new("raw", move |RawArgs(arguments): RawArgs| {
                raw.fetch_add(1, Ordering::SeqCst);
                async move { arguments.get().to_owned() }
            })
            .arguments(vec![PromptArgument::new("a").with_required(true)]),
        )
        .prompt(ServedPrompt::new("fails", async || -> Result<String, HandlerError> {
            Err(std::io::Error::other("/srv/secret is gone"))?
        }))
        .prompt(ServedPrompt::new("panics", async || -> String { panic!("a secret reason") }))
        .prompt(ServedPrompt::new("tells", async || -> Result<String, HandlerError> {
            Err(HandlerError::tell("the year must be past"))
        }))
        .prompt(ServedPrompt::new("rich", async || {
            vec![
                PromptMessage::user(ContentBlock::resource(ResourceContents::text("x:1", "one"))),
                PromptMessage::assistant(ContentBlock::text("and?")),
            ]
        }))
        .build()
        .unwrap()
}

fn get(params: Value) -> Value {
    request(1, "prompts/get", params)
}

#[tokio::test]
async fn prompt_inputs_are_checked() {
    let runs = Arc::default();
    let server = server(&runs);
    for (name, arguments) in [
        ("greet", json!({ "name": 7 })),
        ("greet", json!({ "name": null })),
        ("greet", json!({ "name": ["Ada"] })),
        ("greet", json!({ "name": "Ada", "tone": true })),
        ("greet", json!({ "name": "Ada", "unknown": {} })),
        ("greet", json!([])),
        ("greet", json!("Ada")),
        ("greet", json!({})),
        ("raw", json!({})),
        ("raw", json!({ "a": 1 })),
    ] {
        let refused = error(&server, &get(json!({ "name": name, "arguments": arguments }))).await;
        assert_eq!(refused["code"], -32602, "{name} {arguments}");
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0, "no handler ran");
    let ada = get(json!({ "name": "greet", "arguments": { "name": "Ada" } }));
    let greeted = result(&server, &ada).await;
    assert_eq!(
        greeted["messages"],
        json!([{ "role": "user", "content": { "type": "text", "text": "Greet Ada " } }])
    );
}

#[tokio::test]
async fn prompt_errors_have_codes() {
    let server = server(&Arc::default());
    for (params, code, named) in [
        (json!({ "name": "unknown" }), -32602, "prompt"),
        (json!({}), -32602, "name"),
        (json!({ "name": 7 }), -32602, "name"),
        (json!({ "name": "raw" }), -32602, "`a`"),
        (json!({ "name": "tells" }), -32602, "the year must be past"),
        (json!({ "name": "fails" }), -32603, ""),
        (json!({ "name": "panics" }), -32603, ""),
    ] {
        let refused = error(&server, &get(params.clone())).await;
        assert_eq!(refused["code"], code, "{params}");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(named) && !message.contains("secret"), "{params}: {message}");
    }
}

#[tokio::test]
async fn messages_come_as_the_handler_made_them() {
    let rich = result(&server(&Arc::default()), &get(json!({ "name": "rich" }))).await;
    assert_eq!(
        rich["messages"],
        json!([
            { "role": "user",
              "content": { "type": "resource", "resource": { "uri": "x:1", "text": "one" } } },
            { "role": "assistant", "content": { "type": "text", "text": "and?" } },
        ])
    );
}
