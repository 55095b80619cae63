//! Our client against the servers of other SDKs: runs the scenarios of `tests/interop`. And the servers
//! that their clients meet with tasks, and with records.

pub mod clinic;
mod matching;
pub mod server;
pub mod tasks;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mcp_core::client::{
    Client, ClientError, ElicitAnswer, FormRequest, ListenOptions, SubscriptionEvent,
};
use mcp_core::protocol::{
    CompletionReference, ProgressNotificationParams, PromptReference, ResourceTemplateReference,
    SubscriptionFilter,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::Error;

/// A scenario: steps in their order.
#[derive(Deserialize)]
pub struct Scenario {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    id: String,
    #[serde(rename = "do")]
    action: String,
    #[serde(default)]
    expect: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    answers: Vec<Answer>,
    #[serde(default)]
    progress: Option<Vec<Value>>,
    #[serde(flatten)]
    members: BTreeMap<String, Value>,
}

/// What the user would say to a form.
#[derive(Deserialize, Clone)]
struct Answer {
    #[serde(default)]
    expect: Value,
    reply: Reply,
}

#[derive(Deserialize, Clone)]
struct Reply {
    action: String,
    #[serde(default)]
    content: Value,
}

/// What is shared with the handler of forms.
#[derive(Default)]
pub struct Forms {
    waiting: Mutex<VecDeque<Answer>>,
    problems: Mutex<Vec<String>>,
}

impl Forms {
    /// Answers a form as the step says.
    pub fn answer(&self, form: &FormRequest) -> ElicitAnswer {
        let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(answer) = next else {
            self.problem("a form too many".to_owned());
            return ElicitAnswer::Cancel;
        };
        let asked = json!({ "message": form.message, "requestedSchema": form.schema });
        if !answer.expect.is_null()
            && let Err(problem) = matching::check(&answer.expect, &asked)
        {
            self.problem(format!("the form: {problem}"));
        }
        match answer.reply.action.as_str() {
            "accept" => ElicitAnswer::accept(&answer.reply.content),
            "decline" => ElicitAnswer::Decline,
            _ => ElicitAnswer::Cancel,
        }
    }

    fn problem(&self, problem: String) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
    }

    fn begin(&self, answers: &[Answer]) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) =
            answers.iter().cloned().collect();
    }

    fn end(&self) -> Result<(), Error> {
        let problems =
            std::mem::take(&mut *self.problems.lock().unwrap_or_else(PoisonError::into_inner));
        let left = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len();
        if left > 0 {
            return Err(format!("{left} forms were not shown").into());
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ").into()) }
    }
}

