//! A client's way to a server over a pair of byte streams: pipes of a child process, a Unix or TCP
//! socket.
//!
//! All requests share the two streams. One task reads and hands each message to the request it
//! belongs to, never waiting for any of them; one task writes what is ready to go at once.
//!
//! Source: specification, *Transports → stdio*.

mod pending;

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use self::pending::{Messages, Pending, Wants};
use crate::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, StrayHandler,
    TransportError,
};
use crate::client::{ServerEnvelope, id_of_broken, read_envelope};
use crate::protocol::{RequestId, methods};
use crate::transport::queue::{Outgoing, Share};
use crate::transport::{LineError, LineReader};

/// The bounds of a [`LineTransport`].
///
/// ```
/// use mcp_core::transport::LineOptions;
///
/// let options = LineOptions::default();
/// assert_eq!(options.max_line_bytes, 16 * 1024 * 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineOptions {
    /// The longest message that is read. The request that a longer one answers fails with
    /// [`TransportError::TooLarge`]; the others go on. Default 16 MiB.
    pub max_line_bytes: usize,
    /// Bytes of requests that wait for a server which does not read; then new requests wait too.
    /// Default 64 MiB.
    pub max_waiting_bytes: usize,
    /// Bytes of messages that wait for one request's caller. Beyond it, progress and log messages
    /// are dropped, and a subscription fails with [`TransportError::Overrun`]. Default 16 MiB.
    pub max_unread_bytes: usize,
}

impl Default for LineOptions {
    fn default() -> Self {
        Self {
            max_line_bytes: 16 * 1024 * 1024,
            max_waiting_bytes: 64 * 1024 * 1024,
            max_unread_bytes: 16 * 1024 * 1024,
        }
    }
}

/// How long the last messages may take to be written when the transport is closed, and how long a
/// broken writer waits for the reader to say why.
const LINGER: Duration = Duration::from_secs(5);

/// A client's way to a server over any pair of byte streams, one message a line.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_core::Shutdown;
/// use mcp_core::client::Client;
/// use mcp_core::server::Server;
/// use mcp_core::transport::{LineOptions, LineTransport, StdioOptions, serve_lines};
///
/// let server = Server::builder("example", "1.0.0").build()?;
/// let (near, far) = tokio::io::duplex(64 * 1024);
/// let (reader, writer) = tokio::io::split(far);
/// let (_trigger, shutdown) = Shutdown::new();
/// tokio::spawn(serve_lines(server, reader, writer, StdioOptions::default(), shutdown));
///
/// let (reader, writer) = tokio::io::split(near);
/// let transport = LineTransport::new(reader, writer, LineOptions::default())?;
/// let client = Client::builder("example", "1.0.0").connect(transport)?;
/// assert_eq!(client.discover().await?.supported_versions, ["2026-07-28"]);
/// # Ok(())
/// # }
/// ```
pub struct LineTransport {
    shared: Arc<Shared>,
    reader: AbortHandle,
}

impl std::fmt::Debug for LineTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineTransport").field("ended", &self.is_ended()).finish_non_exhaustive()
    }
}

/// Why nothing more is read.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// Closed on this side.
    Closed,
    /// The server closed its stream.
    Disconnected,
    /// The server's process ended. Only known of child processes.
    #[cfg_attr(not(feature = "process"), allow(dead_code))]
    Exited(Option<i32>),
    /// Reading or writing failed.
    Io(io::ErrorKind, String),
}

impl End {
    fn error(&self) -> TransportError {
        match self {
            Self::Closed => TransportError::Closed,
            Self::Disconnected => TransportError::Disconnected,
            Self::Exited(status) => TransportError::ServerExited { status: *status },
            Self::Io(kind, text) => TransportError::Io(io::Error::new(*kind, text.clone())),
        }
    }
}

/// Finds out why a stream ended, if more is to be known than that.
pub(crate) type WhyEnded = Pin<Box<dyn Future<Output = Option<End>> + Send>>;

struct Shared {
    outgoing: Outgoing,
    pending: Mutex<Pending>,
    stray: Mutex<Option<StrayHandler>>,
    max_unread_bytes: usize,
    /// Nothing more will be read.
    ended: AtomicBool,
    ended_notify: Notify,
    closing: Notify,
    /// Whether any request was ever answered.
    answered: AtomicBool,
}

