//! Asking the server, and what holds for every answer.

use mcp_core::protocol::methods;
use mcp_core::server::Server;
use mcp_core::{Error, RawJson};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::raw::RawClient;
use crate::request::{Message, request};
use crate::suite::{ExtensionSuite, Offer, OfferKind, Report, Rule};

/// Some other extension, which a client may have declared.
pub(crate) const OTHER: &str = "com.example.mcp-testkit/other";

/// Codes that say that the extension itself failed, or was not there.
const FAILED: i64 = -32603;

pub(crate) struct Probe<'a> {
    pub(crate) suite: &'a ExtensionSuite,
    pub(crate) client: RawClient,
    pub(crate) server: Server,
    report: Report,
}

impl<'a> Probe<'a> {
    pub(crate) fn new(suite: &'a ExtensionSuite, server: &Server, report: Report) -> Self {
        let mut client = RawClient::new(server).deadline(Some(suite.deadline));
        if let Some(principal) = &suite.principal {
            client = client.authenticated(principal);
        }
        Self { suite, client, server: server.clone(), report }
    }

    pub(crate) fn into_report(self) -> Report {
        self.report
    }

    /// Records one check.
    pub(crate) fn check(&mut self, rule: Rule, subject: &str, problem: Option<String>) {
        self.report.record(rule, subject, problem);
    }

    /// The message, from a client that declared the extension with valid settings.
    pub(crate) fn declared(&self, message: Message) -> Message {
        message.declaring_raw(self.suite.id.as_str(), &self.suite.settings)
    }

    /// Sends a message; whatever comes must be a proper answer and no failure. `None` if it is not.
    pub(crate) async fn ask(&mut self, subject: &str, message: Message) -> Option<Answer> {
        let sent = message.to_json();
        match self.client.try_send(message).await {
            Ok(answer) if answer.error_code() == Some(FAILED) => {
                let problem = format!("-32603, a panic or a failure of its own, for {sent}");
                self.check(Rule::Robust, subject, Some(problem));
                None
            }
            Ok(answer) => {
                self.check(Rule::Robust, subject, None);
                Some(answer)
            }
            Err(error) => {
                self.check(Rule::Robust, subject, Some(format!("{error}\n    for {sent}")));
                None
            }
        }
    }

    /// As [`ask`](Self::ask), for a message of a client that did not declare the extension: nothing
    /// of it may be in the answer.
    pub(crate) async fn ask_outside(&mut self, subject: &str, message: Message) -> Option<Answer> {
        let answer = self.ask(subject, message).await?;
        let problem = self.trace_of_extension(&answer);
        self.check(Rule::Invisible, subject, problem);
        Some(answer)
    }

