//! Multi round-trip requests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{answer_as, declaring, error, messages, result, text};
use mcp_core::protocol::{CreateMessageRequestParams, SamplingMessage};
use mcp_core::server::{
    Args, Cx, HandlerError, InputError, Limits, ServedPrompt, ServedTool, Server,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Name {
    #[schemars(length(min = 2))]
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Amount {
    amount: u32,
}

async fn greet(cx: Cx) -> Result<String, InputError> {
    let Name { name } = cx.elicit("name", "Who are you?").await?;
    Ok(format!("Hello, {name}!"))
}

async fn two_rounds(cx: Cx) -> Result<String, InputError> {
    let Name { name } = cx.elicit("name", "Who?").await?;
    let Amount { amount } = cx.elicit("amount", "How much?").await?;
    Ok(format!("{name}: {amount}"))
}

fn server(runs: &Arc<AtomicUsize>) -> Server {
    let runs = Arc::clone(runs);
    Server::builder("app", "1")
        .tool(ServedTool::new("greet", greet))
        .tool(ServedTool::new("two_rounds", two_rounds))
        .tool(ServedTool::new("once", move |cx: Cx, Args(amount): Args<Amount>| {
            let runs = Arc::clone(&runs);
            async move {
                let plan: String = cx
                    .once("plan", async {
                        tokio::task::yield_now().await;
                        runs.fetch_add(1, Ordering::SeqCst);
                        Ok::<_, HandlerError>(format!("plan for {}", amount.amount))
                    })
                    .await?;
                let Name { name } = cx.elicit("name", "Who?").await?;
                Ok::<_, HandlerError>(format!("{name}: {plan}"))
            }
        }))
        .tool(ServedTool::new("url", async |cx: Cx| -> Result<String, InputError> {
            cx.elicit_url("login", "Log in", "https://example.com/login").await?;
            Ok("logged in".to_owned())
        }))
        .tool(ServedTool::new("sample", async |cx: Cx| -> Result<String, InputError> {
            let params = CreateMessageRequestParams::new(vec![SamplingMessage::user("hi")], 5_u64);
            Ok(cx.sample("model", params).await?.text().unwrap_or_default().to_owned())
        }))
        .tool(ServedTool::new("both", async |cx: Cx| -> Result<String, InputError> {
            let (name, roots) =
                tokio::try_join!(cx.elicit::<Name>("name", "Who?"), cx.roots("roots"))?;
            Ok(format!("{} {}", name.name, roots.len()))
        }))
        .prompt(ServedPrompt::new("greet", greet))
        .build()
        .unwrap()
}

fn everything() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} })
}

fn call(name: &str, arguments: Value, more: Value) -> Value {
    let mut params = json!({ "name": name, "arguments": arguments });
    for (key, value) in more.as_object().into_iter().flatten() {
        params[key] = value.clone();
    }
    declaring(everything(), "tools/call", params)
}

fn accept(content: Value) -> Value {
    json!({ "action": "accept", "content": content })
}

#[tokio::test]
async fn a_question_ends_the_round_and_its_answer_goes_on() {
    let server = server(&Arc::default());
    let asked = result(&server, &call("greet", json!({}), json!({}))).await;
    assert_eq!(asked["resultType"], "input_required");
    let question = &asked["inputRequests"]["name"];
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["message"], "Who are you?");
    assert_eq!(question["params"]["requestedSchema"]["properties"]["name"]["minLength"], 2);
    assert!(asked["ttlMs"].is_null(), "an interim result is not cacheable");
    let answers = json!({ "inputResponses": { "name": accept(json!({ "name": "Ada" })) } });
    let done = result(&server, &call("greet", json!({}), answers)).await;
    assert_eq!(text(&done), "Hello, Ada!");
}

