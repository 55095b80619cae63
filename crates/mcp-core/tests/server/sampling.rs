//! Sampling: what a handler may ask the client's model for.

use std::sync::{Arc, Mutex};

use mcp_core::protocol::{ConversationError, CreateMessageRequestParams};
use mcp_core::server::{Cx, InputError, ServedTool, Server};
use serde_json::{Value, json};

use crate::common::{declaring, error, result, text};

/// What the handler got instead of an answer.
type Told = Arc<Mutex<Option<ConversationError>>>;

/// A server whose only tool samples with these parameters.
fn sampling(params: Value) -> (Server, Told) {
    let told = Told::default();
    let kept = Arc::clone(&told);
    let params: CreateMessageRequestParams = serde_json::from_value(params).unwrap();
    let tool = move |cx: Cx| {
        let (params, told) = (params.clone(), Arc::clone(&kept));
        async move {
            match cx.sample("model", params).await {
                Ok(answer) => Ok(answer.text().unwrap_or_default().to_owned()),
                Err(error) => {
                    if let InputError::Conversation(error) = &error {
                        *told.lock().unwrap() = Some(error.clone());
                    }
                    Err(error)
                }
            }
        }
    };
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("sample", tool))
        .tool(ServedTool::new("other", async || "served"))
        .build()
        .unwrap();
    (server, told)
}

fn call(capabilities: Value) -> Value {
    declaring(capabilities, "tools/call", json!({ "name": "sample" }))
}

fn offering(sampling: Value) -> Value {
    json!({ "sampling": sampling })
}

fn history(messages: Value) -> Value {
    json!({ "messages": messages, "maxTokens": 5 })
}

fn says(role: &str, content: Value) -> Value {
    json!({ "role": role, "content": content })
}

