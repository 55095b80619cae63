//! Rounds: which questions may be asked, of whom, in which answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use mcp_core::extension::{
    Contributions, Extension, ExtensionId, MethodOptions, Negotiated, NoSettings, ServerExtension,
};
use mcp_core::protocol::{
    CreateMessageRequestParams, ReadResourceResult, ResultBody, SamplingMessage,
    TextResourceContents,
};
use mcp_core::server::{
    Args, CompletionInput, Cx, HandlerError, InputError, Middleware, Next, Outcome, ServedPrompt,
    ServedResource, ServedTool, Server,
};
use mcp_core::{Error, protocol::InputRequiredResult};
use serde_json::{Value, json};

use crate::common::{declaring, error, result, text};
use crate::support::{Name, accept, call, everything};

fn hi() -> CreateMessageRequestParams {
    CreateMessageRequestParams::new(vec![SamplingMessage::user("hi")], 5_u64)
}

fn with_tool(tool: ServedTool) -> Server {
    Server::builder("app", "1").tool(tool).build().unwrap()
}

#[tokio::test]
async fn each_question_has_its_key() {
    let same = async |cx: Cx| -> Result<String, InputError> {
        let (a, b) = tokio::try_join!(
            cx.elicit::<Name>("name", "Your name?"),
            cx.elicit::<Name>("name", "Your mother's name?")
        )?;
        Ok(format!("{} {}", a.name, b.name))
    };
    let two = async |cx: Cx| -> Result<String, InputError> {
        let (a, b) = tokio::try_join!(
            cx.elicit::<Name>("yours", "Your name?"),
            cx.elicit::<Name>("hers", "Your mother's name?")
        )?;
        Ok(format!("{} {}", a.name, b.name))
    };
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("same", same))
        .tool(ServedTool::new("two", two))
        .build()
        .unwrap();
    let refused = error(&server, &call("same", json!({}), json!({}))).await;
    assert_eq!(refused["code"], -32603, "never one answer for two questions");
    let asked = result(&server, &call("two", json!({}), json!({}))).await;
    let questions = asked["inputRequests"].as_object().unwrap();
    assert_eq!(questions["yours"]["params"]["message"], "Your name?");
    assert_eq!(questions["hers"]["params"]["message"], "Your mother's name?");
    let answers = json!({ "inputResponses": {
        "yours": accept(json!({ "name": "Ada" })),
        "hers": accept(json!({ "name": "Anne" })),
    } });
    assert_eq!(text(&result(&server, &call("two", json!({}), answers)).await), "Ada Anne");
}

#[tokio::test]
async fn a_later_question_does_not_take_an_earlier_ones_answer() {
    let transfer = async |cx: Cx| -> Result<String, InputError> {
        let first = cx.elicit::<Name>("confirm", "Pay Ada?").await?;
        let second = cx.elicit::<Name>("confirm", "Pay Bob, too?").await?;
        Ok(format!("{} {}", first.name, second.name))
    };
    // The very question again is the same question.
    let again = async |cx: Cx| -> Result<String, InputError> {
        let first = cx.elicit::<Name>("confirm", "Pay Ada?").await?;
        let second = cx.elicit::<Name>("confirm", "Pay Ada?").await?;
        Ok(format!("{} {}", first.name, second.name))
    };
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("transfer", transfer))
        .tool(ServedTool::new("again", again))
        .build()
        .unwrap();
    let answers = json!({ "inputResponses": { "confirm": accept(json!({ "name": "yes" })) } });
    let refused = error(&server, &call("transfer", json!({}), answers.clone())).await;
    assert_eq!(refused["code"], -32603, "Bob was not agreed to");
    assert_eq!(text(&result(&server, &call("again", json!({}), answers)).await), "yes yes");
}

#[tokio::test]
async fn three_kinds_in_one_round() {
    let server = with_tool(ServedTool::new("all", async |cx: Cx| -> Result<String, InputError> {
        let (name, said, roots) = tokio::try_join!(
            cx.elicit::<Name>("name", "Who?"),
            cx.sample("model", hi()),
            cx.roots("roots")
        )?;
        Ok(format!("{} {} {}", name.name, said.text().unwrap_or_default(), roots.len()))
    }));
    let asked = result(&server, &call("all", json!({}), json!({}))).await;
    let methods: Vec<_> = asked["inputRequests"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, question)| format!("{key} {}", question["method"].as_str().unwrap()))
        .collect();
    assert_eq!(
        methods,
        ["model sampling/createMessage", "name elicitation/create", "roots roots/list"]
    );
    let answers = json!({ "inputResponses": {
        "name": accept(json!({ "name": "Ada" })),
        "model": { "role": "assistant", "model": "m", "content": { "type": "text", "text": "hello" } },
        "roots": { "roots": [] },
    } });
    assert_eq!(text(&result(&server, &call("all", json!({}), answers)).await), "Ada hello 0");
}

