//! Questions to a person: what the handler sees, and what goes back.

use std::sync::{Arc, Mutex};

use mcp_core::client::{Client, ClientBuilder, ClientError, ElicitAnswer, FormRequest, UrlRequest};
use mcp_core::protocol::{CreateMessageResult, Root};
use serde_json::{Value, json};

use crate::support::{DONE, Scripted, result};

type Seen<T> = Arc<Mutex<Vec<T>>>;

fn round(questions: Value) -> Vec<crate::support::Act> {
    let round = json!({ "resultType": "input_required", "inputRequests": questions });
    result(&round.to_string())
}

/// A server that asks this once.
fn asking(params: &Value) -> Scripted {
    let question = json!({ "method": "elicitation/create", "params": params });
    Scripted::new([round(json!({ "ask": question })), result(DONE)])
}

fn form(schema: Value) -> Value {
    json!({ "message": "Go on?", "requestedSchema": schema })
}

fn page(url: &str) -> Value {
    json!({ "mode": "url", "message": "Log in", "url": url })
}

fn yes_or_no() -> Value {
    json!({ "type": "object", "properties": { "ok": { "type": "boolean" } } })
}

fn filling(seen: &Seen<FormRequest>, answer: ElicitAnswer) -> ClientBuilder {
    let seen = Arc::clone(seen);
    Client::builder("tester", "1").on_elicit_form(move |form| {
        seen.lock().unwrap().push(form);
        let answer = answer.clone();
        async { answer }
    })
}

fn opening(seen: &Seen<UrlRequest>, answer: ElicitAnswer) -> ClientBuilder {
    let seen = Arc::clone(seen);
    Client::builder("tester", "1").on_elicit_url(move |page| {
        seen.lock().unwrap().push(page);
        let answer = answer.clone();
        async { answer }
    })
}

fn answered(server: &Scripted) -> Value {
    assert_eq!(server.seen().len(), 2, "one retry");
    server.seen()[1].params()["inputResponses"]["ask"].clone()
}

