//! A server asked directly, message by message, without a transport.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mcp_core::server::{Exchange, RequestContext, Response, Server, ServerMessage};
use mcp_core::{ClientMessage, Error, Principal};
use serde_json::Value;

use crate::answer::Answer;
use crate::fail::fail;
use crate::published::{PublishedSchema, SchemaMismatch};
use crate::request::Message;

/// How long a test waits before it says that there is no answer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How a server breaks what every server promises.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RawError {
    /// No answer came in time.
    #[error("no answer within {0:?}")]
    Deadline(Duration),
    /// The exchange ended without a response.
    #[error("the exchange ended without a response")]
    NoResponse,
    /// A message of the server is no JSON.
    #[error("the server's message is no JSON: {0}")]
    NotJson(String),
    /// A message of the server departs from the published schema.
    #[error("the server's message departs from the schema: {mismatch}\n  {message}")]
    Schema {
        /// How.
        mismatch: SchemaMismatch,
        /// The message.
        message: Value,
    },
    /// What was sent is a notification, which has no answer.
    #[error("a notification has no answer")]
    Notification,
    /// What was sent as a notification is a request.
    #[error("this is a request, no notification")]
    Request,
}

/// Sends messages to a server in memory and gives everything that comes back.
///
/// Any bytes can be sent. Every message of the server is validated against the published schema,
/// where that is present ([`PublishedSchema::locate`]). The functions panic where a server breaks
/// its promises: no answer, an answer that is no JSON, one that departs from the schema.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use mcp_core::server::{ServedTool, Server};
/// use mcp_testkit::{RawClient, request};
///
/// let server = Server::builder("example", "1.0.0")
///     .tool(ServedTool::new("hello", async || "Hello!"))
///     .build()
///     .unwrap();
/// let client = RawClient::new(&server);
///
/// let answer = client.send(request("tools/list")).await;
/// assert_eq!(answer.assert_result()["tools"][0]["name"], "hello");
///
/// client.send_bytes(b"[]").await.assert_error(-32600);
/// # }
/// ```
#[derive(Clone)]
pub struct RawClient {
    server: Server,
    context: RequestContext,
    schema: Option<PublishedSchema>,
    deadline: Option<Duration>,
    next_id: std::sync::Arc<AtomicU64>,
}

impl RawClient {
    /// A client of `server` that nobody has authenticated.
    ///
    /// # Panics
    /// If the published schema is present and cannot be read.
    #[must_use]
    #[track_caller]
    pub fn new(server: &Server) -> Self {
        let schema = match PublishedSchema::locate() {
            Ok(schema) => schema,
            Err(error) => fail(format_args!("{error}")),
        };
        Self {
            server: server.clone(),
            context: RequestContext::new(),
            schema,
            deadline: Some(DEADLINE),
            next_id: std::sync::Arc::new(AtomicU64::new(1)),
        }
    }

    /// The same client, authenticated as `id`.
    #[must_use]
    pub fn authenticated(mut self, id: &str) -> Self {
        self.context = self.context.with_principal(Some(Principal::new(id)));
        self
    }

    /// The same client with other facts from its transport.
    #[must_use]
    pub fn context(mut self, context: RequestContext) -> Self {
        self.context = context;
        self
    }

