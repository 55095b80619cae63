//! What browsers are told, so that pages of allowed origins can ask.
//!
//! Source: WHATWG Fetch, *CORS protocol*.

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};

use super::body::HttpBody;
use super::respond;

const ANYONE: HeaderValue = HeaderValue::from_static("*");
const POST: HeaderValue = HeaderValue::from_static("POST");
const READ_ONLY: HeaderValue = HeaderValue::from_static("GET, HEAD");
const CONDITIONS: HeaderValue = HeaderValue::from_static("If-None-Match");
const ETAG: HeaderValue = HeaderValue::from_static("ETag");
const CHALLENGE: HeaderValue = HeaderValue::from_static("WWW-Authenticate");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const TEN_MINUTES: HeaderValue = HeaderValue::from_static("600");

/// Lets the page that asked read the answer.
pub(crate) fn allow(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, CHALLENGE);
    headers.append(header::VARY, ORIGIN);
}

/// Lets every page read the answer.
pub(crate) fn allow_anyone(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYONE);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, ETAG);
}

/// Tells a browser what pages of an allowed origin may send to the endpoint: whatever headers they
/// ask for, since tools name headers of their own.
pub(crate) fn preflight(parts: &Parts) -> Response<HttpBody> {
    let wanted = parts.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    preflighted(POST, wanted)
}

/// Tells a browser what any page may ask of a document.
pub(crate) fn document_preflight() -> Response<HttpBody> {
    preflighted(READ_ONLY, Some(CONDITIONS))
}

fn preflighted(methods: HeaderValue, wanted: Option<HeaderValue>) -> Response<HttpBody> {
    let mut response = respond::bare(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    if let Some(wanted) = wanted {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, TEN_MINUTES);
    response
}
