//! A server that says what the test wants: for clients, and the client's side of extensions.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use mcp_core::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, TransportError,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::raw::as_json;

/// A transport to a server that is a function: it gets each message of the client and gives the
/// messages that are sent back, well-formed or not.
///
/// After a request's last message its stream ends, whether that was a response or not: that is how a
/// connection that breaks looks.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_core::client::Client;
/// use mcp_testkit::FakeServer;
/// use serde_json::json;
///
/// let server = FakeServer::new(|request| {
///     vec![FakeServer::result(request, json!({
///         "resultType": "complete",
///         "content": [{ "type": "text", "text": "anything" }],
///     }))]
/// });
/// let client = Client::builder("test", "1.0.0").connect(server)?;
/// let result = client.request_raw("tools/call", &json!({ "name": "whatever" })).await?;
/// assert!(result.get().contains("anything"));
/// # Ok(())
/// # }
/// ```
pub struct FakeServer {
    answer: AnswerFn,
    mirrors: bool,
}

type AnswerFn = Box<dyn Fn(&Value) -> Vec<Value> + Send + Sync>;

impl std::fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeServer").finish_non_exhaustive()
    }
}

impl FakeServer {
    /// A server that answers with `answer`. What it gives for a notification is not sent.
    pub fn new(answer: impl Fn(&Value) -> Vec<Value> + Send + Sync + 'static) -> Self {
        Self { answer: Box::new(answer), mirrors: false }
    }

    /// Lets the client mirror parameters into headers, as over HTTP.
    #[must_use]
    pub fn mirroring(mut self) -> Self {
        self.mirrors = true;
        self
    }

    /// The response to `request` with this result, as it is.
    #[must_use]
    pub fn result(request: &Value, result: impl Serialize) -> Value {
        json!({ "jsonrpc": "2.0", "id": request["id"], "result": json!(result) })
    }

    /// The response to `request` with this error.
    #[must_use]
    pub fn error(request: &Value, code: i64, message: &str) -> Value {
        let error = json!({ "code": code, "message": message });
        json!({ "jsonrpc": "2.0", "id": request["id"], "error": error })
    }

    /// A notification.
    #[must_use]
    pub fn notification(method: &str, params: impl Serialize) -> Value {
        json!({ "jsonrpc": "2.0", "method": method, "params": json!(params) })
    }
}

#[async_trait]
impl ClientTransport for FakeServer {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        let messages = (self.answer)(&as_json(&request.body));
        Ok(Box::pin(Script(messages.into())))
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        (self.answer)(&as_json(&notification.body));
        Ok(())
    }

    fn mirrors_parameters(&self) -> bool {
        self.mirrors
    }
}

struct Script(VecDeque<Value>);

impl Stream for Script {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(|message| Ok(Bytes::from(message.to_string()))))
    }
}
