//! A server on a pair of byte streams: standard input and output, a socket, a pipe.
//!
//! Requests that are answered at once are answered where they are read, many with one write; the
//! others go on in tasks of their own. A client that does not read stops only what it asked for:
//! requests already read keep running, and their answers wait within bounds.
//!
//! Source: specification, *Transports → stdio*.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::log_text::Shown;
use crate::message::{ClientMessage, IncomingNotification, IncomingRequest, Rejection};
use crate::protocol::{RequestId, methods};
use crate::server::{Exchange, RequestContext, Response, Server, ServerMessage};
use crate::transport::queue::{Outgoing, Share};
use crate::transport::{LineError, LineReader};
use crate::{Error, RawJson, Shutdown};

/// The bounds of a line transport.
///
/// ```
/// use mcp_core::transport::StdioOptions;
///
/// let options = StdioOptions::default();
/// assert_eq!(options.max_line_bytes, 4 * 1024 * 1024);
/// ```
#[derive(Debug, Clone)]
pub struct StdioOptions {
    /// The longest message that is read; a longer one is answered `-32600` and skipped. Default 4 MiB.
    pub max_line_bytes: usize,
    /// Bytes of answers that wait for a client which does not read; then no more requests are taken
    /// on until it does. Notifications may fill a sixteenth of it. Default 64 MiB.
    pub max_waiting_bytes: usize,
    /// How long requests may go on after the input has ended or shutdown was requested, and how long
    /// the client may take to read their answers. Default 5 seconds.
    pub drain: Duration,
    /// What every request's [`RequestContext`] starts from.
    pub context: RequestContext,
}

impl Default for StdioOptions {
    fn default() -> Self {
        Self {
            max_line_bytes: 4 * 1024 * 1024,
            max_waiting_bytes: 64 * 1024 * 1024,
            drain: Duration::from_secs(5),
            context: RequestContext::new(),
        }
    }
}

/// Serves on standard input and output until the input ends or `shutdown` is requested.
///
/// Nothing else may be written to standard output meanwhile: log to standard error.
///
/// # Errors
/// If standard input or output fails.
#[cfg(feature = "stdio")]
pub async fn serve_stdio(
    server: Server,
    mut options: StdioOptions,
    shutdown: Shutdown,
) -> io::Result<()> {
    options.context = options.context.with_network(crate::transport::Network::Pipe);
    serve_lines(server, tokio::io::stdin(), tokio::io::stdout(), options, shutdown).await
}

/// Serves on any pair of byte streams, one message a line.
///
/// Ends when the input ends and all requests but subscriptions are answered, or when `shutdown` is
/// requested. Subscriptions get their final answer.
///
/// # Errors
/// If a stream fails.
pub async fn serve_lines<R, W>(
    server: Server,
    reader: R,
    writer: W,
    options: StdioOptions,
    shutdown: Shutdown,
) -> io::Result<()>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let outgoing = Outgoing::new(options.max_waiting_bytes);
    let writing = tokio::spawn({
        let outgoing = outgoing.clone();
        async move { outgoing.write_to(writer).await }
    });
    let (trigger, background) = Shutdown::new();
    let extensions = tokio::spawn({
        let server = server.clone();
        async move { server.run_extensions(background).await }
    });

    let mut connection = Connection {
        server: server.clone(),
        context: options.context.with_shared_channel(),
        outgoing,
        in_flight: Arc::default(),
        running: JoinSet::new(),
    };
    let mut lines = LineReader::new(reader, options.max_line_bytes);
    let read = loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = shutdown.requested() => break Ok(()),
            Some(_) = connection.running.join_next() => continue,
        };
        // Everything that has arrived is worked off before anything is waited for, so that the
        // answers leave together.
        let mut ready = line;
        let ended = loop {
            match ready {
                None => break Some(Ok(())),
                Some(Err(LineError::Io(error))) => break Some(Err(error)),
                Some(Err(error @ LineError::TooLong { .. })) => {
                    let error = Error::InvalidRequest(error.to_string());
                    let response = Rejection { id: None, error }.to_response();
                    connection.outgoing.put(response.body);
                }
                Some(Ok(line)) => connection.take(line).await,
            }
            connection.outgoing.room(Share::Whole).await;
            match lines.buffered() {
                Some(line) => ready = Some(line),
                None => break None,
            }
        };
        if let Some(end) = ended {
            break end;
        }
        if connection.outgoing.is_closed() {
            break Ok(());
        }
    };

    // No more requests. Subscriptions end with their answer, the others finish.
    server.end_subscriptions();
    let finish = async { while connection.running.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain, finish).await.is_err() {
        tracing::warn!("requests were dropped that did not finish in time");
        connection.running.shutdown().await;
    }
    trigger.request();
    if tokio::time::timeout(options.drain, extensions).await.is_err() {
        tracing::warn!("an extension's background work did not end in time");
    }
    connection.outgoing.close();
    let stop = writing.abort_handle();
    match tokio::time::timeout(options.drain, writing).await {
        Ok(written) => read.and(written.unwrap_or_else(|error| Err(io::Error::other(error)))),
        Err(_) => {
            stop.abort();
            Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answers"))
        }
    }
}

