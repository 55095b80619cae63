//! Requests that take several rounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_core::client::{Client, ClientError, ElicitAnswer, Round};
use mcp_core::protocol::{
    CreateMessageResult, InputResponses, Role, Root, SamplingMessageContentBlock, TextContent,
};
use serde_json::json;

use crate::support::{DONE, Scripted, result};

fn asks(questions: &str, state: &str) -> Vec<crate::support::Act> {
    result(&format!(r#"{{"resultType":"input_required"{questions}{state}}}"#))
}

const CONFIRM: &str = r#","inputRequests":{"confirm":{"method":"elicitation/create","params":{
    "message":"Go on?","requestedSchema":{"type":"object","properties":{"ok":{"type":"boolean"}}}}}}"#;

/// Escapes and white space in it must come back as they are.
const STATE: &str = r#","requestState":" {\"n\": 1,\n\u00e9 /\\ }\n""#;
const STATE_VALUE: &str = " {\"n\": 1,\n\u{e9} /\\ }\n";

fn accepting() -> mcp_core::client::ClientBuilder {
    Client::builder("tester", "1.0.0")
        .on_elicit_form(async |_| ElicitAnswer::accept(&json!({ "ok": true })))
}

#[tokio::test]
async fn answers_and_the_exact_state_go_back_with_a_new_id() {
    let server = Scripted::new([asks(CONFIRM, STATE), result(DONE)]);
    let client = server.client_of(accepting());
    let done = client.call_tool("t", &json!({ "a": 1 })).await.unwrap();
    assert_eq!(done.all_text(), "done");
    let seen = server.seen();
    assert_ne!(seen[0].message["id"], seen[1].message["id"]);
    assert_eq!(seen[1].params()["requestState"], STATE_VALUE);
    assert_eq!(
        seen[1].params()["inputResponses"],
        json!({ "confirm": { "action": "accept", "content": { "ok": true } } })
    );
    for member in ["name", "arguments", "_meta"] {
        assert_eq!(seen[0].params()[member], seen[1].params()[member], "{member}");
    }
    assert_eq!(seen[1].name.as_deref(), Some("t"));
}

#[tokio::test]
async fn a_state_that_did_not_come_is_not_sent() {
    let server = Scripted::new([
        asks(CONFIRM, STATE),
        asks(CONFIRM, ""),
        asks("", r#","requestState":"second""#),
        result(DONE),
    ]);
    server.client_of(accepting()).call("t").send().await.unwrap();
    let seen = server.seen();
    assert!(seen[0].params().get("requestState").is_none());
    assert_eq!(seen[1].params()["requestState"], STATE_VALUE);
    assert!(seen[2].params().get("requestState").is_none(), "the old one is not kept");
    assert!(seen[2].params().get("inputResponses").is_some());
    assert_eq!(seen[3].params()["requestState"], "second");
    assert!(seen[3].params().get("inputResponses").is_none(), "the old answers are not kept");
}

#[tokio::test]
async fn an_empty_state_is_a_state() {
    let server = Scripted::new([asks(CONFIRM, r#","requestState":"""#), result(DONE)]);
    server.client_of(accepting()).call("t").send().await.unwrap();
    assert_eq!(server.seen()[1].params()["requestState"], "");
}

#[tokio::test]
async fn other_requests_carry_nothing_of_it() {
    let server = Scripted::new([asks(CONFIRM, STATE), result(DONE), result(DONE)]);
    let slot: Arc<std::sync::OnceLock<Client>> = Arc::default();
    let inner = Arc::clone(&slot);
    // The other call is made while the question is open.
    let builder = Client::builder("tester", "1").on_elicit_form(move |_| {
        let client = inner.get().unwrap().clone();
        async move {
            client.call("other").send().await.unwrap();
            ElicitAnswer::Decline
        }
    });
    let client = server.client_of(builder);
    slot.set(client.clone()).unwrap();
    client.call("t").send().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[1].params()["name"], "other");
    assert!(seen[1].params().get("requestState").is_none());
    assert!(seen[1].params().get("inputResponses").is_none());
    assert_eq!(seen[2].params()["inputResponses"]["confirm"], json!({ "action": "decline" }));
}

#[tokio::test]
async fn prompts_and_resources_may_ask_and_others_may_not() {
    let server = Scripted::new([
        asks(CONFIRM, ""),
        result(r#"{"messages":[]}"#),
        asks(CONFIRM, ""),
        result(r#"{"contents":[]}"#),
        asks(CONFIRM, ""),
        asks(CONFIRM, ""),
    ]);
    let client = server.client_of(accepting());
    client.get_prompt("p", &json!({ "a": "b" })).await.unwrap();
    client.read_resource("a:b").await.unwrap();
    let error = client.list_tools().await.unwrap_err();
    assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{error}");
    let error = client.request_raw("com.example/m", &json!({})).await.unwrap_err();
    assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{error}");
    assert_eq!(server.seen().len(), 6, "no retry");
}

#[tokio::test]
async fn nobody_is_asked_if_one_question_has_no_handler() {
    let two = r#","inputRequests":{
        "a":{"method":"elicitation/create","params":{"message":"m","requestedSchema":{"type":"object","properties":{}}}},
        "b":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}}"#;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let builder = Client::builder("tester", "1").on_elicit_form(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { ElicitAnswer::Decline }
    });
    let server = Scripted::new([asks(two, "")]);
    let error = server.client_of(builder).call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::NoHandler { what: "sampling/createMessage" }), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_mode_that_was_not_declared_has_no_handler() {
    let page = r#","inputRequests":{"a":{"method":"elicitation/create","params":{
        "mode":"url","message":"m","url":"https://example.com/"}}}"#;
    let server = Scripted::new([asks(page, "")]);
    let error = server.client_of(accepting()).call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::NoHandler { what: "elicitation/create (url)" }));

    let tools = r#","inputRequests":{"a":{"method":"sampling/createMessage","params":{
        "messages":[],"maxTokens":1,"tools":[]}}}"#;
    let server = Scripted::new([asks(tools, "")]);
    let builder =
        Client::builder("t", "1").on_sample(async |_| Err::<CreateMessageResult, _>("unused"));
    let error = server.client_of(builder).call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::NoHandler { what: "sampling/createMessage (tools)" }));
}

