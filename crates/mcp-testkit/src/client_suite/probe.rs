//! Putting a client's half before a server, and what both did.

use std::future::Future;

use mcp_core::client::{Client, ClientError};
use serde_json::{Value, json};

use crate::client_suite::ClientExtensionSuite;
use crate::client_suite::stage::{Log, Sent, Stage};
use crate::suite::{Report, Rule};

/// A member that no extension knows, in parameters and results.
pub(crate) const UNKNOWN: &str = "com.example.mcp-testkit.unknown";
/// A key of `_meta` that no extension knows.
pub(crate) const UNKNOWN_KEY: &str = "com.example.mcp-testkit/unknown";

/// What a member of another type can be.
pub(crate) fn odd_values() -> [Value; 7] {
    [
        Value::Null,
        json!(true),
        json!(-1.5e300),
        json!("\u{0} ../ \u{202e}"),
        json!([]),
        json!([{}]),
        json!({}),
    ]
}

/// An object with one member of another type, or without it, in every way.
pub(crate) fn spoilt(valid: &Value) -> Vec<Value> {
    let Some(members) = valid.as_object() else { return odd_values().into() };
    let mut all = Vec::new();
    for name in members.keys() {
        let mut without = members.clone();
        without.remove(name);
        all.push(Value::Object(without));
        for odd in odd_values() {
            let mut with = members.clone();
            with.insert(name.clone(), odd);
            all.push(Value::Object(with));
        }
    }
    all
}

/// The object with a member that nobody knows.
pub(crate) fn extended(valid: &Value) -> Value {
    let mut extended = valid.clone();
    if let Some(members) = extended.as_object_mut() {
        members.insert(UNKNOWN.to_owned(), json!({ "deep": [1, null, "ü"] }));
    }
    extended
}

/// A client with the half in it, and everything that it sent.
pub(crate) struct Actor<H> {
    pub(crate) client: Client,
    pub(crate) half: H,
    pub(crate) log: Log,
}

pub(crate) struct Probe<'a, H> {
    pub(crate) suite: &'a ClientExtensionSuite<H>,
    report: Report,
}

impl<'a, H: Clone + Send + Sync + 'static> Probe<'a, H> {
    pub(crate) fn new(suite: &'a ClientExtensionSuite<H>, report: Report) -> Self {
        Self { suite, report }
    }

    pub(crate) fn into_report(self) -> Report {
        self.report
    }

    pub(crate) fn check(&mut self, rule: Rule, subject: &str, problem: Option<String>) {
        self.report.record(rule, subject, problem);
    }

    /// A server with the extension.
    pub(crate) fn stage(
        &self,
        script: impl Fn(&Value) -> Option<Vec<Value>> + Send + Sync + 'static,
    ) -> (Stage, Log) {
        let extensions = json!({ self.suite.id.as_str(): self.suite.server });
        stage(extensions, script)
    }

    /// A fresh half before a server with the extension.
    pub(crate) fn actor(
        &mut self,
        script: impl Fn(&Value) -> Option<Vec<Value>> + Send + Sync + 'static,
    ) -> Option<Actor<H>> {
        let stage = self.stage(script);
        self.actor_before(stage)
    }

    pub(crate) fn actor_before(&mut self, (stage, log): (Stage, Log)) -> Option<Actor<H>> {
        let (builder, half) = (self.suite.build)();
        match builder.connect(stage) {
            Ok(client) => Some(Actor { client, half, log }),
            Err(errors) => {
                self.check(Rule::Built, "the client", Some(errors.to_string()));
                None
            }
        }
    }

    /// What comes of `future`; that it ends, and without a panic, is checked here.
    pub(crate) async fn watch<T: Send + 'static>(
        &mut self,
        subject: &str,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut task = tokio::spawn(future);
        let problem = match tokio::time::timeout(self.suite.deadline, &mut task).await {
            Ok(Ok(value)) => {
                self.check(Rule::Robust, subject, None);
                return Some(value);
            }
            Ok(Err(_)) => "it panics".to_owned(),
            Err(_) => {
                task.abort();
                format!("it does not end within {:?}", self.suite.deadline)
            }
        };
        self.check(Rule::Robust, subject, Some(problem));
        None
    }

    /// An ordinary call of a tool.
    pub(crate) async fn call_plain(
        &mut self,
        subject: &str,
        actor: &Actor<H>,
    ) -> Option<Result<Value, ClientError>> {
        let client = actor.client.clone();
        let called = self.watch(subject, async move { raw(&client, "tools/call").await }).await;
        self.declared(subject, &actor.log.all());
        called
    }

    /// Every message declares the extension, with the settings that were named.
    pub(crate) fn declared(&mut self, subject: &str, sent: &[Sent]) {
        let id = self.suite.id.as_str();
        for sent in sent {
            let declared =
                &sent.meta()["io.modelcontextprotocol/clientCapabilities"]["extensions"][id];
            let problem = (*declared != self.suite.declares).then(|| {
                format!("{} declares {declared}, not {}", sent.method(), self.suite.declares)
            });
            self.check(Rule::Announced, subject, problem);
        }
    }
}

pub(crate) fn stage(
    extensions: Value,
    script: impl Fn(&Value) -> Option<Vec<Value>> + Send + Sync + 'static,
) -> (Stage, Log) {
    let log = Log::default();
    (Stage { extensions, script: Box::new(script), log: log.clone() }, log)
}

/// A request that has nothing to do with the extension; its result as JSON.
pub(crate) async fn raw(client: &Client, method: &str) -> Result<Value, ClientError> {
    let params = match method {
        "tools/call" => json!({ "name": "plain", "arguments": {} }),
        "resources/read" => json!({ "uri": "plain:text" }),
        _ => json!({}),
    };
    let result = client.request_raw(method, &params).await?;
    Ok(serde_json::from_str(result.get()).unwrap_or(Value::Null))
}
