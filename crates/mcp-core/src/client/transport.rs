//! What a client needs of a transport.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;

use crate::protocol::{ErrorObject, RequestId};
use crate::transport::Network;

/// The messages that belong to one request: notifications, then the response.
pub type MessageStream = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

/// Takes messages that cannot be told to belong to one request. It must be quick: other messages
/// wait for it.
pub type StrayHandler = Arc<dyn Fn(Bytes) + Send + Sync>;

/// Carries messages between a client and one server.
///
/// A transport does not look at what messages mean; it delivers them, ties them to their request and
/// says when it cannot. Source: specification, *Transports → Overview*.
///
/// ```
/// use async_trait::async_trait;
/// use mcp_core::client::transport::{
///     ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, TransportError,
/// };
///
/// /// A server that is never there.
/// struct Nowhere;
///
/// #[async_trait]
/// impl ClientTransport for Nowhere {
///     async fn request(&self, _: OutgoingRequest) -> Result<MessageStream, TransportError> {
///         Err(TransportError::Closed)
///     }
///
///     async fn notify(&self, _: OutgoingNotification) -> Result<(), TransportError> {
///         Err(TransportError::Closed)
///     }
/// }
/// ```
#[async_trait]
pub trait ClientTransport: Send + Sync + 'static {
    /// Sends a request. The stream yields the messages that belong to it (notifications, then the
    /// response) and ends. Dropping the future or the stream cancels the request.
    ///
    /// # Errors
    /// If the request could not be sent.
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError>;

    /// Sends a notification.
    ///
    /// # Errors
    /// If it could not be sent, or was refused where the transport can say so.
    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError>;

    /// Whether `Mcp-Param-*` mirroring applies (HTTP): the client then leaves out tools with invalid
    /// `x-mcp-header` annotations and fills [`OutgoingRequest::param_headers`].
    fn mirrors_parameters(&self) -> bool {
        false
    }

    /// What carries the messages, if that is known; shown in spans.
    fn network(&self) -> Option<Network> {
        None
    }

    /// Called once by the client that takes the transport, with the place for messages that come
    /// without belonging to one request. Transports with a stream for each request have none.
    fn set_stray_handler(&self, handler: StrayHandler) {
        let _ = handler;
    }

    /// Ends the connection. Requests in flight fail with [`TransportError::Closed`], as do later ones.
    async fn close(&self) {}
}

#[async_trait]
impl<T: ClientTransport + ?Sized> ClientTransport for Arc<T> {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        (**self).request(request).await
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        (**self).notify(notification).await
    }

    fn mirrors_parameters(&self) -> bool {
        (**self).mirrors_parameters()
    }

    fn network(&self) -> Option<Network> {
        (**self).network()
    }

    fn set_stray_handler(&self, handler: StrayHandler) {
        (**self).set_stray_handler(handler);
    }

    async fn close(&self) {
        (**self).close().await;
    }
}

/// A request on its way out.
#[derive(Debug, Clone)]
pub struct OutgoingRequest {
    /// The id, unique among the requests in flight.
    pub id: RequestId,
    /// The method.
    pub method: String,
    /// The whole JSON-RPC message, one line.
    pub body: Bytes,
    /// The revision that the message is written in.
    pub protocol_version: String,
    /// The value for `Mcp-Name`, where the method has one.
    pub name: Option<String>,
    /// For `Mcp-Param-*`: the names without that prefix, and the values before they are encoded.
    pub param_headers: Vec<(String, String)>,
}

/// A notification on its way out.
#[derive(Debug, Clone)]
pub struct OutgoingNotification {
    /// The method.
    pub method: String,
    /// The whole JSON-RPC message, one line.
    pub body: Bytes,
    /// The revision that the message is written in.
    pub protocol_version: String,
}

/// Why a transport could not do its work. None of these comes from the server's MCP code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The connection is closed for good. Connect again.
    #[error("the connection is closed")]
    Closed,
    /// The connection broke while the request was in flight; whether the server did its work is not
    /// known. A request that may be repeated can be.
    #[error("the connection ended before the answer came")]
    Disconnected,
    /// The server's process ended while the request was in flight, or does not stay up.
    #[error("the server's process ended{}", DisplayStatus(*.status))]
    ServerExited {
        /// Its exit code, where there is one.
        status: Option<i32>,
    },
    /// The server could not be reached or started.
    #[error("cannot connect: {0}")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Reading or writing failed.
    #[error("reading or writing failed: {0}")]
    Io(#[from] std::io::Error),
    /// The server answered with an HTTP status instead of a message.
    #[error("the server answered HTTP status {status}")]
    Http {
        /// The status code.
        status: u16,
    },
    /// The server answered with a redirect, which is not followed: it could lead credentials and data
    /// to somebody else. Connect to the address that it has moved to.
    #[error("the server answered with a redirect (HTTP status {status}), which is not followed")]
    Redirected {
        /// The status code.
        status: u16,
    },
    /// There are no credentials to send.
    #[error("no credentials: {0}")]
    Credentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What came is no message.
    #[error("the server sent something that is no message: {0}")]
    Malformed(String),
    /// A message is longer than allowed.
    #[error("a message is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The messages of a request came faster than they were read, and some were dropped.
    #[error("messages came faster than they were read")]
    Overrun,
    /// A request with this id is in flight: two clients share a connection that only one may use.
    #[error("a request with the id {0} is in flight")]
    DuplicateId(RequestId),
    /// The messages of a request ended without a response.
    #[error("the server ended its messages without a response")]
    NoResponse,
    /// The server refused a notification.
    #[error("the server refused a notification: {}", .0.message)]
    Refused(Box<ErrorObject>),
    /// The transport's own time limit passed.
    #[error("the transport's time limit passed")]
    Timeout,
}

/// `" with code 3"`, or nothing.
struct DisplayStatus(Option<i32>);

impl fmt::Display for DisplayStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(status) => write!(f, " with code {status}"),
            None => Ok(()),
        }
    }
}
