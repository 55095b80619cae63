//! What goes over the wire between a client and a server, kept for looking at.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use mcp_core::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, StrayHandler,
    TransportError,
};
use mcp_core::client::{Client, ClientBuildErrors, ClientBuilder};
use mcp_core::server::Server;
use mcp_core::transport::MemoryTransport;
use serde_json::Value;

use crate::fail::fail;
use crate::published::PublishedSchema;
use crate::raw::as_json;

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// The messages between a client and a server, in their order, each as it was sent.
///
/// Cheap to clone; all clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    schema: Option<PublishedSchema>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<(Sender, Value)>,
    /// The method of each request in flight, by its id as text.
    methods: HashMap<String, String>,
    mismatches: Vec<String>,
}

impl Wire {
    /// An empty one, which validates against the published schema where that is present.
    ///
    /// # Panics
    /// If it is present and cannot be read.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        match PublishedSchema::locate() {
            Ok(schema) => Self { inner: Arc::new(Inner { schema, state: Mutex::default() }) },
            Err(error) => fail(format_args!("{error}")),
        }
    }

    /// Everything that was sent so far.
    #[must_use]
    pub fn messages(&self) -> Vec<(Sender, Value)> {
        self.lock().messages.clone()
    }

    /// The requests and notifications of one method, whoever sent them.
    #[must_use]
    pub fn messages_of(&self, method: &str) -> Vec<Value> {
        let state = self.lock();
        let of_method = state.messages.iter().filter(|(_, message)| message["method"] == method);
        of_method.map(|(_, message)| message.clone()).collect()
    }

    /// Forgets what was sent so far.
    pub fn clear(&self) {
        self.lock().messages.clear();
    }

    /// Demands that every message of both sides so far fits the published schema, as far as that is
    /// present.
    ///
    /// # Panics
    /// If one does not.
    #[track_caller]
    pub fn assert_published(&self) {
        let mismatches = self.lock().mismatches.join("\n");
        if !mismatches.is_empty() {
            fail(format_args!("messages depart from the schema:\n{mismatches}"));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, sender: Sender, bytes: &[u8]) {
        let message = as_json(bytes);
        let mut state = self.lock();
        let id = message.get("id").map(Value::to_string);
        let method = message["method"].as_str().map(str::to_owned);
        let checked = match (&self.inner.schema, sender, &method) {
            (None, _, _) => Ok(()),
            (Some(schema), Sender::Client, Some(_)) if id.is_some() => {
                schema.check_request(&message)
            }
            (Some(schema), _, Some(_)) => schema.check_notification(&message),
            (Some(schema), _, None) => {
                let asked = id.as_ref().and_then(|id| state.methods.get(id));
                schema.check_response(asked.map_or("", String::as_str), &message)
            }
        };
        if let Err(mismatch) = checked {
            state.mismatches.push(format!("{message}\n{mismatch}"));
        }
        if let (Some(id), Some(method)) = (id, method) {
            state.methods.insert(id, method);
        }
        state.messages.push((sender, message));
    }
}

/// A transport that keeps what another carries.
#[derive(Debug, Clone)]
pub struct Recorded<T> {
    inner: T,
    wire: Wire,
}

impl<T: ClientTransport> Recorded<T> {
    /// Keeps in `wire` what `inner` carries.
    pub fn new(inner: T, wire: &Wire) -> Self {
        Self { inner, wire: wire.clone() }
    }
}

#[async_trait]
impl<T: ClientTransport> ClientTransport for Recorded<T> {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        self.wire.record(Sender::Client, &request.body);
        let messages = self.inner.request(request).await?;
        Ok(Box::pin(RecordedStream { messages, wire: self.wire.clone() }))
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        self.wire.record(Sender::Client, &notification.body);
        self.inner.notify(notification).await
    }

    fn mirrors_parameters(&self) -> bool {
        self.inner.mirrors_parameters()
    }

    fn set_stray_handler(&self, handler: StrayHandler) {
        let wire = self.wire.clone();
        self.inner.set_stray_handler(Arc::new(move |bytes| {
            wire.record(Sender::Server, &bytes);
            handler(bytes);
        }));
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

struct RecordedStream {
    messages: MessageStream,
    wire: Wire,
}

impl Stream for RecordedStream {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = std::task::ready!(self.messages.as_mut().poll_next(context));
        if let Some(Ok(bytes)) = &message {
            self.wire.record(Sender::Server, bytes);
        }
        Poll::Ready(message)
    }
}

/// A client and a server in one program, and what they say to each other.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_core::client::Client;
/// use mcp_core::server::{ServedTool, Server};
/// use mcp_testkit::{Pair, Sender};
///
/// let server = Server::builder("greeter", "1.0.0")
///     .tool(ServedTool::new("greet", async || "Hello!"))
///     .build()?;
/// let pair = Pair::new(&server, Client::builder("test", "1.0.0"))?;
///
/// pair.client.call_tool("greet", &serde_json::json!({})).await?;
/// assert_eq!(pair.wire.messages_of("tools/call").len(), 1);
/// pair.wire.assert_published();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pair {
    /// The client.
    pub client: Client,
    /// The server.
    pub server: Server,
    /// What they have said.
    pub wire: Wire,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("wire", &self.wire).finish_non_exhaustive()
    }
}

impl Pair {
    /// Connects the client that `client` defines with `server`.
    ///
    /// # Errors
    /// All mistakes in the client's definition.
    pub fn new(server: &Server, client: ClientBuilder) -> Result<Self, ClientBuildErrors> {
        Self::over(server, MemoryTransport::new(server.clone()), client)
    }

    /// Connects them over a transport to `server` of the test's own: one that knows who is asking,
    /// say.
    ///
    /// # Errors
    /// All mistakes in the client's definition.
    pub fn over(
        server: &Server,
        transport: impl ClientTransport,
        client: ClientBuilder,
    ) -> Result<Self, ClientBuildErrors> {
        let wire = Wire::new();
        let client = client.connect(Recorded::new(transport, &wire))?;
        Ok(Self { client, server: server.clone(), wire })
    }
}