#[tokio::test]
async fn abilities_are_declared_on_every_request() {
    let handler = async |_| ElicitAnswer::Decline;
    let sample = async |_| Err::<CreateMessageResult, _>("no model");
    let new = || Client::builder("tester", "1");
    for (builder, declared) in [
        (new(), json!({})),
        (new().on_elicit_form(handler), json!({ "elicitation": { "form": {} } })),
        (
            new().on_elicit_form(handler).on_elicit_url(async |_| ElicitAnswer::Decline),
            json!({ "elicitation": { "form": {}, "url": {} } }),
        ),
        (new().on_sample(sample), json!({ "sampling": {} })),
        (new().on_sample(sample).sampling_tools(), json!({ "sampling": { "tools": {} } })),
        (new().roots(vec![Root::new("file:///a")]), json!({ "roots": {} })),
    ] {
        let asks_again = result(r#"{"resultType":"input_required","requestState":"s"}"#);
        let server = Scripted::new([
            asks_again,
            result(DONE),
            result(r#"{"tools":[]}"#),
            result(r#"{"contents":[]}"#),
            result(r#"{"messages":[]}"#),
            result(r#"{"completion":{"values":[]}}"#),
            result(r#"{"supportedVersions":["2026-07-28"],"capabilities":{}}"#),
            result("{}"),
        ]);
        let client = server.client_of(builder);
        client.call("t").send().await.unwrap();
        client.list_tools().await.unwrap();
        client.read_resource("a:b").await.unwrap();
        client.get_prompt("p", &json!({})).await.unwrap();
        let reference = mcp_core::protocol::PromptReference::new("p");
        client.complete(reference, "a", "", None).await.unwrap();
        client.discover().await.unwrap();
        client.request_raw("com.example/m", &json!({})).await.unwrap();
        assert_eq!(server.seen().len(), 8);
        for seen in server.seen() {
            let sent = &seen.meta()["io.modelcontextprotocol/clientCapabilities"];
            assert_eq!(*sent, declared, "{}", seen.method());
        }
    }
}

#[tokio::test]
async fn no_mode_is_form() {
    for mode in [Value::Null, json!("form")] {
        let seen = Seen::default();
        let mut params = form(yes_or_no());
        if mode.is_string() {
            params["mode"] = mode;
        }
        let server = asking(&params);
        let client = server.client_of(filling(&seen, ElicitAnswer::Decline));
        client.call("t").send().await.unwrap();
        assert_eq!(seen.lock().unwrap()[0].message, "Go on?");
        assert_eq!(answered(&server), json!({ "action": "decline" }));
    }
    let seen = Seen::default();
    let mut params = form(yes_or_no());
    params["mode"] = json!("voice");
    let server = asking(&params);
    let client = server.client_of(filling(&seen, ElicitAnswer::Decline));
    let error = client.call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{error}");
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!(server.seen().len(), 1, "no retry");
}

#[tokio::test]
async fn three_actions_reach_the_server() {
    for (answer, sent) in [
        (
            ElicitAnswer::accept(&json!({ "ok": false })),
            json!({ "action": "accept", "content": { "ok": false } }),
        ),
        (ElicitAnswer::Decline, json!({ "action": "decline" })),
        (ElicitAnswer::Cancel, json!({ "action": "cancel" })),
    ] {
        let server = asking(&form(yes_or_no()));
        server.client_of(filling(&Seen::default(), answer)).call("t").send().await.unwrap();
        assert_eq!(answered(&server), sent);
    }
    for (answer, action) in [
        (ElicitAnswer::opened(), "accept"),
        (ElicitAnswer::Decline, "decline"),
        (ElicitAnswer::Cancel, "cancel"),
    ] {
        let server = asking(&page("https://example.com/"));
        server.client_of(opening(&Seen::default(), answer)).call("t").send().await.unwrap();
        assert_eq!(answered(&server), json!({ "action": action }), "never with content");
    }
}

#[tokio::test]
async fn client_fills_nothing_in() {
    let schema = json!({ "type": "object", "properties": {
        "name": { "type": "string", "default": "Ada" },
        "ok": { "type": "boolean", "default": true },
    } });
    let server = asking(&form(schema.clone()));
    let empty = ElicitAnswer::accept(&json!({}));
    server.client_of(filling(&Seen::default(), empty.clone())).call("t").send().await.unwrap();
    assert_eq!(answered(&server), json!({ "action": "accept", "content": {} }));

    let mut required = schema;
    required["required"] = json!(["name"]);
    let server = asking(&form(required));
    let client = server.client_of(filling(&Seen::default(), empty));
    let error = client.call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::InvalidAnswer { .. }), "a default is no answer: {error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn defaults_reach_the_handler() {
    let schema = json!({ "type": "object", "properties": {
        "a text": { "type": "string", "title": "Text", "minLength": 1, "default": "x" },
        "number": { "type": "number", "default": 1.5 },
        "whole": { "type": "integer", "default": 3 },
        "flag": { "type": "boolean", "default": true },
        "one": { "type": "string", "enum": ["a", "b"], "default": "b" },
        "titled": { "type": "string", "oneOf": [{ "const": "a", "title": "A" }], "default": "a" },
        "many": { "type": "array", "items": { "type": "string", "enum": ["a", "b"] },
                  "default": ["a", "b"] },
        "none": { "type": "string" },
    } });
    let seen = Seen::default();
    let server = asking(&form(schema.clone()));
    server.client_of(filling(&seen, ElicitAnswer::Cancel)).call("t").send().await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(serde_json::to_value(&seen[0].schema).unwrap(), schema, "as it was sent");
    let mut defaults = serde_json::Map::new();
    for (name, field) in schema["properties"].as_object().unwrap() {
        if let Some(default) = field.get("default") {
            defaults.insert(name.clone(), default.clone());
        }
    }
    assert_eq!(serde_json::to_value(seen[0].defaults()).unwrap(), Value::Object(defaults));
}

#[cfg(feature = "validation")]
#[tokio::test]
async fn client_checks_form_content() {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "minLength": 2 },
            "size": { "type": "string", "enum": ["small", "large"] },
        },
        "required": ["name"],
    });
    for content in [
        json!({}),
        json!({ "name": 7 }),
        json!({ "name": "A" }),
        json!({ "name": "Ada", "size": "huge" }),
        json!(["Ada"]),
        json!("Ada"),
    ] {
        let server = asking(&form(schema.clone()));
        let answer = ElicitAnswer::accept(&content);
        let client = server.client_of(filling(&Seen::default(), answer));
        let error = client.call("t").send().await.unwrap_err();
        assert!(matches!(error, ClientError::InvalidAnswer { .. }), "{content}: {error}");
        assert_eq!(server.seen().len(), 1, "{content} was not sent");
    }
    let server = asking(&form(schema));
    let content = json!({ "name": "Ada", "size": "small" });
    let answer = ElicitAnswer::accept(&content);
    server.client_of(filling(&Seen::default(), answer)).call("t").send().await.unwrap();
    assert_eq!(answered(&server)["content"], content);
}

#[tokio::test]
async fn client_refuses_deep_forms() {
    for field in [
        json!({ "type": "object", "properties": {} }),
        json!({ "type": "array", "items": { "type": "object" } }),
        json!({ "type": "null" }),
        json!(7),
    ] {
        let seen = Seen::default();
        let schema = json!({ "type": "object", "properties": { "deep": field } });
        let server = asking(&form(schema));
        let client = server.client_of(filling(&seen, ElicitAnswer::Cancel));
        let error = client.call("t").send().await.unwrap_err();
        assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{field}: {error}");
        assert!(seen.lock().unwrap().is_empty(), "{field}");
        assert_eq!(server.seen().len(), 1, "{field}");
    }
}

#[tokio::test]
async fn handler_knows_who_asks() {
    let discovered = r#"{"supportedVersions":["2026-07-28"],"capabilities":{},
        "_meta":{"io.modelcontextprotocol/serverInfo":{"name":"far","version":"2"}}}"#;
    let question = json!({ "method": "elicitation/create", "params": form(yes_or_no()) });
    let script = || {
        let round = round(json!({ "first": question, "second": question }));
        [result(discovered), round, result(DONE)]
    };
    let (one, other) = (Seen::default(), Seen::default());
    let (server, elsewhere) = (Scripted::new(script()), Scripted::new(script()));
    let client = server.client_of(filling(&one, ElicitAnswer::Decline));
    let _other = elsewhere.client_of(filling(&other, ElicitAnswer::Decline));
    client.discover().await.unwrap();
    client.call("delete").send().await.unwrap();
    assert!(other.lock().unwrap().is_empty(), "another connection's handler");
    let seen = one.lock().unwrap();
    let mut keys: Vec<_> = seen.iter().map(|form| form.asked_by.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["first", "second"]);
    for form in seen.iter() {
        let by = &form.asked_by;
        assert_eq!((by.method.as_str(), by.name.as_deref()), ("tools/call", Some("delete")));
        assert_eq!(by.server.as_ref().unwrap().name, "far");
    }
}