    /// Sets how long to wait for an answer: 30 seconds, or `None` for ever (for tests that pause
    /// tokio's clock).
    #[must_use]
    pub fn deadline(mut self, deadline: Option<Duration>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Does not validate the server's messages: for servers that break the schema on purpose.
    #[must_use]
    pub fn without_schema(mut self) -> Self {
        self.schema = None;
        self
    }

    /// The schema that messages are validated against.
    #[must_use]
    pub fn schema(&self) -> Option<&PublishedSchema> {
        self.schema.as_ref()
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Panics
    /// If there is none in time, or one that departs from the schema.
    pub async fn send(&self, message: Message) -> Answer {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.send_json(&message.numbered(id).to_json()).await
    }

    /// Sends a JSON value and waits for its answer.
    ///
    /// # Panics
    /// As [`send`](Self::send); also if it is a notification, which has no answer.
    pub async fn send_json(&self, message: &Value) -> Answer {
        self.send_bytes(message.to_string().as_bytes()).await
    }

    /// Sends any bytes and waits for the answer.
    ///
    /// # Panics
    /// As [`send_json`](Self::send_json).
    pub async fn send_bytes(&self, bytes: &[u8]) -> Answer {
        match self.try_send_bytes(bytes).await {
            Ok(answer) => answer,
            Err(error) => fail(format_args!("{error}\n  sent: {}", as_json(bytes))),
        }
    }

    /// As [`send`](Self::send), without panicking.
    ///
    /// # Errors
    /// If the server breaks its promises.
    pub async fn try_send(&self, message: Message) -> Result<Answer, RawError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.try_send_bytes(&message.numbered(id).to_bytes()).await
    }

    /// As [`send_bytes`](Self::send_bytes), without panicking.
    ///
    /// # Errors
    /// If the server breaks its promises.
    pub async fn try_send_bytes(&self, bytes: &[u8]) -> Result<Answer, RawError> {
        let sent = as_json(bytes);
        match ClientMessage::parse(bytes.to_vec()) {
            Err(rejection) => {
                let Response { body, kind } = rejection.to_response();
                let (notifications, response) = (Vec::new(), parsed(&body)?);
                let answer = Answer { request: sent, notifications, response, kind: Some(kind) };
                self.validate(&answer)?;
                Ok(answer)
            }
            Ok(ClientMessage::Notification(_)) => Err(RawError::Notification),
            Ok(ClientMessage::Request(request)) => {
                let exchange = self.server.dispatch(request, self.context.clone());
                RawExchange { client: self.clone(), sent, exchange }.try_finish().await
            }
        }
    }

    /// Sends a request and gives the exchange to be read message by message: for subscriptions, and
    /// to cancel by dropping it. Nothing happens until it is read.
    ///
    /// # Panics
    /// If the server refuses the message before it reaches a method; use [`send`](Self::send) then.
    pub fn open(&self, message: Message) -> RawExchange {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let sent = message.numbered(id).to_json();
        match ClientMessage::parse(sent.to_string().into_bytes()) {
            Ok(ClientMessage::Request(request)) => {
                let exchange = self.server.dispatch(request, self.context.clone());
                RawExchange { client: self.clone(), sent, exchange }
            }
            Ok(ClientMessage::Notification(_)) => {
                fail(format_args!("a notification has no answer: {sent}"))
            }
            Err(rejection) => fail(format_args!("refused: {}\n  sent: {sent}", rejection.error)),
        }
    }

    /// Sends a notification.
    ///
    /// # Errors
    /// If the server refuses it.
    ///
    /// # Panics
    /// If it is a request, or not handled in time.
    pub async fn notify(&self, message: Message) -> Result<(), Error> {
        let sent = message.to_json();
        match self.try_notify(message).await {
            Ok(handled) => handled,
            Err(error) => fail(format_args!("{error}\n  sent: {sent}")),
        }
    }

    /// As [`notify`](Self::notify), without panicking; the inner result is the server's.
    ///
    /// # Errors
    /// If the server does not handle it in time, or it is a request.
    pub async fn try_notify(&self, message: Message) -> Result<Result<(), Error>, RawError> {
        match ClientMessage::parse(message.to_bytes().to_vec()) {
            Ok(ClientMessage::Notification(notification)) => {
                self.in_time(self.server.notify(notification, self.context.clone())).await
            }
            Ok(ClientMessage::Request(_)) => Err(RawError::Request),
            Err(rejection) => Ok(Err(rejection.error)),
        }
    }

    async fn in_time<F: Future>(&self, work: F) -> Result<F::Output, RawError> {
        match self.deadline {
            None => Ok(work.await),
            Some(limit) => {
                tokio::time::timeout(limit, work).await.map_err(|_| RawError::Deadline(limit))
            }
        }
    }

    fn validate(&self, answer: &Answer) -> Result<(), RawError> {
        for notification in &answer.notifications {
            self.validate_notification(notification)?;
        }
        let method = answer.request["method"].as_str().unwrap_or_default();
        self.validate_response(method, &answer.response)
    }

    fn validate_notification(&self, message: &Value) -> Result<(), RawError> {
        let Some(schema) = &self.schema else { return Ok(()) };
        schema
            .check_notification(message)
            .map_err(|mismatch| RawError::Schema { mismatch, message: message.clone() })
    }

    fn validate_response(&self, method: &str, message: &Value) -> Result<(), RawError> {
        let Some(schema) = &self.schema else { return Ok(()) };
        schema
            .check_response(method, message)
            .map_err(|mismatch| RawError::Schema { mismatch, message: message.clone() })
    }
}

/// A request being answered, read message by message. Dropping it cancels the request.
pub struct RawExchange {
    client: RawClient,
    sent: Value,
    exchange: Exchange,
}

impl RawExchange {
    /// The next message, a notification or the response; `None` after the response.
    ///
    /// # Panics
    /// If there is none in time, or one that departs from the schema.
    pub async fn next(&mut self) -> Option<Value> {
        match self.try_next().await {
            Ok(message) => message,
            Err(error) => fail(format_args!("{error}\n  sent: {}", self.sent)),
        }
    }

