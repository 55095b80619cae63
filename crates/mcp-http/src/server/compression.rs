//! gzip for large JSON answers.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use super::body::HttpBody;
use super::{headers, respond};

const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");

/// Whether the client takes gzip.
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().any(|value| {
        value.to_str().is_ok_and(|value| {
            value.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                name.eq_ignore_ascii_case("gzip") && parts.all(headers::is_wanted)
            })
        })
    })
}

/// A JSON answer, compressed if it has `least` bytes and becomes shorter by it.
pub(crate) fn json(status: StatusCode, body: Bytes, least: usize) -> Response<HttpBody> {
    if body.len() < least {
        return respond::json(status, body);
    }
    let mut response = match gzip(&body) {
        Some(compressed) => {
            let mut response = respond::json(status, compressed);
            response.headers_mut().insert(header::CONTENT_ENCODING, GZIP);
            response
        }
        None => respond::json(status, body),
    };
    response.headers_mut().append(header::VARY, ACCEPT_ENCODING);
    response
}

fn gzip(body: &Bytes) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < body.len()).then(|| compressed.into())
}
