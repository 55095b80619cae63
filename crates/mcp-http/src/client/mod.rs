//! The client's side: each message is a POST of its own, answered by JSON or by a stream of events.
//!
//! Source: specification, *Streamable HTTP → Sending messages* and *Receiving messages*.

mod answer;
mod builder;
mod connector;

pub use builder::{HttpTransportBuilder, HttpTransportError};

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, Uri};
use hyper::body::Incoming;
use mcp_core::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, TransportError,
};
use mcp_core::header_value::encode;

use crate::client::connector::{Connector, OneBody};

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const BOTH_FORMS: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Adds headers to each request, such as a fresh access token.
pub(crate) type HeaderHook = Arc<dyn Fn(&mut HeaderMap) + Send + Sync>;

/// A connection to an MCP endpoint over HTTP.
///
/// Connections are kept and shared between requests; a request that is dropped closes its own, which
/// cancels it. Redirects are not followed. With feature `tls` it also speaks HTTPS.
///
/// ```
/// use mcp_http::HttpTransport;
///
/// let transport = HttpTransport::new("http://127.0.0.1:8080/mcp")?;
/// # let _ = transport;
/// # Ok::<(), mcp_http::HttpTransportError>(())
/// ```
pub struct HttpTransport {
    pub(crate) uri: Uri,
    pub(crate) connector: Connector,
    pub(crate) headers: HeaderMap,
    pub(crate) hook: Option<HeaderHook>,
    pub(crate) max_message_bytes: usize,
    pub(crate) closed: AtomicBool,
}

impl HttpTransport {
    /// A transport to an endpoint, with the defaults.
    ///
    /// # Errors
    /// If the address is no `http:` address (or `https:`, with feature `tls`).
    pub fn new(url: &str) -> Result<Self, HttpTransportError> {
        Self::builder(url).build()
    }

    /// Begins to set a transport up.
    pub fn builder(url: &str) -> HttpTransportBuilder {
        HttpTransportBuilder::new(url)
    }

    async fn post(
        &self,
        method: &str,
        version: &str,
        body: Bytes,
        name: Option<&str>,
        params: &[(String, String)],
    ) -> Result<Response<Incoming>, TransportError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(TransportError::Closed);
        }
        let mut request = Request::new(OneBody::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(header::ACCEPT, BOTH_FORMS);
        headers.insert(PROTOCOL_VERSION, value(version)?);
        headers.insert(METHOD, value(method)?);
        if let Some(name) = name {
            headers.insert(NAME, value(&encode(name))?);
        }
        for (name, param) in params {
            let key = HeaderName::from_bytes(format!("mcp-param-{name}").as_bytes())
                .map_err(|_| TransportError::Malformed("a header name of a tool".to_owned()))?;
            headers.insert(key, value(&encode(param))?);
        }
        if let Some(hook) = &self.hook {
            hook(headers);
        }
        self.connector.send(request).await
    }
}

fn value(text: &str) -> Result<HeaderValue, TransportError> {
    HeaderValue::from_str(text)
        .map_err(|_| TransportError::Malformed("a value that no header can hold".to_owned()))
}

#[async_trait]
impl ClientTransport for HttpTransport {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        let response = self
            .post(
                &request.method,
                &request.protocol_version,
                request.body,
                request.name.as_deref(),
                &request.param_headers,
            )
            .await?;
        answer::messages(response, self.max_message_bytes).await
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        let OutgoingNotification { method, body, protocol_version } = notification;
        let response = self.post(&method, &protocol_version, body, None, &[]).await?;
        answer::accepted(response, self.max_message_bytes).await
    }

    fn mirrors_parameters(&self) -> bool {
        true
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

/// Shows no headers: they may hold secrets. Nor the address's query.
impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("host", &self.uri.host())
            .field("path", &self.uri.path())
            .finish_non_exhaustive()
    }
}
