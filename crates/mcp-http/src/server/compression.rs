//! gzip for large JSON answers.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use super::body::HttpBody;
use super::respond;

/// Whether the client takes gzip.
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().any(|value| {
        value.to_str().is_ok_and(|value| {
            value.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                let refused = parts.any(|parameter| {
                    parameter.strip_prefix("q=").is_some_and(|weight| {
                        weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0)
                    })
                });
                name.eq_ignore_ascii_case("gzip") && !refused
            })
        })
    })
}

/// The compressed answer, or `None` if it would not be shorter.
pub(crate) fn gzip(status: StatusCode, body: &Bytes) -> Option<Response<HttpBody>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    let compressed = encoder.finish().ok()?;
    if compressed.len() >= body.len() {
        return None;
    }
    let mut response = respond::json(status, compressed.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    Some(response)
}
