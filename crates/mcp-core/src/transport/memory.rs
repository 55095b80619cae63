//! A server in the same program, without bytes on a wire.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;

use crate::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, TransportError,
};
use crate::message::ClientMessage;
use crate::server::{Exchange, RequestContext, Server, ServerMessage};

/// A client's way to a [`Server`] in the same program.
///
/// Messages are the same as on every other transport, down to their bytes. A handler runs where its
/// client waits for it: dropping the call drops the handler.
///
/// ```
/// use mcp_core::client::Client;
/// use mcp_core::server::Server;
/// use mcp_core::transport::MemoryTransport;
///
/// let server = Server::builder("example", "1.0.0").build()?;
/// let client = Client::builder("example", "1.0.0").connect(MemoryTransport::new(server))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryTransport {
    server: Server,
    context: RequestContext,
}

impl MemoryTransport {
    /// The way to `server`.
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self { server, context: RequestContext::new() }
    }

    /// Sets what every request's [`RequestContext`] is: the principal, say.
    #[must_use]
    pub fn with_context(mut self, context: RequestContext) -> Self {
        self.context = context;
        self
    }
}

impl std::fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryTransport").finish_non_exhaustive()
    }
}

#[async_trait]
impl ClientTransport for MemoryTransport {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        Ok(match ClientMessage::parse(request.body.to_vec()) {
            Ok(ClientMessage::Request(request)) => {
                Box::pin(Messages(self.server.dispatch(request, self.context.clone())))
            }
            Ok(ClientMessage::Notification(_)) => {
                return Err(TransportError::Malformed("a request without an id".to_owned()));
            }
            Err(rejection) => Box::pin(Once(Some(rejection.to_response().body))),
        })
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        let refused = |error: crate::Error| TransportError::Refused(Box::new(error.to_object()));
        match ClientMessage::parse(notification.body.to_vec()) {
            Ok(ClientMessage::Notification(notification)) => {
                self.server.notify(notification, self.context.clone()).await.map_err(refused)
            }
            Ok(ClientMessage::Request(_)) => {
                Err(TransportError::Malformed("a notification with an id".to_owned()))
            }
            Err(rejection) => Err(refused(rejection.error)),
        }
    }
}

/// The messages of an exchange.
struct Messages(Exchange);

impl Stream for Messages {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(context).map(|message| {
            message.map(|message| match message {
                ServerMessage::Notification(bytes) => Ok(bytes),
                ServerMessage::Response(response) => Ok(response.body),
            })
        })
    }
}

/// One message.
struct Once(Option<Bytes>);

impl Stream for Once {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}
