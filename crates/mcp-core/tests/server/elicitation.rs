//! Elicitation: what a handler may ask a person, and what it gets back.

use std::sync::{Arc, Mutex};

use mcp_core::protocol::ElicitRequestFormParams;
use mcp_core::server::{Cx, HandlerError, InputError, ServedTool, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{answer_as, declaring, error, result, text};
use crate::published;

#[derive(Debug, Deserialize, JsonSchema)]
enum Size {
    Small,
    Large,
}

#[derive(Debug, Deserialize, JsonSchema)]
enum Colour {
    /// Like a rose
    Red,
    /// Like the sky
    Blue,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(dead_code)]
struct Everything {
    /// Your name
    #[schemars(length(min = 2, max = 40))]
    name: String,
    #[schemars(email)]
    mail: Option<String>,
    #[schemars(range(min = 0, max = 150))]
    age: u8,
    ratio: f64,
    agree: bool,
    size: Option<Size>,
    colour: Option<Colour>,
    sizes: Vec<Size>,
    colours: Vec<Colour>,
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    #[schemars(length(min = 2))]
    name: String,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Nested {
    inner: Name,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Mapped {
    inner: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Listed {
    inner: Vec<Name>,
}

async fn name(cx: Cx) -> Result<String, InputError> {
    let Name { name } = cx.elicit("ask", "Who are you?").await?;
    Ok(format!("Hello, {name}!"))
}

async fn page(cx: Cx) -> Result<String, InputError> {
    cx.elicit_url("ask", "Log in", "https://example.com/login?a=b").await?;
    Ok("agreed".to_owned())
}

async fn data(cx: Cx) -> Result<String, HandlerError> {
    let params: ElicitRequestFormParams = serde_json::from_value(json!({
        "message": "Where to?",
        "requestedSchema": { "type": "object", "properties": { "city": { "type": "string" } } },
    }))?;
    Ok(cx.elicit_form("ask", params).await?.get().to_owned())
}

fn server() -> Server {
    Server::builder("app", "1")
        .tool(ServedTool::new("name", name))
        .tool(ServedTool::new("page", page))
        .tool(ServedTool::new("data", data))
        .tool(ServedTool::new("everything", async |cx: Cx| -> Result<String, InputError> {
            Ok(format!("{:?}", cx.elicit::<Everything>("ask", "All of it").await?))
        }))
        .build()
        .unwrap()
}

fn both() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} } })
}

fn call(capabilities: Value, tool: &str, more: Value) -> Value {
    let mut params = json!({ "name": tool });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    declaring(capabilities, "tools/call", params)
}

async fn asked(server: &Server, tool: &str) -> Value {
    let round = result(server, &call(both(), tool, json!({}))).await;
    assert_eq!(round["resultType"], "input_required", "{tool}: {round}");
    published("InputRequiredResult", &round);
    round["inputRequests"]["ask"].clone()
}

fn answering(tool: &str, answer: Value) -> Value {
    call(both(), tool, json!({ "inputResponses": { "ask": answer } }))
}

#[tokio::test]
async fn elicitations_are_whole() {
    let server = server();
    for (tool, message) in
        [("name", "Who are you?"), ("data", "Where to?"), ("everything", "All of it")]
    {
        let question = asked(&server, tool).await;
        published("ElicitRequest", &question);
        assert_eq!(question["method"], "elicitation/create");
        let params = &question["params"];
        assert_eq!(params["message"], message);
        assert!(params["mode"].is_null() || params["mode"] == "form", "{params}");
        assert_eq!(params["requestedSchema"]["type"], "object");
        assert!(params["requestedSchema"]["properties"].is_object());
        assert!(params.get("url").is_none());
    }
}

#[tokio::test]
async fn url_elicitations_are_whole() {
    let question = asked(&server(), "page").await;
    published("ElicitRequest", &question);
    // And nothing of the form's members.
    let params =
        json!({ "mode": "url", "message": "Log in", "url": "https://example.com/login?a=b" });
    assert_eq!(question, json!({ "method": "elicitation/create", "params": params }));
}

