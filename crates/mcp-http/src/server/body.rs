//! Bodies: reading a message, and sending one answer or a stream of events.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use mcp_core::server::{Exchange, ServerMessage};
use tokio::time::{Instant, Sleep};

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    TooLarge,
    Broken,
}

/// Reads a body of at most `limit` bytes into one piece. What is too long is read and dropped before
/// it is refused if `may_discard`.
pub(crate) async fn read<B>(body: B, limit: usize, may_discard: bool) -> Result<Vec<u8>, ReadError>
where
    B: Body,
    B::Error: fmt::Display,
{
    let mut body = pin!(body);
    let hint = body.size_hint();
    if hint.lower() > limit as u64 {
        if may_discard {
            Box::pin(discard(body)).await;
        }
        return Err(ReadError::TooLarge);
    }
    // A client may promise more than it sends: no more than 64 KiB are set aside on its word.
    let promised = usize::try_from(hint.lower()).unwrap_or(limit);
    let mut message = Vec::with_capacity(promised.min(64 * 1024));
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            tracing::debug!(%error, "a request's body broke off");
            ReadError::Broken
        })?;
        let Ok(mut data) = frame.into_data() else { continue };
        if message.len() + data.remaining() > limit {
            drop((data, message));
            Box::pin(discard(body)).await;
            return Err(ReadError::TooLarge);
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            message.extend_from_slice(chunk);
            let length = chunk.len();
            data.advance(length);
        }
    }
    Ok(message)
}

/// As much of a refused body is read and dropped, for as long.
const DISCARDED: usize = 16 * 1024 * 1024;
const DISCARDING: Duration = Duration::from_secs(1);

/// Reads a body for nothing, within bounds.
///
/// A connection that is closed while its client still sends is reset, and the reset can overtake the
/// answer: the client would see a broken connection instead of the reason.
pub(crate) async fn discard<B: Body>(body: B) {
    if body.is_end_stream() {
        return;
    }
    let mut body = pin!(body);
    let mut left = DISCARDED;
    let reading = async {
        while let Some(Ok(frame)) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            let length = frame.data_ref().map_or(0, Buf::remaining);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(DISCARDING, reading).await;
}

/// The body of an answer: empty, one piece, or a stream of events.
///
/// Dropping a stream of events cancels the request that it answers.
pub struct HttpBody(Kind);

enum Kind {
    Empty,
    Whole(Bytes),
    Events(Box<Events>),
}

impl HttpBody {
    pub(crate) fn empty() -> Self {
        Self(Kind::Empty)
    }

    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(if bytes.is_empty() { Kind::Empty } else { Kind::Whole(bytes) })
    }

    /// A stream that begins with `first` and goes on with what the exchange says.
    pub(crate) fn events(first: &[u8], exchange: Exchange, keep_alive: Duration) -> Self {
        let mut waiting = Vec::with_capacity(first.len() + EVENT_OVERHEAD);
        write_event(&mut waiting, first);
        Self(Kind::Events(Box::new(Events {
            waiting,
            exchange: Some(exchange),
            keep_alive,
            timer: None,
        })))
    }
}

const EVENT_OVERHEAD: usize = "data: \n\n".len();
/// As much is gathered into one write.
const GATHER: usize = 64 * 1024;

/// Messages hold no line ends, so each is one `data` line.
fn write_event(out: &mut Vec<u8>, message: &[u8]) {
    out.reserve(message.len() + EVENT_OVERHEAD);
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(message);
    out.extend_from_slice(b"\n\n");
}

/// A stream of server-sent events. Dropping it drops the exchange, which cancels the request.
struct Events {
    waiting: Vec<u8>,
    exchange: Option<Exchange>,
    keep_alive: Duration,
    /// Made when the stream is idle for the first time.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Events {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        // Whatever is ready leaves together, the last event with the end of the stream.
        while self.waiting.len() < GATHER
            && let Some(exchange) = &mut self.exchange
        {
            match Pin::new(exchange).poll_next(context) {
                Poll::Ready(Some(ServerMessage::Notification(message))) => {
                    write_event(&mut self.waiting, &message);
                }
                Poll::Ready(Some(ServerMessage::Response(response))) => {
                    write_event(&mut self.waiting, &response.body);
                    self.exchange = None;
                }
                Poll::Ready(None) => self.exchange = None,
                Poll::Pending => break,
            }
        }
        if !self.waiting.is_empty() {
            if let Some(timer) = &mut self.timer {
                timer.as_mut().reset(Instant::now() + self.keep_alive);
            }
            return Poll::Ready(Some(std::mem::take(&mut self.waiting).into()));
        }
        if self.exchange.is_none() {
            return Poll::Ready(None);
        }
        let keep_alive = self.keep_alive;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(keep_alive)));
        ready!(timer.as_mut().poll(context));
        timer.as_mut().reset(Instant::now() + keep_alive);
        // Registers the timer for the next time.
        let _ = timer.as_mut().poll(context);
        Poll::Ready(Some(Bytes::from_static(b":\n\n")))
    }
}

impl Body for HttpBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Events(events) => {
                let chunk = ready!(events.poll(context));
                Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Whole(_) => false,
            Kind::Events(events) => events.exchange.is_none() && events.waiting.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Events(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Empty => "HttpBody(empty)",
            Kind::Whole(_) => "HttpBody(whole)",
            Kind::Events(_) => "HttpBody(events)",
        })
    }
}