impl Scenario {
    /// Reads a scenario, `${NAME}` replaced.
    ///
    /// # Errors
    /// If the file cannot be read or is no scenario.
    pub fn read(path: &str, values: &[(String, String)]) -> Result<Self, Error> {
        let mut text = fs::read_to_string(path)?;
        for (name, value) in values {
            // The value goes into JSON strings.
            let value = Value::from(value.as_str()).to_string();
            text = text.replace(&format!("${{{name}}}"), value.trim_matches('"'));
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// Runs all steps; tells of each by `tell`. Says whether all was well.
    pub async fn run(
        &self,
        client: &Client,
        forms: &Forms,
        tell: impl Fn(&str, Result<(), Error>) -> bool,
    ) -> bool {
        let mut well = true;
        for step in &self.steps {
            let limit = Duration::from_secs(30);
            let outcome = match tokio::time::timeout(limit, step.run(client, forms)).await {
                Ok(outcome) => outcome,
                Err(_) => Err("it took longer than 30 seconds".into()),
            };
            well &= tell(&step.id, outcome);
        }
        well
    }
}

impl Step {
    async fn run(&self, client: &Client, forms: &Forms) -> Result<(), Error> {
        forms.begin(&self.answers);
        let reported = Arc::new(Mutex::new(Vec::new()));
        let result = self.act(client, &reported).await;
        forms.end()?;
        match (result, self.error.is_null()) {
            (Ok(found), true) => {
                if !self.expect.is_null() {
                    matching::check(&self.expect, &found)?;
                }
                if let Some(expected) = &self.progress {
                    let reported = reported.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    matching::check(&json!(expected), &json!(reported))?;
                }
                Ok(())
            }
            (Ok(found), false) => Err(format!("an error was expected, not {found}").into()),
            (Err(error), false) => match error.downcast_ref::<ClientError>() {
                Some(ClientError::Rpc(error)) => {
                    Ok(matching::check(&self.error, &serde_json::to_value(error)?)?)
                }
                _ => Err(error),
            },
            (Err(error), true) => Err(error),
        }
    }

    fn text(&self, member: &str) -> Result<&str, Error> {
        self.members
            .get(member)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("the step has no `{member}`").into())
    }

    fn member(&self, member: &str) -> &Value {
        self.members.get(member).unwrap_or(&Value::Null)
    }

    async fn act(
        &self,
        client: &Client,
        reported: &Arc<Mutex<Vec<Value>>>,
    ) -> Result<Value, Error> {
        match self.action.as_str() {
            "discover" => {
                let found = client.discover().await?;
                Ok(json!({
                    "protocolVersion": client.protocol_version(),
                    "serverInfo": client.server_info().as_deref(),
                    "capabilities": found.capabilities,
                    "instructions": found.instructions,
                }))
            }
            "list" => Ok(match self.text("what")? {
                "tools" => json!({ "tools": client.list_tools().await? }),
                "resources" => json!({ "resources": client.list_resources().await? }),
                "templates" => {
                    json!({ "resourceTemplates": client.list_resource_templates().await? })
                }
                "prompts" => json!({ "prompts": client.list_prompts().await? }),
                other => return Err(format!("there is no list of {other}").into()),
            }),
            "call" => {
                let mut call = client.call(self.text("tool")?).arguments(self.member("arguments"));
                if self.progress.is_some() {
                    let reported = Arc::clone(reported);
                    call = call.progress(move |progress: ProgressNotificationParams| {
                        if let Ok(progress) = serde_json::to_value(progress) {
                            reported.lock().unwrap_or_else(PoisonError::into_inner).push(progress);
                        }
                    });
                }
                value(&call.send().await?)
            }
            "read" => value(&client.read(self.text("uri")?).fresh().send().await?),
            "prompt" => {
                value(&client.get_prompt(self.text("name")?, self.member("arguments")).await?)
            }
            "complete" => {
                let reference = self.member("ref");
                let reference: CompletionReference = match reference["type"].as_str() {
                    Some("ref/prompt") => PromptReference::new(text(&reference["name"])).into(),
                    _ => ResourceTemplateReference::new(text(&reference["uri"])).into(),
                };
                let argument = self.member("argument");
                let (name, typed) = (text(&argument["name"]), text(&argument["value"]));
                value(&client.complete(reference, &name, &typed, None).await?)
            }
            "listen" => self.listen(client).await,
            "task" => self.task(client).await,
            "get_task" => self.get_task(client).await,
            other => Err(format!("there is no action {other}").into()),
        }
    }

    async fn listen(&self, client: &Client) -> Result<Value, Error> {
        let filter: SubscriptionFilter = serde_json::from_value(self.member("filter").clone())?;
        let honored = match self.member("honored") {
            Value::Null => self.member("filter").clone(),
            honored => honored.clone(),
        };
        let mut changes = client.listen_with(filter, ListenOptions::without_reconnect());
        let mut events = Vec::new();
        while let Some(event) = changes.next().await {
            let event = match event? {
                SubscriptionEvent::Acknowledged(filter) => {
                    matching::check(&honored, &serde_json::to_value(filter)?)?;
                    self.trigger(client).await?;
                    continue;
                }
                SubscriptionEvent::ToolsListChanged => named("tools/list_changed", Value::Null),
                SubscriptionEvent::PromptsListChanged => named("prompts/list_changed", Value::Null),
                SubscriptionEvent::ResourcesListChanged => {
                    named("resources/list_changed", Value::Null)
                }
                SubscriptionEvent::ResourceUpdated { uri, .. } => {
                    named("resources/updated", json!({ "uri": uri }))
                }
                other => return Err(format!("unexpected: {other:?}").into()),
            };
            let awaited = matching::check(self.member("event"), &event).is_ok();
            events.push(event);
            if awaited {
                return Ok(json!({ "events": events }));
            }
        }
        Err("the subscription ended before the awaited event".into())
    }

    async fn trigger(&self, client: &Client) -> Result<(), Error> {
        let trigger = self.member("trigger");
        if let Some(call) = trigger.get("call") {
            client.call_tool(&text(&call["tool"]), &call["arguments"]).await?;
        } else if let Some(write) = trigger.get("write") {
            fs::write(text(&write["path"]), text(&write["text"]))?;
        } else if let Some(remove) = trigger.get("remove") {
            fs::remove_file(text(&remove["path"]))?;
        }
        Ok(())
    }
}

fn named(change: &str, params: Value) -> Value {
    json!({ "method": format!("notifications/{change}"), "params": params })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn value<T: Serialize>(result: &T) -> Result<Value, Error> {
    Ok(serde_json::to_value(result)?)
}