struct Asking;

impl Extension for Asking {
    const ID: ExtensionId = ExtensionId::new("com.example/asking");
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

#[derive(serde::Serialize)]
struct Counted {
    count: usize,
}
impl ResultBody for Counted {}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

#[async_trait]
impl ServerExtension for Asking {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
        to.method(
            "com.example/count",
            MethodOptions::new(),
            |_: Negotiated<Self>, cx: Cx, _: Nothing| async move {
                let roots = cx.roots("roots").await.map_err(|_| Error::Internal)?;
                Ok(Counted { count: roots.len() })
            },
        );
    }
}

/// Answers every list with a question.
struct Asks;

#[async_trait]
impl Middleware for Asks {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
        if cx.request().method().ends_with("/list") {
            return Outcome::input_required(InputRequiredResult::default());
        }
        next.run(cx).await
    }
}

#[tokio::test]
async fn only_three_methods_may_ask() {
    let read = async |cx: Cx| -> Result<ReadResourceResult, InputError> {
        let roots = cx.roots("roots").await?;
        let text = roots.len().to_string();
        Ok(ReadResourceResult::new(vec![TextResourceContents::new("x:1", text).into()]))
    };
    let count = async |cx: Cx| -> Result<String, InputError> {
        Ok(cx.roots("roots").await?.len().to_string())
    };
    let complete = async |cx: Cx, _: Args<CompletionInput>| -> Result<Vec<String>, InputError> {
        Ok(vec![cx.roots("roots").await?.len().to_string()])
    };
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("count", count))
        .prompt(
            ServedPrompt::new("count", async |_: Args<Name>| "x".to_owned())
                .complete("name", complete),
        )
        .prompt(ServedPrompt::new("asks", count))
        .resource(ServedResource::new("x:1", "one", read))
        .extension(Asking)
        .layer("asks", 0, Asks)
        .build()
        .unwrap();
    let mut declared = everything();
    declared["extensions"] = json!({ "com.example/asking": {} });
    for (method, params) in [
        ("tools/call", json!({ "name": "count" })),
        ("prompts/get", json!({ "name": "asks" })),
        ("resources/read", json!({ "uri": "x:1" })),
    ] {
        let asked = result(&server, &declaring(declared.clone(), method, params)).await;
        assert_eq!(asked["resultType"], "input_required", "{method}");
        assert_eq!(asked["inputRequests"]["roots"]["method"], "roots/list");
    }
    let reference = json!({ "type": "ref/prompt", "name": "count" });
    let argument = json!({ "name": "name", "value": "" });
    for (method, params) in [
        ("completion/complete", json!({ "ref": reference, "argument": argument })),
        ("com.example/count", json!({})),
        ("tools/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
    ] {
        let refused = error(&server, &declaring(declared.clone(), method, params)).await;
        assert_eq!(refused["code"], -32603, "{method}");
    }
}