#[tokio::test]
async fn answers_that_do_not_fit_are_asked_for_again() {
    let server = server(&Arc::default());
    for bad in [
        json!({}),
        json!({ "other": accept(json!({ "name": "Ada" })) }),
        json!({ "name": 7 }),
        json!({ "name": null }),
        json!({ "name": { "action": "accept" } }),
        json!({ "name": accept(json!({})) }),
        json!({ "name": accept(json!({ "name": 7 })) }),
        json!({ "name": { "action": "maybe" } }),
    ] {
        let answers = json!({ "inputResponses": bad });
        let asked = result(&server, &call("greet", json!({}), answers)).await;
        assert_eq!(asked["resultType"], "input_required", "{bad}");
        assert!(asked["inputRequests"]["name"].is_object(), "{bad}");
    }
    #[cfg(feature = "validation")]
    {
        let short = json!({ "inputResponses": { "name": accept(json!({ "name": "A" })) } });
        let asked = result(&server, &call("greet", json!({}), short)).await;
        assert_eq!(asked["resultType"], "input_required");
    }
    for no in ["decline", "cancel"] {
        let answers = json!({ "inputResponses": { "name": { "action": no } } });
        let refused = result(&server, &call("greet", json!({}), answers)).await;
        assert_eq!(refused["isError"], true);
    }
}

#[tokio::test]
async fn earlier_answers_travel_sealed() {
    let server = server(&Arc::default());
    let first = json!({ "inputResponses": { "name": accept(json!({ "name": "Ada" })) } });
    let asked = result(&server, &call("two_rounds", json!({}), first)).await;
    assert_eq!(asked["inputRequests"].as_object().unwrap().len(), 1);
    let state = asked["requestState"].as_str().unwrap();
    assert!(!state.contains("Ada"));
    let second = json!({
        "requestState": state,
        "inputResponses": { "amount": accept(json!({ "amount": 3 })) },
    });
    assert_eq!(text(&result(&server, &call("two_rounds", json!({}), second)).await), "Ada: 3");
}

#[tokio::test]
async fn work_in_once_is_done_once() {
    let runs = Arc::default();
    let server = server(&runs);
    let arguments = json!({ "amount": 5 });
    let asked = result(&server, &call("once", arguments.clone(), json!({}))).await;
    let state = asked["requestState"].clone();
    let answers = json!({
        "requestState": state,
        "inputResponses": { "name": accept(json!({ "name": "Ada" })) },
    });
    let done = result(&server, &call("once", arguments, answers.clone())).await;
    assert_eq!(text(&done), "Ada: plan for 5");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    // Bound to its arguments and its tool.
    for (tool, arguments) in [("once", json!({ "amount": 6 })), ("greet", json!({}))] {
        assert_eq!(error(&server, &call(tool, arguments, answers.clone())).await["code"], -32602);
    }
}

#[tokio::test]
async fn state_is_bound_to_its_caller_and_expires() {
    let server = server(&Arc::default());
    let arguments = json!({ "amount": 5 });
    let first = answer_as(&server, "alice", &call("once", arguments.clone(), json!({}))).await;
    let retry = json!({ "requestState": first["result"]["requestState"] });
    let retry = call("once", arguments.clone(), retry);
    assert!(answer_as(&server, "alice", &retry).await["result"].is_object());
    assert_eq!(answer_as(&server, "mallory", &retry).await["error"]["code"], -32602);
    assert_eq!(error(&server, &retry).await["code"], -32602);
    let mut tampered = retry.clone();
    let state = retry["params"]["requestState"].as_str().unwrap();
    let changed =
        format!("{}{}", &state[..state.len() - 2], if state.ends_with("AA") { "BB" } else { "AA" });
    tampered["params"]["requestState"] = json!(changed);
    assert_eq!(answer_as(&server, "alice", &tampered).await["error"]["code"], -32602);
}

