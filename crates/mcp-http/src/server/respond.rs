//! Answers, each with its status and JSON-RPC body.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use mcp_core::server::ResponseKind;
use mcp_core::{Error, Rejection};

use super::body::HttpBody;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO: HeaderValue = HeaderValue::from_static("no");

/// One JSON body.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// A stream of events. Proxies must neither keep it nor hold it back.
pub(crate) fn events(body: HttpBody) -> Response<HttpBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    headers.insert(X_ACCEL_BUFFERING, NO);
    response
}

/// Nothing but a status.
pub(crate) fn bare(status: StatusCode) -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::empty());
    *response.status_mut() = status;
    response
}

/// A refusal of the transport's own, as a JSON-RPC error without an id.
pub(crate) fn refused(status: StatusCode, reason: &str) -> Response<HttpBody> {
    rejected(status, &Rejection { id: None, error: Error::InvalidRequest(reason.to_owned()) })
}

pub(crate) fn rejected(status: StatusCode, rejection: &Rejection) -> Response<HttpBody> {
    json(status, rejection.to_response().body)
}

/// A failure that is the server's own.
pub(crate) fn internal() -> Response<HttpBody> {
    let rejection = Rejection { id: None, error: Error::Internal };
    rejected(StatusCode::INTERNAL_SERVER_ERROR, &rejection)
}

/// The status of a JSON-RPC response.
///
/// What was found before a method was reached, and the errors that the transport's page names, have
/// statuses of their own; whatever a method itself says is an ordinary answer.
pub(crate) fn status(kind: ResponseKind) -> StatusCode {
    match kind {
        ResponseKind::Result => StatusCode::OK,
        ResponseKind::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ResponseKind::Rejected(-32601) | ResponseKind::MethodError(-32601) => StatusCode::NOT_FOUND,
        ResponseKind::Rejected(_) | ResponseKind::MethodError(-32022..=-32020) => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::OK,
    }
}