#[tokio::test]
async fn asks_only_what_is_declared() {
    let server = with_tool(ServedTool::new("able", async |cx: Cx| -> Result<String, InputError> {
        let able = cx.client_capabilities().clone();
        let (name, said) = match (able.elicitation.is_some(), able.sampling.is_some()) {
            (true, true) => {
                tokio::try_join!(cx.elicit::<Name>("name", "Who?"), cx.sample("model", hi()))
                    .map(|(name, said)| (Some(name), Some(said)))?
            }
            (true, false) => (Some(cx.elicit::<Name>("name", "Who?").await?), None),
            _ => (None, Some(cx.sample("model", hi()).await?)),
        };
        Ok(format!("{} {}", name.is_some(), said.is_some()))
    }));
    for (declared, keys) in [
        (json!({ "elicitation": {}, "sampling": {}, "roots": {} }), vec!["model", "name"]),
        (json!({ "elicitation": {} }), vec!["name"]),
        (json!({ "sampling": {} }), vec!["model"]),
    ] {
        let message = declaring(declared.clone(), "tools/call", json!({ "name": "able" }));
        let asked = result(&server, &message).await;
        let asked: Vec<_> = asked["inputRequests"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(asked, keys, "{declared}");
    }
    for declared in [json!({}), json!({ "roots": {} })] {
        let message = declaring(declared, "tools/call", json!({ "name": "able" }));
        let refused = error(&server, &message).await;
        assert_eq!(refused["code"], -32021);
        assert_eq!(refused["data"]["requiredCapabilities"], json!({ "sampling": {} }));
    }
}

#[tokio::test]
async fn no_empty_rounds() {
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("asks", async |cx: Cx| -> Result<String, HandlerError> {
            Ok(cx.elicit::<Name>("name", "Who?").await?.name)
        }))
        .tool(ServedTool::new("keeps", async |cx: Cx| -> Result<String, HandlerError> {
            Ok(cx.once("n", async { Ok::<_, HandlerError>(7) }).await?.to_string())
        }))
        .tool(ServedTool::new("does_both", async |cx: Cx| -> Result<String, HandlerError> {
            let n: u8 = cx.once("n", async { Ok::<_, HandlerError>(7) }).await?;
            Ok(format!("{n} {}", cx.elicit::<Name>("name", "Who?").await?.name))
        }))
        .tool(ServedTool::new("neither", async || "x"))
        .build()
        .unwrap();
    for (tool, questions, state) in
        [("asks", 1, false), ("keeps", 0, false), ("does_both", 1, true), ("neither", 0, false)]
    {
        let said = result(&server, &call(tool, json!({}), json!({}))).await;
        if said["resultType"] == "complete" {
            assert_eq!(questions, 0, "{tool}");
            assert!(said.get("inputRequests").is_none() && said.get("requestState").is_none());
            continue;
        }
        assert_eq!(said["resultType"], "input_required");
        assert_eq!(said["inputRequests"].as_object().unwrap().len(), questions, "{tool}");
        assert_eq!(said["requestState"].is_string(), state, "{tool}");
    }
}

#[tokio::test]
async fn extra_answers_are_ignored() {
    let server = with_tool(ServedTool::new("two", async |cx: Cx| -> Result<String, InputError> {
        let first = cx.elicit::<Name>("first", "First?").await?;
        let second = cx.elicit::<Name>("second", "Second?").await?;
        Ok(format!("{} {}", first.name, second.name))
    }));
    let answer = |key: &str, state: Option<&Value>| {
        let mut answers = json!({ "inputResponses": {
            "extra": accept(json!({ "name": "x".repeat(1000) })),
            "more": 7,
        } });
        answers["inputResponses"][key] = accept(json!({ "name": "Ada" }));
        if let Some(state) = state {
            answers["requestState"] = state.clone();
        }
        call("two", json!({}), answers)
    };
    let asked = result(&server, &answer("first", None)).await;
    assert_eq!(asked["inputRequests"].as_object().unwrap().len(), 1);
    let state = &asked["requestState"];
    assert!(state.as_str().unwrap().len() < 500, "the extra answers are not kept");
    assert_eq!(text(&result(&server, &answer("second", Some(state))).await), "Ada Ada");
}

#[tokio::test]
async fn round_errors_have_codes() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let server = with_tool(ServedTool::new("panics", move |cx: Cx| {
        let runs = Arc::clone(&counted);
        async move {
            runs.fetch_add(1, Ordering::SeqCst);
            let Name { name } = cx.elicit("name", "Who?").await?;
            assert_eq!(name, "a secret reason");
            Ok::<_, InputError>(name)
        }
    }));
    for bad in [
        json!({ "inputResponses": [] }),
        json!({ "inputResponses": 7 }),
        json!({ "inputResponses": "x" }),
        json!({ "requestState": 7 }),
        json!({ "requestState": "forged", "inputResponses": {} }),
    ] {
        let refused = error(&server, &call("panics", json!({}), bad.clone())).await;
        assert_eq!(refused["code"], -32602, "{bad}");
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0, "the handler does not run");
    let answers = json!({ "inputResponses": { "name": accept(json!({ "name": "Ada" })) } });
    let failed = error(&server, &call("panics", json!({}), answers)).await;
    assert_eq!(failed["code"], -32603);
    assert!(!failed.to_string().contains("secret"), "{failed}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}