fn said(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn uses(id: &str) -> Value {
    json!({ "type": "tool_use", "id": id, "name": "weather", "input": {} })
}

fn tells(id: &str) -> Value {
    json!({ "type": "tool_result", "toolUseId": id, "content": [said("rain")] })
}

/// The histories that no model may be shown, each with the message that is wrong.
fn broken() -> Vec<(Value, ConversationError)> {
    use ConversationError as E;
    let asked = || says("assistant", json!([uses("a"), uses("b")]));
    let user = || says("user", said("Rain?"));
    vec![
        (json!([user(), asked()]), E::MissingResult { message: 1 }),
        (json!([user(), asked(), says("user", tells("a"))]), E::MissingResult { message: 1 }),
        (
            json!([
                asked(),
                says("assistant", said("hm")),
                says("user", json!([tells("a"), tells("b")]))
            ]),
            E::MissingResult { message: 0 },
        ),
        (
            json!([asked(), says("user", tells("a")), says("user", tells("b"))]),
            E::MissingResult { message: 0 },
        ),
        (
            json!([asked(), says("user", json!([tells("a"), tells("b"), tells("c")]))]),
            E::UnaskedResult { message: 1 },
        ),
        (
            json!([asked(), says("user", json!([tells("a"), tells("b"), tells("b")]))]),
            E::RepeatedId { message: 1 },
        ),
        (json!([user(), says("user", tells("never"))]), E::UnaskedResult { message: 1 }),
        (
            json!([
                says("assistant", uses("a")),
                says("user", tells("a")),
                says("user", said("and?")),
                says("user", tells("a")),
            ]),
            E::UnaskedResult { message: 3 },
        ),
        (json!([says("user", uses("a"))]), E::UseOfUser { message: 0 }),
    ]
}

#[tokio::test]
async fn tool_uses_are_balanced() {
    for (messages, wrong) in broken() {
        let (server, told) = sampling(history(messages.clone()));
        let refused = error(&server, &call(offering(json!({ "tools": {} })))).await;
        assert_eq!(refused["code"], -32603, "{messages}");
        assert_eq!(*told.lock().unwrap(), Some(wrong), "{messages}");
        let other = declaring(json!({}), "tools/call", json!({ "name": "other" }));
        assert_eq!(text(&result(&server, &other).await), "served");
    }
    let parallel = json!([
        says("user", said("Rain?")),
        says("assistant", json!([said("I look"), uses("a"), uses("b")])),
        says("user", json!([tells("b"), tells("a")])),
    ]);
    let (server, told) = sampling(history(parallel.clone()));
    let asked = result(&server, &call(offering(json!({})))).await;
    assert_eq!(asked["inputRequests"]["model"]["params"]["messages"], parallel);
    assert_eq!(*told.lock().unwrap(), None);
}

#[tokio::test]
async fn tool_results_stand_alone() {
    let mixed = json!([
        says("assistant", uses("a")),
        says("user", json!([tells("a"), said("It rains, I hear")])),
    ]);
    let (server, told) = sampling(history(mixed));
    assert_eq!(error(&server, &call(offering(json!({})))).await["code"], -32603);
    assert_eq!(*told.lock().unwrap(), Some(ConversationError::MixedResults { message: 1 }));
}

#[tokio::test]
async fn a_broken_history_is_the_handlers_mistake_whoever_calls() {
    let (messages, wrong) = broken().remove(0);
    let (server, told) = sampling(history(messages));
    assert_eq!(error(&server, &call(json!({}))).await["code"], -32603);
    assert_eq!(*told.lock().unwrap(), Some(wrong));
}

/// Asks with more than the history against several declarations; `None`: it is sent.
async fn needs(more: Value, cases: &[(Value, Option<Value>)]) {
    let mut params = history(json!([says("user", said("hi"))]));
    for (key, value) in more.as_object().unwrap() {
        params[key] = value.clone();
    }
    let (server, _) = sampling(params.clone());
    for (declared, required) in cases {
        match required {
            None => {
                let asked = result(&server, &call(declared.clone())).await;
                let request = &asked["inputRequests"]["model"];
                assert_eq!(request["method"], "sampling/createMessage", "{declared}");
                assert_eq!(request["params"], params, "{declared}");
            }
            Some(required) => {
                let refused = error(&server, &call(declared.clone())).await;
                assert_eq!(refused["code"], -32021, "{more} {declared}");
                assert_eq!(refused["data"]["requiredCapabilities"], offering(required.clone()));
            }
        }
    }
}

#[tokio::test]
async fn sampling_with_tools_needs_it() {
    let tools = json!([{ "name": "weather", "inputSchema": { "type": "object" } }]);
    for more in [
        json!({ "tools": tools }),
        json!({ "tools": [] }),
        json!({ "toolChoice": { "mode": "none" } }),
        json!({ "tools": tools, "toolChoice": { "mode": "required" } }),
    ] {
        needs(
            more,
            &[
                (json!({}), Some(json!({ "tools": {} }))),
                (offering(json!({})), Some(json!({ "tools": {} }))),
                (offering(json!({ "context": {} })), Some(json!({ "tools": {} }))),
                (offering(json!({ "tools": {} })), None),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn context_needs_declaration() {
    for of in ["thisServer", "allServers"] {
        needs(
            json!({ "includeContext": of }),
            &[
                (offering(json!({})), Some(json!({ "context": {} }))),
                (offering(json!({ "tools": {} })), Some(json!({ "context": {} }))),
                (offering(json!({ "context": {} })), None),
            ],
        )
        .await;
    }
    needs(json!({ "includeContext": "none" }), &[(offering(json!({})), None)]).await;
    // Unset, it is not on the wire: `needs` compares all of the parameters.
    needs(json!({}), &[(offering(json!({})), None), (json!({}), Some(json!({})))]).await;
    needs(
        json!({ "includeContext": "allServers", "toolChoice": {} }),
        &[(offering(json!({ "tools": {} })), Some(json!({ "tools": {}, "context": {} })))],
    )
    .await;
}

#[tokio::test]
async fn sampling_answers_are_checked() {
    let (server, _) = sampling(history(json!([says("user", said("hi"))])));
    let answering = |answer: Value| {
        let params = json!({ "name": "sample", "inputResponses": { "model": answer } });
        declaring(offering(json!({})), "tools/call", params)
    };
    let good = json!({ "role": "assistant", "content": said("hello"), "model": "m" });
    assert_eq!(text(&result(&server, &answering(good.clone())).await), "hello");
    for (member, wrong) in [
        ("model", Value::Null),
        ("role", json!("system")),
        ("role", Value::Null),
        ("content", json!(7)),
        ("content", json!({ "type": "text" })),
        ("content", Value::Null),
    ] {
        let mut answer = good.clone();
        answer[member] = wrong.clone();
        let asked = result(&server, &answering(answer)).await;
        assert!(asked["inputRequests"]["model"].is_object(), "{member} {wrong}: {asked}");
    }
    let asked = result(&server, &answering(json!(7))).await;
    assert!(asked["inputRequests"]["model"].is_object());
}
