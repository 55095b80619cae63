//! The client fixture: does what a scenario of the suite asks of a client.

use std::collections::BTreeMap;

use mcp_core::RawJson;
use mcp_core::client::{Client, ElicitAnswer, FormRequest, Round};
use mcp_core::protocol::{ElicitResult, InputResponse, InputResponses, Tool};
use mcp_http::HttpTransport;
use serde::Deserialize;
use serde_json::{Value, json};

/// Any error ends the scenario.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What the suite tells a client besides the address.
#[derive(Debug, Default)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Data of the scenario's own.
    pub context: Option<String>,
}

impl Scenario {
    /// Reads it from the environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            name: std::env::var("MCP_CONFORMANCE_SCENARIO").unwrap_or_default(),
            context: std::env::var("MCP_CONFORMANCE_CONTEXT").ok(),
        }
    }
}

/// Does what the scenario asks.
///
/// # Errors
/// If the server does not do its part, or the scenario is not known.
pub async fn run(url: &str, scenario: &Scenario) -> Result<(), Error> {
    let client = Client::builder("conformance-client", env!("CARGO_PKG_VERSION"))
        .on_elicit_form(async |form: FormRequest| confirm(&form))
        .connect(HttpTransport::new(url)?)?;
    match scenario.name.as_str() {
        "tools_call" => tools_call(&client).await?,
        "request-metadata" => request_metadata(&client).await?,
        "sep-2322-client-request-state" => request_state(&client).await?,
        "http-standard-headers" => standard_headers(&client).await?,
        "http-custom-headers" => custom_headers(&client, scenario).await?,
        "http-invalid-tool-headers" => call_every_tool(&client).await?,
        "json-schema-ref-no-deref" => drop(client.list_tools().await?),
        "json-schema-2020-12-preservation" => preserve_schema(&client).await?,
        name => return Err(format!("the scenario `{name}` is not known").into()),
    }
    client.close().await;
    Ok(())
}

/// Says yes to every question of yes or no, and takes the defaults of the rest.
fn confirm(form: &FormRequest) -> ElicitAnswer {
    let mut answers: BTreeMap<String, RawJson> = form.defaults();
    for name in form.schema.properties.keys() {
        answers.entry(name.to_owned()).or_insert_with(|| Value::Bool(true).into());
    }
    ElicitAnswer::accept(&answers)
}

async fn tools_call(client: &Client) -> Result<(), Error> {
    client.list_tools().await?;
    client.call_tool("add_numbers", &json!({ "a": 5, "b": 3 })).await?;
    Ok(())
}

async fn request_metadata(client: &Client) -> Result<(), Error> {
    client.discover().await?;
    for tool in client.list_tools().await? {
        client.call_tool(&tool.name, &example_arguments(&tool)?).await?;
    }
    Ok(())
}

/// A round of questions by hand, with another call in between.
async fn request_state(client: &Client) -> Result<(), Error> {
    client.list_tools().await?;
    let first = client.call_tool_once("test_mrtr_echo_state", &json!({})).await?;
    client.call_tool("test_mrtr_unrelated", &json!({})).await?;
    if let Round::InputRequired(asked) = first {
        let mut answers = InputResponses::default();
        for key in asked.input_requests.iter().flat_map(|requests| requests.keys()) {
            let answer = ElicitResult::accept(&json!({ "confirmed": true }))?;
            answers.insert(key, InputResponse::from_result(&answer)?);
        }
        let retry = client.call("test_mrtr_echo_state").arguments(&json!({}));
        retry.answers(&asked, &answers).send().await?;
    }
    client.call_tool("test_mrtr_no_state", &json!({})).await?;
    client.call_tool("test_mrtr_no_result_type", &json!({})).await?;
    Ok(())
}

async fn standard_headers(client: &Client) -> Result<(), Error> {
    for tool in client.list_tools().await? {
        client.call_tool(&tool.name, &example_arguments(&tool)?).await?;
    }
    for resource in client.list_resources().await? {
        client.read_resource(&resource.uri).await?;
    }
    for prompt in client.list_prompts().await? {
        let arguments: BTreeMap<_, _> = prompt
            .arguments
            .iter()
            .flatten()
            .map(|argument| (argument.name.clone(), "example"))
            .collect();
        client.get_prompt(&prompt.name, &arguments).await?;
    }
    Ok(())
}

/// The calls that the scenario's context lists.
async fn custom_headers(client: &Client, scenario: &Scenario) -> Result<(), Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Context {
        tool_calls: Vec<ToolCall>,
    }
    #[derive(Deserialize)]
    struct ToolCall {
        name: String,
        arguments: Value,
    }
    let context = scenario.context.as_deref().ok_or("the scenario has no context")?;
    let context: Context = serde_json::from_str(context)?;
    client.list_tools().await?;
    for call in context.tool_calls {
        client.call_tool(&call.name, &call.arguments).await?;
    }
    Ok(())
}

async fn call_every_tool(client: &Client) -> Result<(), Error> {
    for tool in client.list_tools().await? {
        client.call_tool(&tool.name, &example_arguments(&tool)?).await?;
    }
    Ok(())
}

/// Sends a schema back as it came.
async fn preserve_schema(client: &Client) -> Result<(), Error> {
    let tools = client.list_tools().await?;
    let echo = "json_schema_echo";
    let received = tools
        .iter()
        .find(|tool| tool.name != echo)
        .or(tools.first())
        .ok_or("the server has no tools")?;
    let schema: RawJson = received.input_schema.clone().into_raw();
    client.call_tool(echo, &BTreeMap::from([("schema", schema)])).await?;
    Ok(())
}

/// Arguments that fit a schema of plain properties.
fn example_arguments(tool: &Tool) -> Result<Value, serde_json::Error> {
    let schema: Value = tool.input_schema.parse()?;
    let mut arguments = serde_json::Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let value = match property["type"].as_str() {
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(true),
            Some("array") => json!([]),
            Some("object") => json!({}),
            _ => json!("example"),
        };
        arguments.insert(name.clone(), value);
    }
    Ok(Value::Object(arguments))
}