#[tokio::test]
async fn questions_of_all_kinds_are_answered_at_the_same_time() {
    let three = r#","inputRequests":{
        "form":{"method":"elicitation/create","params":{"mode":"form","message":"m","requestedSchema":{"type":"object","properties":{}}}},
        "page":{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://example.com/x"}},
        "model":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1,"includeContext":"allServers"}},
        "roots":{"method":"roots/list"}}"#;
    let server = Scripted::new([asks(three, ""), result(DONE)]);
    // Each handler waits until all four have begun.
    let barrier = Arc::new(tokio::sync::Barrier::new(4));
    let wait = || {
        let barrier = Arc::clone(&barrier);
        move || {
            let barrier = Arc::clone(&barrier);
            async move { barrier.wait().await }
        }
    };
    let (a, b, c, d) = (wait(), wait(), wait(), wait());
    let builder = Client::builder("tester", "1")
        .on_elicit_form(move |form| {
            assert_eq!(form.asked_by.key, "form");
            assert_eq!(form.asked_by.name.as_deref(), Some("t"));
            let waiting = a();
            async move {
                waiting.await;
                ElicitAnswer::Cancel
            }
        })
        .on_elicit_url(move |page| {
            assert_eq!(page.host(), "example.com");
            let waiting = b();
            async move {
                waiting.await;
                ElicitAnswer::opened()
            }
        })
        .on_sample(move |request| {
            assert!(request.params.include_context.is_none(), "context was not declared");
            let waiting = c();
            async move {
                waiting.await;
                let text = SamplingMessageContentBlock::Text(TextContent::new("hi"));
                Ok::<_, String>(CreateMessageResult::new(Role::Assistant, text, "model"))
            }
        })
        .on_roots(move |_| {
            let waiting = d();
            async move {
                waiting.await;
                Ok::<_, String>(vec![Root::new("file:///work")])
            }
        });
    server.client_of(builder).call("t").send().await.unwrap();
    let seen = server.seen();
    let answers = &seen[1].params()["inputResponses"];
    assert_eq!(answers["form"], json!({ "action": "cancel" }));
    assert_eq!(answers["page"], json!({ "action": "accept" }));
    assert_eq!(answers["model"]["content"]["text"], "hi");
    assert_eq!(answers["roots"]["roots"][0]["uri"], "file:///work");
}

