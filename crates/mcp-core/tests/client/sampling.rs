//! Questions to a model, checked before the application's handler sees them.

use std::sync::{Arc, Mutex};

use mcp_core::Error;
use mcp_core::client::{Client, ClientBuilder, ClientError};
use mcp_core::protocol::{
    ConversationError, CreateMessageRequestParams, CreateMessageResult, Role,
    SamplingMessageContentBlock, TextContent,
};
use serde_json::{Value, json};

use crate::support::{DONE, Scripted, result};

/// What the handler was asked.
type Asked = Arc<Mutex<Vec<CreateMessageRequestParams>>>;

fn sampling(asked: &Asked) -> ClientBuilder {
    let asked = Arc::clone(asked);
    Client::builder("tester", "1").on_sample(move |request| {
        asked.lock().unwrap().push(request.params);
        async {
            let text = SamplingMessageContentBlock::Text(TextContent::new("hi"));
            Ok::<_, String>(CreateMessageResult::new(Role::Assistant, text, "model"))
        }
    })
}

/// A server that samples with these parameters in the first round.
fn asking(params: &Value) -> Scripted {
    let question = json!({ "method": "sampling/createMessage", "params": params });
    let round = json!({ "resultType": "input_required", "inputRequests": { "model": question } });
    Scripted::new([result(&round.to_string()), result(DONE)])
}

fn history(messages: Value) -> Value {
    json!({ "messages": messages, "maxTokens": 5 })
}

fn uses(id: &str) -> Value {
    json!({ "role": "assistant",
        "content": [{ "type": "tool_use", "id": id, "name": "weather", "input": {} }] })
}

fn tells(id: &str) -> Value {
    json!({ "type": "tool_result", "toolUseId": id, "content": [] })
}

fn user(content: Value) -> Value {
    json!({ "role": "user", "content": content })
}

#[tokio::test]
async fn broken_histories_are_refused_before_the_handler_sees_them() {
    use ConversationError as E;
    let text = json!({ "type": "text", "text": "hi" });
    for (messages, wrong) in [
        (json!([uses("a")]), E::MissingResult { message: 0 }),
        (json!([uses("a"), user(text.clone())]), E::MissingResult { message: 0 }),
        (json!([uses("a"), user(json!([tells("a"), text]))]), E::MixedResults { message: 1 }),
        (json!([uses("a"), user(json!([tells("a"), tells("a")]))]), E::RepeatedId { message: 1 }),
        (
            json!([uses("a"), user(json!([tells("a"), tells("b")]))]),
            E::UnaskedResult { message: 1 },
        ),
        (json!([user(tells("a"))]), E::UnaskedResult { message: 0 }),
    ] {
        let asked = Asked::default();
        let server = asking(&history(messages.clone()));
        let error = server.client_of(sampling(&asked)).call("t").send().await.unwrap_err();
        let ClientError::Conversation(found) = error else { panic!("{messages}: {error}") };
        assert_eq!(found, wrong, "{messages}");
        assert_eq!(Error::from(found).code(), -32602);
        assert!(asked.lock().unwrap().is_empty(), "{messages}");
        assert_eq!(server.seen().len(), 1, "no retry: {messages}");
    }
}

#[tokio::test]
async fn whole_histories_reach_the_handler_as_they_are() {
    let asked = Asked::default();
    let (mut wish, mut told) = (uses("a"), tells("a"));
    wish["content"][0]["_meta"] = json!({ "com.example/cache": 1, "progressToken": "x" });
    wish["content"][0]["com.example/more"] = json!({ "n": 1 });
    told["_meta"] = json!({ "com.example/cache": 2 });
    told["structuredContent"] = json!(null);
    let mut params = history(json!([wish, user(json!([told]))]));
    params["maxTokens"] = json!(50);
    params["modelPreferences"] = json!({
        "hints": [{ "name": "b", "com.example/size": 1 }, { "name": "a" }, {}],
        "costPriority": 0.3,
    });
    let server = asking(&params);
    server.client_of(sampling(&asked)).call("t").send().await.unwrap();
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0].max_tokens, 50);
    assert_eq!(serde_json::to_value(&asked[0]).unwrap(), params, "hints in order, `_meta` and all");
    assert_eq!(server.seen()[1].params()["inputResponses"]["model"]["model"], "model");
}

#[tokio::test]
async fn questions_without_their_members_are_refused() {
    let text = json!({ "type": "text", "text": "hi" });
    let mut whole = history(json!([user(text.clone())]));
    is_taken(&whole, true).await;
    whole["messages"] = json!([{ "role": "assistant", "content": [text, text] }]);
    is_taken(&whole, true).await;
    for wrong in [
        json!({ "messages": [] }),
        json!({ "maxTokens": 5 }),
        history(json!([{ "content": text }])),
        history(json!([{ "role": "user" }])),
        history(json!([{ "role": "system", "content": text }])),
        history(json!([{ "role": "user", "content": 7 }])),
    ] {
        is_taken(&wrong, false).await;
    }
}

async fn is_taken(params: &Value, wanted: bool) {
    let asked = Asked::default();
    let server = asking(params);
    let outcome = server.client_of(sampling(&asked)).call("t").send().await;
    if wanted {
        outcome.unwrap();
        let asked = asked.lock().unwrap();
        assert_eq!(serde_json::to_value(&asked[0]).unwrap(), *params);
    } else {
        let error = outcome.unwrap_err();
        assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{params}: {error}");
        assert!(asked.lock().unwrap().is_empty(), "{params}");
        assert_eq!(server.seen().len(), 1, "{params}");
    }
}

#[tokio::test]
async fn unasked_tools_are_refused() {
    for more in [
        json!({ "tools": [] }),
        json!({ "tools": [{ "name": "t", "inputSchema": { "type": "object" } }] }),
        json!({ "toolChoice": {} }),
        json!({ "toolChoice": { "mode": "none" } }),
    ] {
        let mut params = history(json!([]));
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let asked = Asked::default();
        let server = asking(&params);
        let error = server.client_of(sampling(&asked)).call("t").send().await.unwrap_err();
        assert!(
            matches!(error, ClientError::NoHandler { what: "sampling/createMessage (tools)" }),
            "{more}: {error}"
        );
        assert!(asked.lock().unwrap().is_empty(), "{more}");
        assert_eq!(server.seen().len(), 1, "no retry: {more}");
    }
}

#[tokio::test]
async fn rounds_are_bounded() {
    let params = history(json!([user(json!({ "type": "text", "text": "hi" }))]));
    let question = json!({ "method": "sampling/createMessage", "params": params });
    let round = json!({ "resultType": "input_required", "inputRequests": { "model": question } });
    let server = Scripted::new((0..100).map(|_| result(&round.to_string())));
    let asked = Asked::default();
    let client = server.client_of(sampling(&asked).max_rounds(4));
    let error = client.call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::TooManyRounds(4)), "{error}");
    assert_eq!(server.seen().len(), 4);
    assert!(asked.lock().unwrap().len() <= 4);
}
