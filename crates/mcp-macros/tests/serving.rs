//! What the macros make is served as written, in a crate that depends on neither serde nor schemars.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::sync::Mutex;

use mcp_core::extension::{
    Contributions, Extension, ExtensionId, Negotiated, NoSettings, ServerExtension,
};
use mcp_core::protocol::{ReadResourceResult, ResourceContents};
use mcp_core::server::{
    Args, CompletionInput, Cx, FromCall, HandlerError, RequestContext, ServedTool, Server,
    ServerBuilder, ServerMessage, State,
};
use mcp_core::{ClientMessage, Principal};
use mcp_macros::{prompt, resource, tool};
use serde_json::{Value, json};

/// Asks a server and gives its answer.
async fn ask(server: &Server, method: &str, params: Value) -> Value {
    ask_as(server, RequestContext::new(), json!({}), method, params).await
}

async fn ask_as(
    server: &Server,
    context: RequestContext,
    capabilities: Value,
    method: &str,
    mut params: Value,
) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let message = ClientMessage::parse(body.to_string().into_bytes()).unwrap();
    let ClientMessage::Request(request) = message else { panic!("a notification") };
    let mut exchange = server.dispatch(request, context);
    while let Some(message) = exchange.next().await {
        if let ServerMessage::Response(response) = message {
            return serde_json::from_slice(&response.body).unwrap();
        }
    }
    panic!("no response");
}

async fn call(server: &Server, name: &str, arguments: Value) -> Value {
    ask(server, "tools/call", json!({ "name": name, "arguments": arguments })).await
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"))
}

fn server(define: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    define(Server::builder("test", "1.0.0")).build().unwrap()
}

fn definition(tool: impl Into<ServedTool>) -> Value {
    serde_json::to_value(tool.into().definition()).unwrap()
}

struct Counter(Mutex<u64>);

/// Counts.
///
/// And says how far it came.
#[tool(
    name = "count.up",
    title = "Count",
    read_only = false,
    destructive = false,
    idempotent,
    open_world = false,
    timeout = "30s",
    header(region = "Region")
)]
pub(crate) async fn count_up(
    cx: &Cx,
    counter: &Counter,
    /// How far at a time.
    #[arg(minimum = 1, maximum = 10)]
    step: u64,
    #[arg(rename = "from", default = 5)] mut start: u64,
    region: Option<String>,
    #[arg(default = "plain")] style: String,
    #[arg(default)] r#loud: bool,
) -> Result<String, HandlerError> {
    let _ = cx.request().method();
    let mut count = counter.0.lock().map_err(|_| HandlerError::tell("broken"))?;
    *count += step;
    start += *count;
    Ok(format!("{start} {style} {loud} {region:?}"))
}

#[test]
fn the_definition_is_as_written() {
    let definition = definition(count_up);
    assert_eq!(definition["name"], "count.up");
    assert_eq!(definition["title"], "Count");
    assert_eq!(definition["description"], "Counts.\n\nAnd says how far it came.");
    assert_eq!(
        definition["annotations"],
        json!({
            "readOnlyHint": false,
            "destructiveHint": false,
            "idempotentHint": true,
            "openWorldHint": false,
        })
    );
    let schema = &definition["inputSchema"];
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], json!(["step"]));
    let properties = &schema["properties"];
    assert_eq!(properties["step"]["description"], "How far at a time.");
    assert_eq!(properties["step"]["minimum"], 1);
    assert_eq!(properties["step"]["maximum"], 10);
    assert_eq!(properties["from"]["default"], 5);
    assert_eq!(properties["style"]["default"], "plain");
    assert_eq!(properties["loud"]["default"], false);
    assert_eq!(properties["region"]["x-mcp-header"], "Region");
    assert_eq!(properties["region"]["type"], "string");
    assert!(properties.get("start").is_none());
    assert!(properties.get("cx").is_none() && properties.get("counter").is_none());
}