#[tokio::test]
async fn handler_gets_the_whole_url() {
    let long = format!("https://example.com/?q={}", "a".repeat(8192));
    for url in [
        "https://user:word@example.com:8443/a/../b?c=%2F&d#e",
        "https://xn--e1awd7f.com/%D0%B0",
        "HTTPS://EXAMPLE.COM",
        "http://localhost:8080/x//y/./",
        long.as_str(),
    ] {
        let seen = Seen::default();
        let server = asking(&page(url));
        server.client_of(opening(&seen, ElicitAnswer::Decline)).call("t").send().await.unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!(seen[0].url, url, "byte for byte");
        assert_eq!(seen[0].message, "Log in");
    }
}

#[tokio::test]
async fn only_web_pages_reach_the_handler() {
    for url in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://example.com/",
        "example.com",
        "https://",
        "https:///a",
        "https://exa mple.com/",
        "https://example.com/\u{7}",
        "data:text/html,x",
        "",
    ] {
        let seen = Seen::default();
        let server = asking(&page(url));
        let client = server.client_of(opening(&seen, ElicitAnswer::opened()));
        let error = client.call("t").send().await.unwrap_err();
        assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{url:?}: {error}");
        assert!(seen.lock().unwrap().is_empty(), "{url:?}");
        assert_eq!(server.seen().len(), 1, "{url:?}");
    }
    for (url, suspicious) in [
        ("https://example.com/", false),
        ("https://xn--e1awd7f.com/", true),
        ("https://ex\u{430}mple.com/", true),
        ("https://example.com@evil.example/", true),
    ] {
        let seen = Seen::default();
        let server = asking(&page(url));
        server.client_of(opening(&seen, ElicitAnswer::Decline)).call("t").send().await.unwrap();
        assert_eq!(seen.lock().unwrap()[0].is_suspicious(), suspicious, "{url}");
    }
}

/// The client itself neither fetches nor opens a page: what happens to it is the handler's doing.
#[tokio::test]
async fn client_fetches_no_elicitation_url() {
    // Requests, if there were any, would wait here to be accepted.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    for answer in [ElicitAnswer::opened(), ElicitAnswer::Decline, ElicitAnswer::Cancel] {
        let seen = Seen::default();
        let server = asking(&page(&url));
        server.client_of(opening(&seen, answer)).call("t").send().await.unwrap();
        assert_eq!(seen.lock().unwrap().len(), 1, "the handler alone decides");
    }
    // Without a handler nobody could agree, so nothing is answered.
    let server = asking(&page(&url));
    let forms = filling(&Seen::default(), ElicitAnswer::Decline);
    let error = server.client_of(forms).call("t").send().await.unwrap_err();
    assert!(
        matches!(error, ClientError::NoHandler { what: "elicitation/create (url)" }),
        "{error}"
    );
    assert_eq!(server.seen().len(), 1);
    let error = listener.accept().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "no connection came");
}
