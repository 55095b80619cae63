//! The floor over HTTP: bare hyper.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bench_support::{Control, Result, serve_http};
use bytes::Bytes;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Either, Full};
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
    service::service_fn,
};
use tokio_stream::{Stream, wrappers::WatchStream};

use crate::{
    answer::{Answer, Server, write_error, write_notification},
    request::{Request, RpcError},
};

type Body = Either<Full<Bytes>, Listening>;

pub(crate) async fn serve(control: Control) -> Result<()> {
    let server = Arc::new(Server::new());
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { handle(&server, request).await }
    });
    serve_http(control, service).await
}

async fn handle(
    server: &Server,
    request: hyper::Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST || head.uri.path() != "/mcp" {
        let status = if head.method == Method::POST {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::METHOD_NOT_ALLOWED
        };
        return Ok(response(status, "text/plain", Vec::new()));
    }
    if let Some(status) = refused(&head.headers) {
        return Ok(response(status, "text/plain", Vec::new()));
    }
    let body = read(body).await?;
    let mut out = Vec::new();
    let parsed = Request::parse(&body);
    let outcome = parsed.as_ref().map_err(|error| *error).and_then(|request| {
        check_mirrored_headers(&head.headers, request)?;
        Ok((server.answer(request, &mut out)?, request))
    });
    Ok(match outcome {
        Ok((Answer::Message, _)) => response(StatusCode::OK, "application/json", out),
        Ok((Answer::Messages, _)) => response(StatusCode::OK, "text/event-stream", events(&out)),
        Ok((Answer::Listen, request)) => {
            let changes = WatchStream::from_changes(server.changes.subscribe());
            let acknowledged = Some(events(&out).into());
            let body = Listening { acknowledged, id: request.id.get().into(), changes };
            let mut response = Response::new(Either::Right(body));
            let event_stream = HeaderValue::from_static("text/event-stream");
            response.headers_mut().insert(header::CONTENT_TYPE, event_stream);
            response
        }
        Err(error) => {
            let id = parsed.as_ref().ok().map(|request| request.id);
            write_error(id, error, &mut out);
            let status =
                if error.0 == -32601 { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
            response(status, "application/json", out)
        }
    })
}

/// The whole body in one piece. A small one comes in one frame, which then is all; the frames of a
/// large one are copied as they come, so that hyper can use its buffer again.
async fn read(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    const MOST_RESERVED: u64 = 1024 * 1024;
    let length = body.size_hint().lower().min(MOST_RESERVED) as usize;
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if whole.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        whole.reserve(length.saturating_sub(whole.len()).max(data.len()));
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

fn response(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The checks that need no body: who asks, what is sent, what is accepted.
fn refused(headers: &HeaderMap) -> Option<StatusCode> {
    let text = |name: HeaderName| headers.get(name).map_or(Some(""), |value| value.to_str().ok());
    let is_local = |authority: &str| {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _port)| host);
        matches!(host, "127.0.0.1" | "localhost" | "[::1]")
    };
    if !text(header::HOST).is_some_and(is_local) {
        return Some(StatusCode::FORBIDDEN);
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let authority = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        if !authority.is_some_and(is_local) {
            return Some(StatusCode::FORBIDDEN);
        }
    }
    let content_type = text(header::CONTENT_TYPE)?;
    if content_type.split(';').next().map(str::trim_end) != Some("application/json") {
        return Some(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let accept = text(header::ACCEPT)?;
    let accepts = |wanted: &str| {
        accept.split(',').any(|range| range.split(';').next().map(str::trim) == Some(wanted))
    };
    if !accepts("application/json") || !accepts("text/event-stream") {
        return Some(StatusCode::NOT_ACCEPTABLE);
    }
    None
}

/// The headers that mirror the body must be there once and say what the body says.
fn check_mirrored_headers(headers: &HeaderMap, request: &Request<'_>) -> Result<(), RpcError> {
    let mismatch = (-32020, "Header mismatch");
    let mirrors = |name: &'static str, value: &str| {
        let mut found = headers.get_all(name).iter();
        match (found.next(), found.next()) {
            (Some(header), None) if header.as_bytes() == value.as_bytes() => Ok(()),
            _ => Err(mismatch),
        }
    };
    mirrors("mcp-protocol-version", &request.params.meta.protocol_version)?;
    mirrors("mcp-method", &request.method)?;
    if request.method == "tools/call" {
        mirrors("mcp-name", &request.params.name.0)?;
    }
    Ok(())
}

/// Lines as server-sent events.
fn events(lines: &[u8]) -> Vec<u8> {
    let mut events = Vec::with_capacity(lines.len() + 32);
    for line in lines.split(|byte| *byte == b'\n') {
        events.extend_from_slice(b"data: ");
        events.extend_from_slice(line);
        events.extend_from_slice(b"\n\n");
    }
    events
}

/// The body of `subscriptions/listen`: the acknowledgement, then a notification a change.
struct Listening {
    acknowledged: Option<Bytes>,
    id: Box<str>,
    changes: WatchStream<u64>,
}

impl http_body::Body for Listening {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if let Some(acknowledged) = this.acknowledged.take() {
            return Poll::Ready(Some(Ok(Frame::data(acknowledged))));
        }
        let change = ready!(Pin::new(&mut this.changes).poll_next(cx));
        Poll::Ready(change.map(|_generation| {
            let mut line = Vec::new();
            write_notification("notifications/tools/list_changed", &this.id, "", &mut line);
            Ok(Frame::data(events(&line).into()))
        }))
    }
}