    /// As [`next`](Self::next), without panicking.
    ///
    /// # Errors
    /// If the server breaks its promises.
    pub async fn try_next(&mut self) -> Result<Option<Value>, RawError> {
        match self.client.in_time(self.exchange.next()).await? {
            None => Ok(None),
            Some(ServerMessage::Notification(body)) => {
                let message = parsed(&body)?;
                self.client.validate_notification(&message)?;
                Ok(Some(message))
            }
            Some(ServerMessage::Response(response)) => {
                let message = parsed(&response.body)?;
                let method = self.sent["method"].as_str().unwrap_or_default();
                self.client.validate_response(method, &message)?;
                Ok(Some(message))
            }
        }
    }

    /// The next message, which has to be a notification of `method`; gives its parameters.
    ///
    /// # Panics
    /// If it is something else.
    pub async fn expect_notification(&mut self, method: &str) -> Value {
        match self.next().await {
            Some(mut message) if message["method"] == method => message["params"].take(),
            Some(other) => fail(format_args!("expected `{method}`, got {other}")),
            None => fail(format_args!("expected `{method}`, but the exchange has ended")),
        }
    }

    /// Polls once: the next message if it is there already, without waiting for one.
    pub async fn ready(&mut self) -> Option<Value> {
        tokio::select! {
            biased;
            message = self.next() => message,
            () = std::future::ready(()) => None,
        }
    }

    /// Reads to the end.
    ///
    /// # Panics
    /// If that takes too long, or a message departs from the schema.
    pub async fn finish(self) -> Answer {
        let sent = self.sent.clone();
        match self.try_finish().await {
            Ok(answer) => answer,
            Err(error) => fail(format_args!("{error}\n  sent: {sent}")),
        }
    }

    async fn try_finish(mut self) -> Result<Answer, RawError> {
        let mut notifications = Vec::new();
        let reading = async {
            while let Some(message) = self.exchange.next().await {
                match message {
                    ServerMessage::Notification(body) => notifications.push(parsed(&body)?),
                    ServerMessage::Response(response) => return Ok(response),
                }
            }
            Err(RawError::NoResponse)
        };
        let Response { body, kind } = self.client.in_time(reading).await??;
        let response = parsed(&body)?;
        let answer = Answer { request: self.sent, notifications, response, kind: Some(kind) };
        self.client.validate(&answer)?;
        Ok(answer)
    }
}

/// What was sent, for messages of failed tests.
pub(crate) fn as_json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

fn parsed(body: &[u8]) -> Result<Value, RawError> {
    serde_json::from_slice(body)
        .map_err(|_| RawError::NotJson(String::from_utf8_lossy(body).into_owned()))
}
