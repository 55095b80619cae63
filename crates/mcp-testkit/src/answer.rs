//! What a server sent for one message, and what a test demands of it.

use mcp_core::protocol::methods;
use mcp_core::server::ResponseKind;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fail::fail;

/// Everything that a server sent for one message, in its order.
///
/// The `assert_…` functions panic with the whole exchange in the message; the others only look.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use mcp_core::server::{ServedTool, Server};
/// use mcp_testkit::{RawClient, call_tool};
///
/// let server = Server::builder("greeter", "1.0.0")
///     .tool(ServedTool::new("greet", async || "Hello!"))
///     .build()
///     .unwrap();
/// let client = RawClient::new(&server);
///
/// let answer = client.send(call_tool("greet", serde_json::json!({}))).await;
/// assert_eq!(answer.assert_text(), "Hello!");
///
/// let answer = client.send(call_tool("great", serde_json::json!({}))).await;
/// answer.assert_error(-32602);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub(crate) request: Value,
    pub(crate) notifications: Vec<Value>,
    pub(crate) response: Value,
    pub(crate) kind: Option<ResponseKind>,
}

impl Answer {
    /// The notifications that preceded the response.
    #[must_use]
    pub fn notifications(&self) -> &[Value] {
        &self.notifications
    }

    /// The notifications of one method.
    #[must_use]
    pub fn notifications_of(&self, method: &str) -> Vec<&Value> {
        self.notifications.iter().filter(|message| message["method"] == method).collect()
    }

    /// The progress values that were reported.
    #[must_use]
    pub fn progress(&self) -> Vec<f64> {
        self.notifications_of(methods::NOTIFICATIONS_PROGRESS)
            .iter()
            .filter_map(|message| message["params"]["progress"].as_f64())
            .collect()
    }

    /// The whole response.
    #[must_use]
    pub fn response(&self) -> &Value {
        &self.response
    }

    /// What kind of response it is, where the transport says so: in memory, not over lines.
    #[must_use]
    pub fn kind(&self) -> Option<ResponseKind> {
        self.kind
    }

    /// The result, if there is one.
    #[must_use]
    pub fn result(&self) -> Option<&Value> {
        self.response.get("result")
    }

    /// The error, if there is one.
    #[must_use]
    pub fn error(&self) -> Option<&Value> {
        self.response.get("error")
    }

    /// The error's code, if there is one.
    #[must_use]
    pub fn error_code(&self) -> Option<i64> {
        self.error()?.get("code")?.as_i64()
    }

    /// The result's `resultType`, if there is one.
    #[must_use]
    pub fn result_type(&self) -> Option<&str> {
        self.result()?.get("resultType")?.as_str()
    }

    /// Demands a result and gives it.
    ///
    /// # Panics
    /// If the response is an error.
    #[track_caller]
    pub fn assert_result(&self) -> &Value {
        match self.result() {
            Some(result) => result,
            None => self.fail("a result"),
        }
    }

    /// Demands a result of this type (`complete`, `input_required`, or an extension's) and gives it.
    ///
    /// # Panics
    /// If it is another, or an error.
    #[track_caller]
    pub fn assert_result_type(&self, result_type: &str) -> &Value {
        if self.result_type() != Some(result_type) {
            self.fail(&format!("a result with `resultType` `{result_type}`"));
        }
        self.assert_result()
    }

    /// Demands a result and reads it as a type.
    ///
    /// # Panics
    /// If the response is an error, or the result does not fit.
    #[track_caller]
    pub fn assert_result_as<T: DeserializeOwned>(&self) -> T {
        match T::deserialize(self.assert_result()) {
            Ok(result) => result,
            Err(error) => self.fail(&format!("a result of another shape ({error})")),
        }
    }

    /// Demands an error of this code and gives the `error` object.
    ///
    /// # Panics
    /// If it is another, or a result.
    #[track_caller]
    pub fn assert_error(&self, code: i64) -> &Value {
        match self.error() {
            Some(error) if self.error_code() == Some(code) => error,
            _ => self.fail(&format!("error {code}")),
        }
    }

    /// Demands a tool's result without `isError` and gives the text of its first content block.
    ///
    /// # Panics
    /// If it is something else.
    #[track_caller]
    pub fn assert_text(&self) -> &str {
        let result = self.assert_result();
        match result["content"][0]["text"].as_str() {
            Some(text) if result["isError"] != true => text,
            _ => self.fail("a tool's text"),
        }
    }

    /// Demands a tool's result without `isError` and gives its structured content.
    ///
    /// # Panics
    /// If it is something else.
    #[track_caller]
    pub fn assert_structured(&self) -> &Value {
        let result = self.assert_result();
        match result.get("structuredContent") {
            Some(content) if result["isError"] != true => content,
            _ => self.fail("a tool's structured content"),
        }
    }

    /// Demands a tool's result with `isError` and gives the text of its first content block.
    ///
    /// # Panics
    /// If it is something else.
    #[track_caller]
    pub fn assert_tool_error(&self) -> &str {
        let result = self.assert_result();
        match result["content"][0]["text"].as_str() {
            Some(text) if result["isError"] == true => text,
            _ => self.fail("a tool's result with `isError`"),
        }
    }

    /// Demands that nothing preceded the response.
    ///
    /// # Panics
    /// If something did.
    #[track_caller]
    pub fn assert_no_notifications(&self) -> &Self {
        if !self.notifications.is_empty() {
            self.fail("no notifications");
        }
        self
    }

    #[track_caller]
    fn fail(&self, expected: &str) -> ! {
        fail(format_args!("expected {expected}\n{self}"))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "  sent: {}", self.request)?;
        for message in &self.notifications {
            write!(f, "\n  then: {message}")?;
        }
        write!(f, "\n  answer: {}", self.response)
    }
}
