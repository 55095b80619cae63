//! The server that a client's half is put before.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use mcp_core::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, TransportError,
};
use mcp_core::protocol::methods;
use serde_json::{Value, json};

use crate::FakeServer;
use crate::raw::as_json;

/// A message that the client sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) message: Value,
    /// What HTTP would put into `Mcp-Name`.
    pub(crate) name: Option<String>,
}

impl Sent {
    pub(crate) fn method(&self) -> &str {
        self.message["method"].as_str().unwrap_or_default()
    }

    pub(crate) fn meta(&self) -> &Value {
        &self.message["params"]["_meta"]
    }
}

/// Everything that a client sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Sent>>>);

impl Log {
    pub(crate) fn all(&self) -> Vec<Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn of(&self, method: &str) -> Vec<Sent> {
        self.all().into_iter().filter(|sent| sent.method() == method).collect()
    }

    fn keep(&self, body: &[u8], name: Option<String>) -> Value {
        let message = as_json(body);
        let sent = Sent { message: message.clone(), name };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        message
    }
}

/// The messages for a request, or `None` for an ordinary answer.
pub(crate) type Script = Box<dyn Fn(&Value) -> Option<Vec<Value>> + Send + Sync>;

/// A server that follows a script, and else answers as ordinary servers do.
pub(crate) struct Stage {
    pub(crate) extensions: Value,
    pub(crate) script: Script,
    pub(crate) log: Log,
}

impl Stage {
    fn ordinary(&self, request: &Value) -> Value {
        let result = match request["method"].as_str().unwrap_or_default() {
            methods::SERVER_DISCOVER => json!({
                "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": {}, "extensions": self.extensions },
                "ttlMs": 0,
                "cacheScope": "private",
            }),
            methods::TOOLS_LIST => json!({
                "tools": [{ "name": "plain", "inputSchema": { "type": "object" } }],
                "ttlMs": 0,
                "cacheScope": "private",
            }),
            methods::TOOLS_CALL => plain_result(),
            methods::RESOURCES_READ => json!({
                "contents": [{ "uri": "plain:text", "text": "plain" }],
                "ttlMs": 0,
                "cacheScope": "private",
            }),
            _ => return FakeServer::error(request, -32601, "method not found"),
        };
        let mut result = result;
        result["resultType"] = "complete".into();
        FakeServer::result(request, result)
    }
}

/// The result of a tool that has nothing to do with the extension.
pub(crate) fn plain_result() -> Value {
    json!({ "resultType": "complete", "content": [{ "type": "text", "text": "plain" }] })
}

#[async_trait]
impl ClientTransport for Stage {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        let message = self.log.keep(&request.body, request.name);
        let answer = (self.script)(&message).unwrap_or_else(|| vec![self.ordinary(&message)]);
        Ok(Box::pin(Messages(answer.into())))
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        self.log.keep(&notification.body, None);
        Ok(())
    }
}

struct Messages(VecDeque<Value>);

impl Stream for Messages {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(|message| Ok(Bytes::from(message.to_string()))))
    }
}
