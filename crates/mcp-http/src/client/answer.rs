//! Reading answers.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, Response, header};
use http_body::Body;
use hyper::body::Incoming;
use mcp_core::Shutdown;
use mcp_core::client::transport::{MessageStream, TransportError};
use mcp_core::protocol::JsonRpcErrorResponse;

use crate::sse::SseParser;

/// The messages of an answer to a request.
///
/// An error status with a JSON-RPC error is that error, for the client to look at; without one it is
/// the transport's.
pub(crate) async fn messages(
    response: Response<Incoming>,
    limit: usize,
    closed: &Shutdown,
) -> Result<MessageStream, TransportError> {
    let status = response.status();
    if !status.is_success() {
        return match refusal(response, limit).await {
            Ok((message, _)) => Ok(Box::pin(Once(Some(Ok(message))))),
            Err(error) => Err(error),
        };
    }
    if response.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(TransportError::Malformed("an answer with a coding nobody asked for".into()));
    }
    if is(response.headers(), "text/event-stream") {
        let closed = closed.clone();
        return Ok(Box::pin(Events {
            body: response.into_body(),
            parser: SseParser::new(limit),
            ready: VecDeque::new(),
            closed: Box::pin(async move { closed.requested().await }),
            ended: false,
        }));
    }
    if !is(response.headers(), "application/json") {
        return Err(TransportError::Malformed(
            "an answer that is neither JSON nor a stream of events".to_owned(),
        ));
    }
    let body = read(response.into_body(), limit).await?;
    Ok(Box::pin(Once(Some(Ok(body)))))
}

/// Whether a notification was taken.
pub(crate) async fn accepted(
    response: Response<Incoming>,
    limit: usize,
) -> Result<(), TransportError> {
    if response.status().is_success() {
        return Ok(());
    }
    let (_, refusal) = refusal(response, limit).await?;
    Err(TransportError::Refused(Box::new(refusal.error)))
}

/// The JSON-RPC error of an answer that has another status than success.
async fn refusal(
    response: Response<Incoming>,
    limit: usize,
) -> Result<(Bytes, JsonRpcErrorResponse), TransportError> {
    let status = response.status();
    if status.is_redirection() {
        return Err(TransportError::Redirected { status: status.as_u16() });
    }
    if is(response.headers(), "application/json")
        && let Ok(body) = read(response.into_body(), limit).await
        && let Ok(refusal) = serde_json::from_slice(&body)
    {
        return Ok((body, refusal));
    }
    Err(TransportError::Http { status: status.as_u16() })
}

fn is(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
}

async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, TransportError> {
    let mut message = Vec::new();
    loop {
        if message.len() as u64 + body.size_hint().lower() > limit as u64 {
            return Err(TransportError::TooLarge { limit });
        }
        match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            None => return Ok(message.into()),
            Some(Err(_)) => return Err(TransportError::Disconnected),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                if message.is_empty() && body.is_end_stream() && data.len() <= limit {
                    return Ok(data);
                }
                if message.len() + data.len() > limit {
                    return Err(TransportError::TooLarge { limit });
                }
                message.extend_from_slice(&data);
            }
        }
    }
}

/// A stream of one message.
struct Once(Option<Result<Bytes, TransportError>>);

impl Stream for Once {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take())
    }
}

/// The events of an answer. Dropping it closes the connection, which cancels the request.
struct Events {
    body: Incoming,
    parser: SseParser,
    ready: VecDeque<Vec<u8>>,
    /// Ends when the transport is closed.
    closed: Pin<Box<dyn Future<Output = ()> + Send>>,
    ended: bool,
}

impl Stream for Events {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(event.into())));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            let failed = if this.closed.as_mut().poll(context).is_ready() {
                TransportError::Closed
            } else {
                match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                    None => {
                        this.ended = true;
                        continue;
                    }
                    Some(Err(_)) => TransportError::Disconnected,
                    Some(Ok(frame)) => {
                        let Ok(data) = frame.into_data() else { continue };
                        match this.parser.push(&data) {
                            Ok(events) => {
                                // Servers of earlier revisions begin streams with an empty event.
                                let events = events.into_iter().filter(|data| !data.is_empty());
                                this.ready.extend(events);
                                continue;
                            }
                            Err(error) => TransportError::TooLarge { limit: error.limit },
                        }
                    }
                }
            };
            this.ended = true;
            return Poll::Ready(Some(Err(failed)));
        }
    }
}
