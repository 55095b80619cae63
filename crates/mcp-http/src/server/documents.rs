//! Documents beside the endpoint: rendered once, revalidated by `ETag`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use mcp_core::extension::Document;
use mcp_core::server::Server;

use super::body::HttpBody;
use super::respond;

const ANYONE: HeaderValue = HeaderValue::from_static("*");
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, max-age=60");
const READ_ONLY: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// A document with what was rendered last.
pub(crate) struct Rendered {
    document: Document,
    cached: Mutex<Option<Arc<Cached>>>,
}

struct Cached {
    /// The server's revision that it was rendered from.
    revision: u64,
    bytes: Bytes,
    etag: HeaderValue,
}

impl Rendered {
    pub(crate) fn new(document: Document) -> Self {
        Self { document, cached: Mutex::new(None) }
    }

    pub(crate) fn path(&self) -> &str {
        self.document.path()
    }

    fn current(&self, server: &Server) -> Arc<Cached> {
        let revision = server.revision();
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some(cached) if cached.revision == revision => Arc::clone(cached),
            _ => {
                let bytes = self.document.render(&server.view()).bytes;
                let mut hasher = DefaultHasher::new();
                bytes.hash(&mut hasher);
                let etag = format!("\"{:016x}-{:x}\"", hasher.finish(), bytes.len());
                let etag =
                    HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"-\""));
                let fresh = Arc::new(Cached { revision, bytes, etag });
                *cached = Some(Arc::clone(&fresh));
                fresh
            }
        }
    }

    pub(crate) fn answer(
        &self,
        server: &Server,
        method: &Method,
        headers: &HeaderMap,
    ) -> Response<HttpBody> {
        if method != Method::GET && method != Method::HEAD {
            let mut response =
                respond::refused(StatusCode::METHOD_NOT_ALLOWED, "this document can only be read");
            response.headers_mut().insert(header::ALLOW, READ_ONLY);
            return response;
        }
        let current = self.current(server);
        let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|tags| {
            tags.to_str().is_ok_and(|tags| {
                tags.split(',').map(str::trim).any(|tag| {
                    tag == "*" || tag.trim_start_matches("W/").as_bytes() == current.etag.as_bytes()
                })
            })
        });
        let mut response = if known {
            respond::bare(StatusCode::NOT_MODIFIED)
        } else {
            let body = if method == Method::HEAD {
                HttpBody::empty()
            } else {
                HttpBody::whole(current.bytes.clone())
            };
            let mut response = Response::new(body);
            let kind = HeaderValue::from_str(self.document.content_type()).unwrap_or(respond::JSON);
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, current.etag.clone());
        headers.insert(header::CACHE_CONTROL, REVALIDATE);
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYONE);
        response
    }
}