impl LineTransport {
    /// Reads messages from `reader` and writes them to `writer`, in tasks of its own, until it is
    /// dropped.
    ///
    /// # Errors
    /// [`TransportError::Connect`] outside a tokio runtime.
    pub fn new<R, W>(reader: R, writer: W, options: LineOptions) -> Result<Self, TransportError>
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        Self::with_end(reader, writer, options, Box::pin(async { None }))
    }

    pub(crate) fn with_end<R, W>(
        reader: R,
        writer: W,
        options: LineOptions,
        why: WhyEnded,
    ) -> Result<Self, TransportError>
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|error| TransportError::Connect(Box::new(error)))?;
        let shared = Arc::new(Shared {
            outgoing: Outgoing::new(options.max_waiting_bytes),
            pending: Mutex::default(),
            stray: Mutex::new(None),
            max_unread_bytes: options.max_unread_bytes,
            ended: AtomicBool::new(false),
            ended_notify: Notify::new(),
            closing: Notify::new(),
            answered: AtomicBool::new(false),
        });
        runtime.spawn(write(Arc::clone(&shared), writer));
        let lines = LineReader::new(reader, options.max_line_bytes);
        let reader = runtime.spawn(read(Arc::clone(&shared), lines, why)).abort_handle();
        Ok(Self { shared, reader })
    }

    /// Whether the connection is of no more use.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.shared.is_ended()
    }

    /// Whether any request was ever answered.
    #[cfg_attr(not(feature = "process"), allow(dead_code))]
    pub(crate) fn has_answered(&self) -> bool {
        self.shared.answered.load(Ordering::Acquire)
    }

    /// Ends the connection: what is queued is still written, requests in flight fail.
    pub(crate) fn shut(&self) {
        self.shared.end(&End::Closed);
    }
}

impl Drop for LineTransport {
    fn drop(&mut self) {
        self.shut();
        self.reader.abort();
    }
}

#[async_trait]
impl ClientTransport for LineTransport {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        let wants = Wants::read(&request.body, &request.method);
        // A server that does not read stops new requests, not memory.
        self.shared.outgoing.room(Share::Whole).await;
        if self.shared.is_ended() {
            return Err(TransportError::Closed);
        }
        let messages = Messages::register(&self.shared, request.id, wants)?;
        self.shared.outgoing.put(request.body);
        Ok(Box::pin(messages))
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        self.shared.outgoing.room(Share::Whole).await;
        if self.shared.is_ended() {
            return Err(TransportError::Closed);
        }
        self.shared.outgoing.put(notification.body);
        Ok(())
    }

    fn set_stray_handler(&self, handler: StrayHandler) {
        *self.shared.stray.lock().unwrap_or_else(PoisonError::into_inner) = Some(handler);
    }

    async fn close(&self) {
        self.shut();
    }
}

/// Writes until the queue is closed, and tells the server so by closing the stream.
async fn write<W: AsyncWrite + Unpin>(shared: Arc<Shared>, mut writer: W) {
    let written = tokio::select! {
        written = shared.outgoing.write_to(&mut writer) => written,
        () = async { shared.closing.notified().await; tokio::time::sleep(LINGER).await } => return,
    };
    match written {
        Ok(()) => {
            let _ = tokio::time::timeout(LINGER, writer.shutdown()).await;
        }
        Err(error) => {
            tracing::debug!(%error, "writing to a server failed");
            // The other stream tells more, most often: that the server's process ended.
            let ended = shared.ended_notify.notified();
            let _ = tokio::time::timeout(LINGER, ended).await;
            shared.end(&End::Io(error.kind(), error.to_string()));
        }
    }
}

/// Ends everything when the reading task ends, however that comes.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end(&End::Disconnected);
    }
}

async fn read<R: AsyncRead + Unpin>(shared: Arc<Shared>, mut lines: LineReader<R>, why: WhyEnded) {
    let ending = Ending(Arc::clone(&shared));
    let end = loop {
        match lines.next().await {
            Some(Ok(line)) => shared.take(Bytes::from(line)),
            Some(Err(LineError::TooLong { limit, start })) => {
                shared.unusable(&start, TransportError::TooLarge { limit });
            }
            Some(Err(LineError::Io(error))) => break End::Io(error.kind(), error.to_string()),
            None => break End::Disconnected,
        }
    };
    // No new requests from here on; those in flight hear why.
    shared.ended.store(true, Ordering::Release);
    let end = why.await.unwrap_or(end);
    shared.end(&end);
    shared.ended_notify.notify_one();
    drop(ending);
}