#[tokio::test]
async fn forms_are_flat() {
    let question = asked(&server(), "everything").await;
    let fields = question["params"]["requestedSchema"]["properties"].as_object().unwrap();
    assert_eq!(fields.len(), 9);
    for (name, field) in fields {
        published("PrimitiveSchemaDefinition", field);
        let kind = field["type"].as_str().unwrap_or_default();
        assert!(
            ["string", "number", "integer", "boolean", "array"].contains(&kind),
            "{name}: {field}"
        );
    }
    assert_eq!(fields["mail"]["format"], "email");
    assert_eq!(fields["name"]["maxLength"], 40);
    assert_eq!(fields["colour"]["oneOf"][0], json!({ "const": "Red", "title": "Like a rose" }));
    assert_eq!(fields["sizes"]["items"]["enum"], json!(["Small", "Large"]));

    // What is not flat is never sent.
    let deep = Server::builder("app", "1")
        .tool(ServedTool::new("nested", async |cx: Cx| -> Result<String, InputError> {
            cx.elicit::<Nested>("ask", "m").await.map(|_| "x".to_owned())
        }))
        .tool(ServedTool::new("mapped", async |cx: Cx| -> Result<String, InputError> {
            cx.elicit::<Mapped>("ask", "m").await.map(|_| "x".to_owned())
        }))
        .tool(ServedTool::new("listed", async |cx: Cx| -> Result<String, InputError> {
            cx.elicit::<Listed>("ask", "m").await.map(|_| "x".to_owned())
        }))
        .build()
        .unwrap();
    for tool in ["nested", "mapped", "listed"] {
        let refused = error(&deep, &call(both(), tool, json!({}))).await;
        assert_eq!(refused["code"], -32603, "{tool}");
    }
}

#[tokio::test]
async fn undeclared_modes_are_refused() {
    let server = server();
    let (form, url) = (json!({ "form": {} }), json!({ "url": {} }));
    for (declared, tool, needed) in [
        (json!({}), "name", Some(&form)),
        (json!({}), "page", Some(&url)),
        (json!({ "elicitation": {} }), "name", None),
        (json!({ "elicitation": {} }), "page", Some(&url)),
        (json!({ "elicitation": { "form": {} } }), "name", None),
        (json!({ "elicitation": { "form": {} } }), "page", Some(&url)),
        (json!({ "elicitation": { "url": {} } }), "name", Some(&form)),
        (json!({ "elicitation": { "url": {} } }), "page", None),
        (both(), "name", None),
        (both(), "page", None),
        (both(), "data", None),
        (json!({ "elicitation": { "url": {} } }), "data", Some(&form)),
    ] {
        let message = call(declared.clone(), tool, json!({}));
        match needed {
            None => {
                let round = result(&server, &message).await;
                assert_eq!(round["resultType"], "input_required", "{declared} {tool}");
            }
            Some(mode) => {
                let refused = error(&server, &message).await;
                assert_eq!(refused["code"], -32021, "{declared} {tool}");
                let required = json!({ "elicitation": mode });
                assert_eq!(refused["data"]["requiredCapabilities"], required);
            }
        }
    }
}

#[tokio::test]
async fn urls_are_checked() {
    let told: Arc<Mutex<Vec<bool>>> = Arc::default();
    let sending = |url: &'static str| {
        let told = Arc::clone(&told);
        let tool = move |cx: Cx| {
            let told = Arc::clone(&told);
            async move {
                let outcome = cx.elicit_url("ask", "Go", url).await;
                told.lock().unwrap().push(matches!(outcome, Err(InputError::PageAddress)));
                outcome.map(|()| "gone".to_owned())
            }
        };
        Server::builder("app", "1").tool(ServedTool::new("go", tool)).build().unwrap()
    };
    let wrong = [
        "",
        "example.com",
        "/login",
        "https:/example.com",
        "https://",
        "https:///a",
        "https://a b",
        "https://example.com/\n",
        "https://example.com/\u{e9}",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "HTTPS//x",
        "ftp://example.com",
    ];
    for url in wrong {
        let refused = error(&sending(url), &call(both(), "go", json!({}))).await;
        assert_eq!(refused["code"], -32603, "{url:?}");
    }
    assert_eq!(*told.lock().unwrap(), [true; 13], "a named error for the author");
    for url in [
        "https://example.com/a%20b?c=d&e=%C3%A9#f",
        "http://localhost:8080/x",
        "http://127.0.0.1/",
        "https://[::1]:1/",
        "https://user@xn--e1awd7f.com/../%2e%2e/",
    ] {
        let round = result(&sending(url), &call(both(), "go", json!({}))).await;
        assert_eq!(round["inputRequests"]["ask"]["params"]["url"], url, "byte for byte");
    }
}

