//! Documents beside the endpoint: rendered once, revalidated by `ETag`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use mcp_core::extension::Document;
use mcp_core::server::Server;

use super::body::HttpBody;
use super::{cors, respond};

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

    /// What the document says now; `None` if it cannot be rendered.
    fn current(&self, server: &Server) -> Option<Arc<Cached>> {
        let revision = server.revision();
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = &*cached
            && cached.revision == revision
        {
            return Some(Arc::clone(cached));
        }
        let render = AssertUnwindSafe(|| self.document.render(&server.view()).bytes);
        let Ok(bytes) = catch_unwind(render) else {
            tracing::error!(path = self.path(), "a document could not be rendered: it panicked");
            return None;
        };
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let etag = format!("\"{:016x}-{:x}\"", hasher.finish(), bytes.len());
        let etag = HeaderValue::from_str(&etag).ok()?;
        let fresh = Arc::new(Cached { revision, bytes, etag });
        *cached = Some(Arc::clone(&fresh));
        Some(fresh)
    }

    pub(crate) fn answer(
        &self,
        server: &Server,
        method: &Method,
        headers: &HeaderMap,
    ) -> Response<HttpBody> {
        let mut response = match *method {
            Method::GET | Method::HEAD => match self.current(server) {
                Some(current) => self.read(&current, method, headers),
                None => respond::internal(),
            },
            Method::OPTIONS => cors::document_preflight(),
            _ => {
                let mut response = respond::refused(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "this document can only be read",
                );
                response.headers_mut().insert(header::ALLOW, READ_ONLY);
                response
            }
        };
        cors::allow_anyone(response.headers_mut());
        response
    }

    fn read(&self, current: &Cached, method: &Method, headers: &HeaderMap) -> Response<HttpBody> {
        let mut response = if is_known(headers, &current.etag) {
            respond::bare(StatusCode::NOT_MODIFIED)
        } else {
            let is_head = method == Method::HEAD;
            let body =
                if is_head { HttpBody::empty() } else { HttpBody::whole(current.bytes.clone()) };
            let mut response = Response::new(body);
            let headers = response.headers_mut();
            let kind = HeaderValue::from_str(self.document.content_type()).unwrap_or(respond::JSON);
            headers.insert(header::CONTENT_TYPE, kind);
            if is_head {
                headers.insert(header::CONTENT_LENGTH, current.bytes.len().into());
            }
            response
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, current.etag.clone());
        headers.insert(header::CACHE_CONTROL, REVALIDATE);
        response
    }
}

/// Whether the client has this version already. RFC 9110, section 13.1.2: the comparison is weak.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|tags| {
        tags.to_str().is_ok_and(|tags| {
            tags.split(',').map(str::trim).any(|tag| {
                tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes()
            })
        })
    })
}