impl Shared {
    fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire) || self.outgoing.is_closed()
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails the requests in flight, and lets no new ones begin.
    fn end(&self, end: &End) {
        self.ended.store(true, Ordering::Release);
        let failed = self.pending().drain();
        for request in failed {
            request.finish(Err(end.error()));
        }
        self.outgoing.close();
        self.closing.notify_one();
    }

    /// Hands a message to the request that it belongs to.
    fn take(&self, bytes: Bytes) {
        match read_envelope(&bytes) {
            Err(reason) => self.unusable(&bytes, TransportError::Malformed(reason)),
            Ok(ServerEnvelope::Response { id, .. }) => {
                let request = {
                    let mut pending = self.pending();
                    match id {
                        Some(id) => pending.remove(&id),
                        // The server could not read the id of what it answers.
                        None => pending.remove_only(),
                    }
                };
                match request {
                    Some(request) => {
                        self.answered.store(true, Ordering::Release);
                        request.finish(Ok(bytes));
                    }
                    None => self.stray(bytes),
                }
            }
            Ok(ServerEnvelope::Notification { method, params }) => {
                let cancelled = method == methods::NOTIFICATIONS_CANCELLED;
                let whose = self.pending().owner(&method, params);
                match whose {
                    Some(id) if cancelled => {
                        // The last message of a subscription.
                        if let Some(request) = self.pending().remove(&id) {
                            request.finish(Ok(bytes));
                        }
                    }
                    Some(id) => self.notified(&id, bytes),
                    None => self.stray(bytes),
                }
            }
            Ok(ServerEnvelope::Request { .. }) => self.stray(bytes),
        }
    }

    /// Hands a notification to its request, as far as that takes it.
    fn notified(&self, id: &RequestId, bytes: Bytes) {
        let overrun = self.pending().push(id, bytes, self.max_unread_bytes);
        if let Some(request) = overrun {
            tracing::warn!("a subscription is not read; it ends");
            request.finish(Err(TransportError::Overrun));
            self.send_cancelled(id);
        }
    }

    /// Something came that is no message. The request that it was meant for fails, if that can be
    /// told. Everything else is ignored: servers do write other things to their output.
    fn unusable(&self, bytes: &[u8], error: TransportError) {
        let request = if looks_like_a_message(bytes) {
            let mut pending = self.pending();
            match id_of_broken(bytes) {
                Some(id) => pending.remove(&id),
                None => pending.remove_only(),
            }
        } else {
            None
        };
        match request {
            Some(request) => request.finish(Err(error)),
            None => tracing::warn!(%error, "output of the server was ignored"),
        }
    }

    /// Hands a message out that belongs to no request.
    fn stray(&self, bytes: Bytes) {
        let handler = self.stray.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(handler) = handler else {
            return tracing::debug!("a message that belongs to no request was ignored");
        };
        // A panic in it must not end the reading for everyone.
        let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handler(bytes)));
        if called.is_err() {
            tracing::error!("the handler of a message panicked");
        }
    }

    /// Tells the server that a request is no longer wanted.
    fn send_cancelled(&self, id: &RequestId) {
        #[derive(serde::Serialize)]
        struct Params<'a> {
            #[serde(rename = "requestId")]
            request_id: &'a RequestId,
        }
        #[derive(serde::Serialize)]
        struct Cancelled<'a> {
            jsonrpc: &'static str,
            method: &'static str,
            params: Params<'a>,
        }
        let cancelled = Cancelled {
            jsonrpc: "2.0",
            method: methods::NOTIFICATIONS_CANCELLED,
            params: Params { request_id: id },
        };
        if let Ok(body) = serde_json::to_vec(&cancelled) {
            self.outgoing.put(Bytes::from(body));
        }
    }
}

/// Whether a line that is no message was meant to be one, unlike log lines and greetings.
fn looks_like_a_message(line: &[u8]) -> bool {
    let has = |part: &[u8]| line.windows(part.len()).any(|window| window == part);
    let answers = || has(b"\"id\"") && (has(b"\"result\"") || has(b"\"error\""));
    line.starts_with(b"{") && (has(b"\"jsonrpc\"") || answers())
}