#[tokio::test]
async fn handlers_that_fail_or_answer_nonsense_end_the_call() {
    let roots = r#","inputRequests":{"r":{"method":"roots/list","params":{}}}"#;
    let server = Scripted::new([asks(roots, ""), asks(roots, "")]);
    let failing = Client::builder("t", "1").on_roots(async |_| Err::<Vec<Root>, _>("disk is gone"));
    let error = server.client_of(failing).call("t").send().await.unwrap_err();
    assert!(matches!(&error, ClientError::Handler { method: "roots/list", .. }));
    assert!(error.to_string().contains("disk is gone"));

    let escaping = Client::builder("t", "1")
        .on_roots(async |_| Ok::<_, String>(vec![Root::new("file:///a/%2e%2e/b")]));
    let error = server.client_of(escaping).call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::InvalidAnswer { method: "roots/list", .. }));

    let server = Scripted::new([asks(CONFIRM, "")]);
    let wrong = Client::builder("t", "1")
        .on_elicit_form(async |_| ElicitAnswer::accept(&json!({ "ok": "maybe" })));
    let outcome = server.client_of(wrong).call("t").send().await;
    if cfg!(feature = "validation") {
        let error = outcome.unwrap_err();
        assert!(matches!(error, ClientError::InvalidAnswer { .. }), "{error}");
        assert_eq!(server.seen().len(), 1, "the wrong answer was not sent");
    }
}

#[tokio::test]
async fn questions_that_are_none_are_errors() {
    for questions in [
        r#","inputRequests":{"a":{"method":"tools/call","params":{}}}"#,
        r#","inputRequests":{"a":{"method":"elicitation/create"}}"#,
        r#","inputRequests":{"a":{"method":"elicitation/create","params":{"mode":"telepathy","message":"m"}}}"#,
        r#","inputRequests":{"a":{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"file:///etc/passwd"}}}"#,
        r#","inputRequests":[]"#,
        r#","inputRequests":{"a":7}"#,
        r#","inputRequests":{},"requestState":7"#,
        r#","inputRequests":null"#,
        "",
    ] {
        let server = Scripted::new([asks(questions, "")]);
        let builder = accepting().on_elicit_url(async |_| panic!("asked"));
        let error = server.client_of(builder).call("t").send().await.unwrap_err();
        assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{questions}: {error}");
        assert_eq!(server.seen().len(), 1, "{questions}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_questions_the_request_is_repeated_within_bounds() {
    let again = || asks("", r#","requestState":"s""#);
    let server = Scripted::new([again(), again(), result(DONE)]);
    server.client().call("t").send().await.unwrap();
    assert_eq!(server.seen().len(), 3);

    let server = Scripted::new((0..100).map(|_| again()));
    let error = server.client().call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::TooManyRounds(16)), "{error}");
    assert_eq!(server.seen().len(), 16);

    let server = Scripted::new((0..100).map(|_| again()));
    let builder = Client::builder("t", "1").max_rounds(2);
    let error = server.client_of(builder).call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::TooManyRounds(2)), "{error}");
}

#[tokio::test]
async fn a_round_may_ask_for_nothing() {
    let server = Scripted::new([asks(r#","inputRequests":{}"#, ""), result(DONE)]);
    server.client().call("t").send().await.unwrap();
    assert_eq!(server.seen()[1].params()["inputResponses"], json!({}));
}

#[tokio::test]
async fn the_caller_may_answer_the_questions_itself() {
    let server = Scripted::new([asks(CONFIRM, STATE), result(DONE)]);
    // No handler is needed for that.
    let client = server.client();
    let arguments = json!({ "a": 1 });
    let Round::InputRequired(asked) = client.call_tool_once("t", &arguments).await.unwrap() else {
        panic!("complete")
    };
    assert!(asked.input_requests.as_ref().unwrap().contains_key("confirm"));
    let answer = serde_json::from_str(r#"{"action":"accept","content":{"ok":false}}"#).unwrap();
    let answers = InputResponses::from([("confirm".to_owned(), answer)]);
    let request = client.call("t").arguments(&arguments).answers(&asked, &answers);
    let Round::Complete(done) = request.send_once().await.unwrap() else { panic!("asks again") };
    assert_eq!(done.all_text(), "done");
    let seen = server.seen();
    assert_eq!(seen[1].params()["requestState"], STATE_VALUE);
    assert_eq!(seen[1].params()["inputResponses"]["confirm"]["content"]["ok"], false);
    assert_eq!(seen[1].params()["arguments"], arguments);
}