/// Requests that go on in a task, and how each is stopped.
type InFlight = Arc<Mutex<HashMap<RequestId, oneshot::Sender<()>>>>;

struct Connection {
    server: Server,
    context: RequestContext,
    outgoing: Outgoing,
    in_flight: InFlight,
    running: JoinSet<()>,
}

impl Connection {
    async fn take(&mut self, line: Vec<u8>) {
        match ClientMessage::parse(line) {
            Ok(ClientMessage::Request(request)) => self.request(request).await,
            Ok(ClientMessage::Notification(notification)) => self.notification(notification),
            Err(rejection) => self.outgoing.put(rejection.to_response().body),
        }
    }

    async fn request(&mut self, request: IncomingRequest) {
        let duplicate = {
            let in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
            in_flight.contains_key(request.id())
        };
        if duplicate {
            // Answering with this id could be taken for the answer of the request that has it.
            let error = Error::InvalidRequest("a request with this id is in flight".to_owned());
            return self.outgoing.put(Rejection { id: None, error }.to_response().body);
        }
        let mut exchange = self.server.dispatch(request, self.context.clone());
        // Polled once here: most requests are answered at once and need no task. One that speaks may
        // go on speaking: not here, where others wait to be read.
        let polled = poll_fn(|context| Poll::Ready(Pin::new(&mut exchange).poll_next(context)));
        match polled.await {
            Poll::Ready(Some(ServerMessage::Notification(bytes))) => self.outgoing.put(bytes),
            Poll::Ready(Some(ServerMessage::Response(Response { body, .. }))) => {
                return self.outgoing.put(body);
            }
            Poll::Ready(None) => return,
            Poll::Pending => {}
        }
        let (cancel, cancelled) = oneshot::channel();
        let id = exchange.id().clone();
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), cancel);
        let (outgoing, in_flight) = (self.outgoing.clone(), Arc::clone(&self.in_flight));
        self.running.spawn(async move {
            drive(exchange, cancelled, &outgoing, &in_flight).await;
            in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
    }

    fn notification(&mut self, notification: IncomingNotification) {
        if notification.method() == methods::NOTIFICATIONS_CANCELLED {
            #[derive(Deserialize)]
            struct Cancelled {
                #[serde(rename = "requestId")]
                request_id: RequestId,
                reason: Option<RawJson>,
            }
            // Malformed ones and ones for unknown requests are ignored, as the protocol says.
            let Ok(cancelled) = notification.parse_params::<Cancelled>() else { return };
            let cancel = self
                .in_flight
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&cancelled.request_id);
            if let Some(cancel) = cancel {
                // The client wrote it: it may be long, and no text at all.
                let reason = cancelled.reason.and_then(|reason| reason.parse::<String>().ok());
                let reason = Shown(reason.unwrap_or_default());
                let id = Shown(&cancelled.request_id);
                tracing::debug!(%id, %reason, "a request was cancelled");
                let _ = cancel.send(());
            }
            return;
        }
        let (server, context) = (self.server.clone(), self.context.clone());
        self.running.spawn(async move {
            if let Err(error) = server.notify(notification, context).await {
                tracing::debug!(error = %Shown(&error), "a notification was refused");
            }
        });
    }
}

/// Drives an exchange to its end, unless it is cancelled: then nothing more is sent for it.
async fn drive(
    mut exchange: Exchange,
    mut cancelled: oneshot::Receiver<()>,
    outgoing: &Outgoing,
    in_flight: &InFlight,
) {
    loop {
        let message = tokio::select! {
            biased;
            Ok(()) = &mut cancelled => return,
            message = exchange.next() => message,
        };
        match message {
            None => return,
            Some(ServerMessage::Notification(bytes)) => outgoing.put(bytes),
            Some(ServerMessage::Response(response)) => {
                // Its id may be used again as soon as the client has read this.
                in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(exchange.id());
                return outgoing.put(response.body);
            }
        }
        tokio::select! {
            biased;
            Ok(()) = &mut cancelled => return,
            () = outgoing.room(Share::Part) => {}
        }
    }
}
