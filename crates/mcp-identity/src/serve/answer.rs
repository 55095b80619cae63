//! Answers about one document: made in advance, copied when asked for.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use mcp_trust::digest::Digest;

use super::error::RenderError;

const ANYONE: HeaderValue = HeaderValue::from_static("*");
const GET: HeaderValue = HeaderValue::from_static("GET");
const READ_ONLY: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ASKED_WITH: HeaderValue = HeaderValue::from_static("Content-Type, If-None-Match");
const SHOWN: HeaderValue = HeaderValue::from_static("ETag, Link");
const ONE_DAY: HeaderValue = HeaderValue::from_static("86400");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const X_CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");

/// A document, ready to leave.
#[derive(Debug)]
pub(super) struct Ready {
    bytes: Bytes,
    etag: HeaderValue,
    found: HeaderMap,
    unchanged: HeaderMap,
}

impl Ready {
    pub(super) fn new(
        bytes: Vec<u8>,
        media_type: &'static str,
        max_age: Duration,
        link: &HeaderValue,
    ) -> Result<Self, RenderError> {
        let text = |text: String| HeaderValue::from_str(&text).map_err(|_| RenderError::Header);
        let etag = text(format!("\"{}\"", Digest::of(&bytes).to_base64url()))?;
        let mut unchanged = HeaderMap::with_capacity(8);
        unchanged.insert(header::ETAG, etag.clone());
        let max_age = text(format!("public, max-age={}", max_age.as_secs()))?;
        unchanged.insert(header::CACHE_CONTROL, max_age);
        unchanged.insert(header::LINK, link.clone());
        allow_everyone(&mut unchanged);
        let mut found = HeaderMap::with_capacity(12);
        found.extend(unchanged.clone());
        found.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        found.insert(header::CONTENT_LENGTH, bytes.len().into());
        found.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
        // Sharing the bytes for the first time makes room for their count; better now than for the first who asks.
        let bytes = Bytes::from(bytes);
        drop(bytes.clone());
        Ok(Self { bytes, etag, found, unchanged })
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The answer to a request for the document, and its body.
    pub(super) fn read(&self, is_head: bool, headers: &HeaderMap) -> Response<Bytes> {
        let (status, answer, body) = if is_known(headers, &self.etag) {
            (StatusCode::NOT_MODIFIED, &self.unchanged, Bytes::new())
        } else if is_head {
            (StatusCode::OK, &self.found, Bytes::new())
        } else {
            (StatusCode::OK, &self.found, self.bytes.clone())
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = answer.clone();
        response
    }
}

fn allow_everyone(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYONE);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, GET);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ASKED_WITH);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
}

/// Whether the client has this version already. RFC 9110, section 13.1.2: the comparison is weak. Commas separate tags, and may
/// stand in them; ours have none.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|tags| {
        tags.as_bytes().split(|&byte| byte == b',').any(|tag| {
            let tag = tag.trim_ascii();
            tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes()
        })
    })
}

/// Whether a request reads: `Some` whether it wants the head alone, or `None` for another method.
pub(super) fn reads(method: &Method) -> Option<bool> {
    match *method {
        Method::GET => Some(false),
        Method::HEAD => Some(true),
        _ => None,
    }
}

/// The answer to a request that does not read: what browsers ask in advance, or 405.
pub(super) fn other(method: &Method) -> Response<Bytes> {
    let mut response = bare(if *method == Method::OPTIONS {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::METHOD_NOT_ALLOWED
    });
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, READ_ONLY);
    if *method == Method::OPTIONS {
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, ONE_DAY);
    }
    response
}

/// A status and nothing else, for every page to see.
pub(super) fn bare(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    allow_everyone(response.headers_mut());
    response
}
