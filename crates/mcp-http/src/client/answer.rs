//! Reading answers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body;
use hyper::body::Incoming;
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
) -> Result<MessageStream, TransportError> {
    let status = response.status();
    if is(response.headers(), "text/event-stream") && status.is_success() {
        return Ok(Box::pin(Events {
            body: response.into_body(),
            parser: SseParser::new(limit),
            ready: VecDeque::new(),
            ended: false,
        }));
    }
    let is_json = is(response.headers(), "application/json");
    let body = read(response.into_body(), limit).await;
    if !status.is_success() {
        return match body {
            Ok(body) if is_json && is_error(&body) => Ok(Box::pin(Once(Some(Ok(body.into()))))),
            _ => Err(TransportError::Http { status: status.as_u16() }),
        };
    }
    if !is_json {
        return Err(TransportError::Malformed(
            "an answer that is neither JSON nor a stream of events".to_owned(),
        ));
    }
    Ok(Box::pin(Once(Some(Ok(body?.into())))))
}

/// Whether a notification was taken.
pub(crate) async fn accepted(
    response: Response<Incoming>,
    limit: usize,
) -> Result<(), TransportError> {
    let status = response.status();
    if status == StatusCode::ACCEPTED
        || status == StatusCode::OK
        || status == StatusCode::NO_CONTENT
    {
        return Ok(());
    }
    if let Ok(body) = read(response.into_body(), limit).await
        && let Ok(refusal) = serde_json::from_slice::<JsonRpcErrorResponse>(&body)
    {
        return Err(TransportError::Refused(Box::new(refusal.error)));
    }
    Err(TransportError::Http { status: status.as_u16() })
}

fn is_error(body: &[u8]) -> bool {
    serde_json::from_slice::<JsonRpcErrorResponse>(body).is_ok()
}

fn is(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
}

async fn read(mut body: Incoming, limit: usize) -> Result<Vec<u8>, TransportError> {
    let mut message = Vec::new();
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        match frame {
            None => return Ok(message),
            Some(Err(_)) => return Err(TransportError::Disconnected),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                if message.len() + data.remaining() > limit {
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
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                None => this.ended = true,
                Some(Err(_)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(TransportError::Disconnected)));
                }
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    match this.parser.push(&data) {
                        Ok(events) => this.ready.extend(events),
                        Err(error) => {
                            this.ended = true;
                            return Poll::Ready(Some(Err(TransportError::TooLarge {
                                limit: error.limit,
                            })));
                        }
                    }
                }
            }
        }
    }
}