#[tokio::test]
async fn only_what_the_client_declared_is_asked_for() {
    let server = server(&Arc::default());
    for (tool, declared, required) in [
        ("greet", json!({}), json!({ "elicitation": { "form": {} } })),
        (
            "greet",
            json!({ "elicitation": { "url": {} } }),
            json!({ "elicitation": { "form": {} } }),
        ),
        ("url", json!({ "elicitation": {} }), json!({ "elicitation": { "url": {} } })),
        ("sample", json!({ "elicitation": {} }), json!({ "sampling": {} })),
        ("both", json!({ "elicitation": {} }), json!({ "roots": {} })),
    ] {
        let message = declaring(declared.clone(), "tools/call", json!({ "name": tool }));
        let error = error(&server, &message).await;
        assert_eq!(error["code"], -32021, "{tool} {declared}");
        assert_eq!(error["data"]["requiredCapabilities"], required);
    }
    // A client that names no mode shows forms.
    let message = declaring(json!({ "elicitation": {} }), "tools/call", json!({ "name": "greet" }));
    assert_eq!(result(&server, &message).await["resultType"], "input_required");
}

#[tokio::test]
async fn several_questions_go_in_one_round() {
    let server = server(&Arc::default());
    let asked = result(&server, &call("both", json!({}), json!({}))).await;
    let keys: Vec<_> = asked["inputRequests"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["name", "roots"]);
    let half = json!({ "inputResponses": { "roots": { "roots": [{ "uri": "file:///a" }] } } });
    let asked = result(&server, &call("both", json!({}), half)).await;
    assert_eq!(asked["inputRequests"].as_object().unwrap().len(), 1);
    let rest = json!({
        "requestState": asked["requestState"],
        "inputResponses": { "name": accept(json!({ "name": "Ada" })) },
    });
    assert_eq!(text(&result(&server, &call("both", json!({}), rest)).await), "Ada 1");
}

#[tokio::test]
async fn people_are_sent_to_web_addresses_only_and_roots_are_files() {
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("go", async |cx: Cx| -> Result<String, InputError> {
            cx.elicit_url("go", "Go", "javascript:alert(1)").await?;
            Ok("gone".to_owned())
        }))
        .tool(ServedTool::new("roots", async |cx: Cx| -> Result<String, InputError> {
            Ok(cx.roots("roots").await?.len().to_string())
        }))
        .build()
        .unwrap();
    assert_eq!(error(&server, &call("go", json!({}), json!({}))).await["code"], -32603);
    let web = json!({ "inputResponses": { "roots": { "roots": [{ "uri": "https://a" }] } } });
    assert_eq!(
        result(&server, &call("roots", json!({}), web)).await["resultType"],
        "input_required"
    );
    let file = json!({ "inputResponses": { "roots": { "roots": [{ "uri": "file:///a" }] } } });
    assert_eq!(text(&result(&server, &call("roots", json!({}), file)).await), "1");
}

#[tokio::test]
async fn prompts_ask_too_and_lists_do_not() {
    let server = server(&Arc::default());
    let message = declaring(everything(), "prompts/get", json!({ "name": "greet" }));
    assert_eq!(result(&server, &message).await["resultType"], "input_required");
    let message = declaring(everything(), "tools/list", json!({ "inputResponses": {} }));
    assert_eq!(result(&server, &message).await["resultType"], "complete");
}

#[tokio::test]
async fn states_of_another_key_are_refused() {
    let arguments = json!({ "amount": 5 });
    let asked = result(&server(&Arc::default()), &call("once", arguments.clone(), json!({}))).await;
    let other = server(&Arc::default());
    let retry = json!({ "requestState": asked["requestState"] });
    assert_eq!(error(&other, &call("once", arguments, retry)).await["code"], -32602);
}

#[tokio::test]
async fn values_too_large_to_carry_fail_by_name() {
    let server = Server::builder("app", "1")
        .limits(Limits::default())
        .tool(ServedTool::new("large", async |cx: Cx| -> Result<String, HandlerError> {
            cx.once("large", async { Ok::<_, HandlerError>("x".repeat(1 << 20)) }).await?;
            Ok(cx.elicit::<Name>("name", "Who?").await?.name)
        }))
        .build()
        .unwrap();
    let seen = messages(common::exchange(&server, &call("large", json!({}), json!({})))).await;
    assert_eq!(seen[0]["error"]["code"], -32603);
}
