//! Completion: what is proposed while a person types.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_core::Principal;
use mcp_core::protocol::{CompleteResult, Completion, PromptArgument, ReadResourceResult};
use mcp_core::server::{
    Args, CompletionInput, HandlerError, Limits, ResponseKind, ServedPrompt, ServedTemplate,
    Server, ServerMessage,
};
use serde_json::{Value, json};

use crate::common::{answer_as, error, exchange, request, result};

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn prompt(arguments: &[&str]) -> ServedPrompt {
    let arguments = arguments.iter().map(|name| PromptArgument::new(*name)).collect();
    ServedPrompt::new("p", async || "x".to_owned()).arguments(arguments)
}

fn server(runs: &Arc<AtomicUsize>) -> Server {
    let counter = Arc::clone(runs);
    let prompt = prompt(&["echo", "many", "hundred", "made", "fails", "panics", "plain"])
        .complete("echo", move |Args(input): Args<CompletionInput>| {
            counter.fetch_add(1, Ordering::SeqCst);
            async move {
                let known = input.context.get("other").cloned().unwrap_or_default();
                vec![format!("{}:{}:{known}", input.argument, input.value)]
            }
        })
        .complete("many", async || numbers(250))
        .complete("hundred", async || numbers(100))
        .complete("made", async || CompleteResult::new(Completion::new(numbers(250))))
        .complete("fails", async || -> Result<Vec<String>, HandlerError> {
            Err(std::io::Error::other("a secret path"))?
        })
        .complete("panics", async || -> Vec<String> { panic!("a secret reason") });
    let template =
        ServedTemplate::new("x:/{id}", "x", async || ReadResourceResult::new(Vec::new()))
            .complete("id", async || vec!["a".to_owned()]);
    Server::builder("app", "1").prompt(prompt).template(template).build().unwrap()
}

fn complete(reference: Value, argument: Value) -> Value {
    request(1, "completion/complete", json!({ "ref": reference, "argument": argument }))
}

fn of_prompt(argument: &str) -> Value {
    complete(
        json!({ "type": "ref/prompt", "name": "p" }),
        json!({ "name": argument, "value": "v" }),
    )
}

#[tokio::test]
async fn completion_inputs_are_checked() {
    let runs = Arc::default();
    let server = server(&runs);
    let prompt = || json!({ "type": "ref/prompt", "name": "p" });
    let echo = || json!({ "name": "echo", "value": "v" });
    let mut wrong = vec![
        complete(json!({ "type": "ref/tool", "name": "p" }), echo()),
        complete(json!({ "name": "p" }), echo()),
        complete(json!({ "type": "ref/prompt" }), echo()),
        complete(json!({ "type": "ref/prompt", "name": 7 }), echo()),
        complete(json!({ "type": "ref/prompt", "name": "unknown" }), echo()),
        complete(json!({ "type": "ref/resource", "uri": "y:/{id}" }), echo()),
        complete(json!({ "type": "ref/resource" }), echo()),
        complete(json!({ "type": "ref/resource", "uri": "x:/{id}" }), echo()),
        complete(json!("p"), echo()),
        complete(prompt(), json!({ "name": "unknown", "value": "v" })),
        complete(prompt(), json!({ "name": "echo" })),
        complete(prompt(), json!({ "value": "v" })),
        complete(prompt(), json!({ "name": "echo", "value": 7 })),
        complete(prompt(), json!({ "name": "echo", "value": null })),
        complete(prompt(), json!("echo")),
        request(1, "completion/complete", json!({ "ref": prompt() })),
        request(1, "completion/complete", json!({ "argument": echo() })),
        request(1, "completion/complete", json!({})),
    ];
    for context in [json!("x"), json!({ "arguments": [] }), json!({ "arguments": { "a": 1 } })] {
        let mut message = complete(prompt(), echo());
        message["params"]["context"] = context;
        wrong.push(message);
    }
    for message in wrong {
        let refused = error(&server, &message).await;
        assert_eq!(refused["code"], -32602, "{}", message["params"]);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0, "the handler did not run");
    let mut message = complete(prompt(), echo());
    message["params"]["context"] = json!({ "arguments": { "other": "known" } });
    let found = result(&server, &message).await;
    assert_eq!(found["completion"]["values"], json!(["echo:v:known"]));
}

#[tokio::test]
async fn hundred_values_at_most() {
    let server = server(&Arc::default());
    let of = async |argument| result(&server, &of_prompt(argument)).await["completion"].clone();
    for argument in ["many", "made"] {
        let many = of(argument).await;
        assert_eq!(many["values"], json!(numbers(100)), "{argument}: the first, in order");
        assert_eq!((&many["total"], &many["hasMore"]), (&json!(250), &json!(true)), "{argument}");
    }
    let hundred = of("hundred").await;
    assert_eq!(hundred["values"].as_array().unwrap().len(), 100);
    assert_eq!((&hundred["total"], &hundred["hasMore"]), (&json!(100), &json!(false)));
    // An argument that nothing completes is an argument all the same.
    assert_eq!(of("plain").await["values"], json!([]));
}

#[tokio::test]
async fn completion_errors_have_codes() {
    let server = server(&Arc::default());
    for argument in ["fails", "panics"] {
        let failed = error(&server, &of_prompt(argument)).await;
        assert_eq!(failed["code"], -32603, "{argument}");
        assert!(!failed.to_string().contains("secret"), "{failed}");
    }
    assert_eq!(error(&server, &of_prompt("unknown")).await["code"], -32602);
    let without = Server::builder("app", "1").prompt(prompt(&["echo"])).build().unwrap();
    assert_eq!(error(&without, &of_prompt("echo")).await["code"], -32601);
}

#[tokio::test]
async fn completion_sees_the_principal() {
    let own = async |who: Option<Principal>| match who {
        Some(who) => vec![format!("{}'s", who.as_str())],
        None => Vec::new(),
    };
    let server =
        Server::builder("app", "1").prompt(prompt(&["own"]).complete("own", own)).build().unwrap();
    for who in ["alice", "bob"] {
        let found = answer_as(&server, who, &of_prompt("own")).await;
        let values = &found["result"]["completion"]["values"];
        assert_eq!(*values, json!([format!("{who}'s")]));
    }
    let nobody = result(&server, &of_prompt("own")).await;
    assert_eq!(nobody["completion"]["values"], json!([]));
}

#[tokio::test]
async fn in_flight_is_bounded() {
    let limits = Limits { in_flight: 1, ..Limits::default() };
    let server = Server::builder("app", "1")
        .limits(limits)
        .prompt(prompt(&["many"]).complete("many", async || numbers(3)))
        .build()
        .unwrap();
    let first = exchange(&server, &of_prompt("many"));
    match exchange(&server, &of_prompt("many")).next().await {
        Some(ServerMessage::Response(response)) => {
            assert_eq!(response.kind, ResponseKind::Overloaded);
        }
        other => panic!("{other:?}"),
    }
    drop(first);
    result(&server, &of_prompt("many")).await;
}