#[tokio::test]
async fn no_answer_is_an_answer() {
    let seen: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let server = server();
    let tells_apart = Server::builder("app", "1")
        .tool(ServedTool::new("ask", move |cx: Cx| {
            let seen = Arc::clone(&kept);
            async move {
                let outcome = match cx.elicit::<Name>("ask", "Who?").await {
                    Ok(_) => "accepted",
                    Err(InputError::Declined) => "declined",
                    Err(InputError::Cancelled) => "cancelled",
                    Err(_) => "failed",
                };
                seen.lock().unwrap().push(outcome);
                "handled"
            }
        }))
        .build()
        .unwrap();
    for action in ["decline", "cancel"] {
        for tool in ["name", "page", "data"] {
            let ended = result(&server, &answering(tool, json!({ "action": action }))).await;
            assert_eq!(
                (&ended["resultType"], &ended["isError"]),
                (&json!("complete"), &json!(true))
            );
            let said = text(&ended);
            assert!(said.contains(&action[..6]), "{tool} {action}: {said}");
        }
        let handled = answering("ask", json!({ "action": action }));
        assert_eq!(text(&result(&tells_apart, &handled).await), "handled");
    }
    assert_eq!(*seen.lock().unwrap(), ["declined", "cancelled"]);
    // Agreeing to a page has no content; content of others is not looked at.
    let agreed = answering("page", json!({ "action": "accept", "content": { "a": "b" } }));
    assert_eq!(text(&result(&server, &agreed).await), "agreed");
}

#[cfg(feature = "validation")]
#[tokio::test]
async fn server_checks_form_content() {
    let server = server();
    for content in [
        json!({}),
        json!({ "name": 7 }),
        json!({ "name": null }),
        json!({ "name": "A" }),
        json!({ "name": ["Ada"] }),
    ] {
        let message = answering("name", json!({ "action": "accept", "content": content }));
        let again = result(&server, &message).await;
        assert_eq!(again["resultType"], "input_required", "{content}");
        assert!(again["inputRequests"]["ask"].is_object(), "{content}");
    }
    let missing = answering("name", json!({ "action": "accept" }));
    assert_eq!(result(&server, &missing).await["resultType"], "input_required");
    let wrong = json!({ "action": "accept", "content": { "age": 3, "colour": "Green" } });
    let again = result(&server, &answering("everything", wrong)).await;
    assert_eq!(again["resultType"], "input_required", "an unknown value of an enumeration");
    let fits = answering("name", json!({ "action": "accept", "content": { "name": "Ada" } }));
    assert_eq!(text(&result(&server, &fits).await), "Hello, Ada!");
}

#[tokio::test]
async fn answers_of_another_user() {
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("ask", async |cx: Cx| -> Result<String, HandlerError> {
            let secret = async { Ok::<_, HandlerError>("of the first caller".to_owned()) };
            let kept: String = cx.once("kept", secret).await?;
            let Name { name } = cx.elicit("ask", "Who?").await?;
            Ok(format!("{name}: {kept}"))
        }))
        .build()
        .unwrap();
    let first = answer_as(&server, "alice", &call(both(), "ask", json!({}))).await;
    let state = first["result"]["requestState"].as_str().unwrap();
    let answer = json!({ "action": "accept", "content": { "name": "Bob" } });
    let stolen = json!({ "requestState": state, "inputResponses": { "ask": answer } });
    let stolen = call(both(), "ask", stolen);
    assert_eq!(answer_as(&server, "bob", &stolen).await["error"]["code"], -32602);
    assert_eq!(error(&server, &stolen).await["code"], -32602, "nobody in particular, too");
    // Without her state his call is one of his own.
    let own = answer_as(&server, "bob", &call(both(), "ask", json!({}))).await;
    assert_eq!(own["result"]["resultType"], "input_required");
    assert_ne!(own["result"]["requestState"], state);
    let hers = answer_as(&server, "alice", &stolen).await;
    assert_eq!(text(&hers["result"]), "Bob: of the first caller");
}

#[tokio::test]
async fn a_name_in_an_answer_is_no_identity() {
    let server = Server::builder("app", "1")
        .tool(
            ServedTool::new("who", async |cx: Cx| -> Result<String, InputError> {
                let Name { name: claimed } = cx.elicit("ask", "Who?").await?;
                let known =
                    cx.principal().map_or("nobody".to_owned(), |who| who.as_str().to_owned());
                Ok(format!("{claimed} is {known}"))
            })
            .input_schema(serde_json::from_str(r#"{"type":"object"}"#).unwrap()),
        )
        .build()
        .unwrap();
    let answer = json!({ "action": "accept", "content": { "name": "alice" } });
    let mut message = call(both(), "who", json!({ "inputResponses": { "ask": answer } }));
    message["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] =
        json!({ "name": "alice", "version": "1" });
    message["params"]["arguments"] = json!({ "principal": "alice", "user": "alice" });
    let answered = answer_as(&server, "bob", &message).await;
    assert_eq!(text(&answered["result"]), "alice is bob");
    assert_eq!(text(&result(&server, &message).await), "alice is nobody");
}