#[tokio::test]
async fn the_function_is_called_with_its_arguments() {
    let server = server(|builder| builder.state(Counter(Mutex::new(0))).tool(count_up));
    let answer = call(&server, "count.up", json!({ "step": 2 })).await;
    assert_eq!(text(&answer), "7 plain false None");
    let all = json!({ "step": 2, "from": 0, "region": "eu", "style": "bold", "loud": true });
    let answer = call(&server, "count.up", all).await;
    assert_eq!(text(&answer), "4 bold true Some(\"eu\")");
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_the_models_to_mend() {
    let server = server(|builder| builder.state(Counter(Mutex::new(0))).tool(count_up));
    for arguments in [
        json!({}),
        json!({ "step": 0 }),
        json!({ "step": 11 }),
        json!({ "step": "2" }),
        json!({ "step": 2, "stile": "bold" }),
        json!({ "step": 2, "from": null }),
    ] {
        let answer = call(&server, "count.up", arguments.clone()).await;
        assert_eq!(answer["result"]["isError"], true, "{arguments}: {answer}");
    }
    let answer = call(&server, "count.up", json!([])).await;
    assert_eq!(answer["error"]["code"], -32602);
}

#[test]
fn a_missing_state_is_found_when_the_server_is_built() {
    let errors = Server::builder("test", "1.0.0").tool(count_up).build().map(|_| ()).unwrap_err();
    assert!(errors.to_string().contains("Counter"), "{errors}");
}

#[tokio::test]
async fn the_function_itself_can_be_tested() {
    #[tool]
    async fn double(number: u32) -> String {
        (number * 2).to_string()
    }
    assert_eq!(double::call(21).await, "42");
    assert_eq!(definition(double)["name"], "double");
}

#[tool]
async fn nothing() {}

#[test]
fn a_function_without_arguments_takes_none() {
    let definition = definition(nothing);
    assert_eq!(
        definition["inputSchema"],
        json!({ "type": "object", "additionalProperties": false })
    );
    assert!(definition.get("description").is_none());
}

#[tool(timeout = "10ms")]
async fn endless() {
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_time_limit_ends_the_call() {
    let server = server(|builder| builder.tool(endless));
    let answer = call(&server, "endless", json!({})).await;
    assert_eq!(answer["error"]["data"]["reason"], "timeout", "{answer}");
}

struct Greeting(&'static str);
struct Weather;

impl Extension for Weather {
    const ID: ExtensionId = ExtensionId::new("com.example/weather");
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

impl ServerExtension for Weather {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: std::sync::Arc<Self>, _: &mut Contributions<Self>) {}
}

/// Something of the application's own that comes from the call.
struct Method(String);

impl FromCall for Method {
    fn from_call(cx: &Cx, _: &str) -> Result<Self, HandlerError> {
        Ok(Self(cx.request().method().to_owned()))
    }
}

/// Takes one of everything that comes from the call.
#[tool]
async fn everything(
    cx: Cx,
    greeting: State<Greeting>,
    same: &Greeting,
    who: Option<Principal>,
    weather: Option<Negotiated<Weather>>,
    #[from_call] method: &Method,
    #[arg] word: String,
) -> String {
    assert_eq!(greeting.0, same.0);
    let who = who.as_ref().map_or("nobody", Principal::as_str);
    assert_eq!(cx.request().method(), method.0);
    format!("{} {who} {} {word}", greeting.0, weather.is_some())
}

/// Needs a caller and the extension.
#[tool]
async fn strict(_: Principal, _: Negotiated<Weather>) -> &'static str {
    "in"
}

#[tokio::test]
async fn parameters_come_from_the_call() {
    let server = server(|builder| {
        builder.extension(Weather).state(Greeting("hi")).tool(everything).tool(strict)
    });
    let answer = call(&server, "everything", json!({ "word": "there" })).await;
    assert_eq!(text(&answer), "hi nobody false there");

    let ann = || RequestContext::new().with_principal(Some(Principal::new("ann")));
    let declared = json!({ "extensions": { "com.example/weather": {} } });
    let params = json!({ "name": "everything", "arguments": { "word": "there" } });
    let answer = ask_as(&server, ann(), declared.clone(), "tools/call", params).await;
    assert_eq!(text(&answer), "hi ann true there");

    let params = json!({ "name": "strict" });
    let answer = ask_as(&server, ann(), declared, "tools/call", params.clone()).await;
    assert_eq!(text(&answer), "in");
    let answer = ask_as(&server, ann(), json!({}), "tools/call", params.clone()).await;
    assert_eq!(answer["error"]["code"], -32021);
    let answer = ask(&server, "tools/call", params).await;
    assert_eq!(answer["error"]["code"], -32602);
}

#[test]
fn the_proof_of_an_extension_that_the_server_lacks_is_a_mistake() {
    let errors = Server::builder("test", "1.0.0").tool(strict).build().map(|_| ()).unwrap_err();
    assert!(errors.to_string().contains("com.example/weather"), "{errors}");
}

async fn languages(Args(input): Args<CompletionInput>) -> Vec<String> {
    let known = ["French", "Finnish", "German"].into_iter();
    known.filter(|name| name.starts_with(&input.value)).map(str::to_owned).collect()
}

/// Asks for a translation.
#[prompt(title = "Translate")]
async fn translate(
    /// What to translate.
    text: String,
    #[arg(default = "English", complete = languages)] language: String,
    /// How often.
    times: Option<u8>,
    #[arg(default = true)] polite: bool,
) -> String {
    format!("{text} {language} {times:?} {polite}")
}

#[tokio::test]
async fn prompts_take_strings() {
    let server = server(|builder| builder.prompt(translate));
    let listed = ask(&server, "prompts/list", json!({})).await;
    let prompt = &listed["result"]["prompts"][0];
    assert_eq!(prompt["name"], "translate");
    assert_eq!(prompt["description"], "Asks for a translation.");
    let mut arguments = prompt["arguments"].as_array().unwrap().clone();
    arguments.sort_by_key(|argument| argument["name"].to_string());
    assert_eq!(
        arguments,
        [
            json!({ "name": "language", "required": false }),
            json!({ "name": "polite", "required": false }),
            json!({ "name": "text", "description": "What to translate.", "required": true }),
            json!({ "name": "times", "description": "How often.", "required": false }),
        ]
    );

    let get = |arguments: Value| {
        let params = json!({ "name": "translate", "arguments": arguments });
        ask(&server, "prompts/get", params)
    };
    let text_of = |answer: &Value| {
        answer["result"]["messages"][0]["content"]["text"].as_str().unwrap_or_default().to_owned()
    };
    let answer = get(json!({ "text": "hi" })).await;
    assert_eq!(text_of(&answer), "hi English None true", "{answer}");
    let answer =
        get(json!({ "text": "hi", "language": "German", "times": "3", "polite": "false" })).await;
    assert_eq!(text_of(&answer), "hi German Some(3) false", "{answer}");
    let answer = get(json!({ "text": "hi", "times": "many" })).await;
    assert_eq!(answer["error"]["code"], -32602);
    let answer = get(json!({})).await;
    assert_eq!(answer["error"]["code"], -32602);

    let params = json!({
        "ref": { "type": "ref/prompt", "name": "translate" },
        "argument": { "name": "language", "value": "F" },
    });
    let answer = ask(&server, "completion/complete", params).await;
    assert_eq!(answer["result"]["completion"]["values"], json!(["French", "Finnish"]));
}

/// Where to begin.
#[resource("docs://index", name = "index", mime_type = "text/plain")]
async fn index() -> ReadResourceResult {
    ReadResourceResult::new([ResourceContents::text("docs://index", "start here")])
}

/// A page of a section.
#[resource("docs://{section}/{page}", title = "Page")]
async fn page(section: String, #[arg(rename = "page")] number: u32) -> ReadResourceResult {
    ReadResourceResult::new([ResourceContents::text(
        format!("docs://{section}/{number}"),
        format!("{section} {number}"),
    )])
}

#[tokio::test]
async fn resources_and_templates_are_read() {
    let server = server(|builder| builder.resource(index).template(page));
    let listed = ask(&server, "resources/list", json!({})).await;
    let first = &listed["result"]["resources"][0];
    assert_eq!(first["uri"], "docs://index");
    assert_eq!(first["mimeType"], "text/plain");
    assert_eq!(first["description"], "Where to begin.");
    let listed = ask(&server, "resources/templates/list", json!({})).await;
    let first = &listed["result"]["resourceTemplates"][0];
    assert_eq!(first["uriTemplate"], "docs://{section}/{page}");
    assert_eq!((&first["name"], &first["title"]), (&json!("page"), &json!("Page")));

    let read = |uri: &'static str| ask(&server, "resources/read", json!({ "uri": uri }));
    assert_eq!(read("docs://index").await["result"]["contents"][0]["text"], "start here");
    assert_eq!(read("docs://intro/7").await["result"]["contents"][0]["text"], "intro 7");
    assert_eq!(read("docs://intro/last").await["error"]["code"], -32602);
    assert_eq!(read("docs://none").await["error"]["code"], -32602);
}

mod facade {
    pub(crate) mod inner {
        pub(crate) use mcp_core as core;
    }
}

#[test]
fn the_core_may_have_another_name() {
    const NAME: &str = "renamed";

    /// Not for models.
    #[tool(crate = crate::facade::inner::core, name = NAME, description = "For models.")]
    async fn original(#[arg(extend("x-order" = 3))] a: u8) -> String {
        a.to_string()
    }
    let definition = definition(original);
    assert_eq!(definition["name"], "renamed");
    assert_eq!(definition["description"], "For models.");
    assert_eq!(definition["inputSchema"]["properties"]["a"]["x-order"], 3);
}

#[test]
fn unusual_names_and_places_are_fine() {
    // The user's own things of the names that the expansion might use.
    #[allow(dead_code)]
    struct Arguments;
    #[allow(dead_code)]
    type Result = ();
    #[allow(dead_code)]
    struct Option;

    #[tool]
    async fn r#type(r#match: String, served: u8) -> String {
        format!("{match} {served}", r#match = r#match)
    }
    // Local variables may have the names of tools.
    let definition = definition(r#type);
    let everything = definition["name"].clone();
    assert_eq!(everything, "type");
    assert_eq!(definition["name"], "type");
    assert_eq!(definition["inputSchema"]["required"], json!(["match", "served"]));

    #[cfg(any())]
    #[tool]
    async fn left_out(missing: DoesNotExist) -> String {}

    #[tool]
    #[cfg(any())]
    async fn left_out_too(missing: DoesNotExist) -> String {}
}