    /// Sends a notification; that it neither fails nor hangs is checked. `None` if it does.
    pub(crate) async fn notify(
        &mut self,
        subject: &str,
        message: Message,
    ) -> Option<Result<(), Error>> {
        let sent = message.to_json();
        let client = self.client.clone();
        // A task of its own: a panic stays in it.
        let handled = tokio::spawn(async move { client.try_notify(message).await }).await;
        let problem = match handled {
            Ok(Ok(Err(Error::Internal))) => "-32603, a failure of its own".to_owned(),
            Ok(Ok(outcome)) => {
                self.check(Rule::Robust, subject, None);
                return Some(outcome);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a panic".to_owned(),
        };
        self.check(Rule::Robust, subject, Some(format!("{problem}, for {sent}")));
        None
    }

    /// What of the extension is in an answer to a client that did not declare it.
    fn trace_of_extension(&self, answer: &Answer) -> Option<String> {
        if let Some(tag) = answer.result_type()
            && !matches!(tag, "complete" | "input_required")
        {
            return Some(format!("the result has the type `{tag}`: {}", answer.response()));
        }
        let foreign = answer.notifications().iter().find(|message| {
            let method = message["method"].as_str().unwrap_or_default();
            !methods::ALL.contains(&method)
        });
        if let Some(message) = foreign {
            return Some(format!("the notification {message} was sent"));
        }
        let mut all = answer.notifications().to_vec();
        all.push(answer.response().clone());
        let key = all.iter().find_map(|message| self.own_meta_key(message))?;
        Some(format!("`_meta` has the key `{key}`: {}", answer.response()))
    }

    /// A key of any `_meta` in `value` that belongs to the extension.
    fn own_meta_key(&self, value: &Value) -> Option<String> {
        match value {
            Value::Object(members) => members.iter().find_map(|(name, member)| {
                let keys = match (name.as_str(), member) {
                    ("_meta", Value::Object(meta)) => meta.keys().find(|key| self.is_own(key)),
                    _ => None,
                };
                keys.cloned().or_else(|| self.own_meta_key(member))
            }),
            Value::Array(items) => items.iter().find_map(|item| self.own_meta_key(item)),
            _ => None,
        }
    }

    fn is_own(&self, key: &str) -> bool {
        let id = self.suite.id;
        let named = self.suite.result_meta.iter().any(|case| case.key == key);
        // MCP's own extensions share their prefix with the core.
        let own_prefix = !id.is_reserved()
            && key.split_once('/').is_some_and(|(prefix, _)| prefix == id.prefix());
        named || own_prefix || key == id.as_str()
    }

    /// Why an answer is not the refusal of a client that did not declare the extension.
    pub(crate) fn not_gated(&self, answer: &Answer) -> Option<String> {
        let id = self.suite.id.as_str();
        let expected = json!({ "requiredCapabilities": { "extensions": { id: {} } } });
        match answer.error() {
            Some(error) if error["code"] == -32021 && error["data"] == expected => None,
            _ => Some(format!(
                "expected error -32021 with data {expected}, got {}",
                answer.response()
            )),
        }
    }

    /// Why a refused notification is not the refusal of a client that did not declare the extension.
    pub(crate) fn not_gated_error(&self, outcome: &Result<(), Error>) -> Option<String> {
        let id = self.suite.id.as_str();
        let expected = json!({ "requiredCapabilities": { "extensions": { id: {} } } });
        let Err(error) = outcome else {
            return Some("it was taken without a declaration".to_owned());
        };
        let object = error.to_object();
        let data: Option<Value> = object.data.as_ref().map(RawJson::parse).and_then(Result::ok);
        if object.code == -32021 && data.as_ref() == Some(&expected) {
            return None;
        }
        Some(format!("expected error -32021 with data {expected}, got {}: {error}", object.code))
    }
}

/// Why an answer is no result.
pub(crate) fn no_result(answer: &Answer) -> Option<String> {
    match answer.result() {
        None => Some(format!("expected a result, got {}", answer.response())),
        Some(result) if result["isError"] == true => {
            Some(format!("the tool failed: {}", answer.response()))
        }
        Some(_) => None,
    }
}

/// Why an answer is not `-32602`.
pub(crate) fn not_refused(answer: &Answer) -> Option<String> {
    (answer.error_code() != Some(-32602))
        .then(|| format!("expected error -32602, got {}", answer.response()))
}

impl Offer {
    /// How it is called in reports.
    pub(crate) fn subject(&self) -> String {
        let what = match self.kind {
            OfferKind::Tool => "tool",
            OfferKind::Prompt => "prompt",
            OfferKind::Resource => "resource",
            OfferKind::Template => "template",
        };
        format!("{what} {}", self.name)
    }

    /// The request that uses it, with arguments that it answers.
    pub(crate) fn request(&self) -> Message {
        match self.kind {
            OfferKind::Tool => request(methods::TOOLS_CALL)
                .param("name", self.name)
                .param("arguments", &self.valid),
            OfferKind::Prompt => request(methods::PROMPTS_GET)
                .param("name", self.name)
                .param("arguments", &self.valid),
            OfferKind::Resource | OfferKind::Template => {
                request(methods::RESOURCES_READ).param("uri", &self.valid)
            }
        }
    }
}
