//! The client's side: each message is a POST of its own, answered by JSON or by a stream of events.
//!
//! Source: specification, *Streamable HTTP → Sending messages* and *Receiving messages*.

mod answer;
mod builder;
mod connector;
mod credentials;
mod resolve;

pub use builder::{HttpTransportBuilder, HttpTransportError};
pub use credentials::{Credentials, CredentialsError};
pub use resolve::{Resolve, Resolving};

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use mcp_core::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, TransportError,
};
use mcp_core::header_value::encode;
use mcp_core::transport::Network;
use mcp_core::{Shutdown, ShutdownTrigger};

use crate::client::connector::{Connector, OneBody};

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const BOTH_FORMS: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Changes the headers of each request.
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
    pub(crate) credentials: Option<Arc<dyn Credentials>>,
    pub(crate) max_message_bytes: usize,
    pub(crate) closing: ShutdownTrigger,
    pub(crate) closed: Shutdown,
}

/// What a POST carries.
struct Outgoing<'a> {
    method: &'a str,
    version: &'a str,
    body: Bytes,
    name: Option<&'a str>,
    params: &'a [(String, String)],
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

    /// Sends a message; once more if that may help against a refusal.
    async fn post(&self, outgoing: Outgoing<'_>) -> Result<Response<Incoming>, TransportError> {
        let response = self.post_once(&outgoing).await?;
        let (Some(credentials), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =
            (&self.credentials, response.status())
        else {
            return Ok(response);
        };
        let again = credentials.refused(response.status(), response.headers()).await;
        if !again.map_err(TransportError::Credentials)? {
            return Ok(response);
        }
        drop(response);
        self.post_once(&outgoing).await
    }

    async fn post_once(
        &self,
        outgoing: &Outgoing<'_>,
    ) -> Result<Response<Incoming>, TransportError> {
        let mut request = Request::new(OneBody::new(outgoing.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(header::ACCEPT, BOTH_FORMS);
        headers.insert(PROTOCOL_VERSION, value(outgoing.version)?);
        headers.insert(METHOD, value(outgoing.method)?);
        if let Some(name) = outgoing.name {
            headers.insert(NAME, value(&encode(name))?);
        }
        for (name, param) in outgoing.params {
            let key = HeaderName::from_bytes(format!("mcp-param-{name}").as_bytes())
                .map_err(|_| TransportError::Malformed("a header name of a tool".to_owned()))?;
            headers.insert(key, value(&encode(param))?);
        }
        if let Some(credentials) = &self.credentials {
            let authorization =
                credentials.authorization().await.map_err(TransportError::Credentials)?;
            if let Some(mut authorization) = authorization {
                authorization.set_sensitive(true);
                headers.insert(header::AUTHORIZATION, authorization);
            }
        }
        if let Some(hook) = &self.hook {
            hook(headers);
        }
        self.connector.send(request).await
    }

    /// Does something until the transport is closed.
    async fn unless_closed<T>(
        &self,
        doing: impl Future<Output = Result<T, TransportError>>,
    ) -> Result<T, TransportError> {
        tokio::select! {
            biased;
            () = self.closed.requested() => Err(TransportError::Closed),
            done = doing => done,
        }
    }
}

fn value(text: &str) -> Result<HeaderValue, TransportError> {
    HeaderValue::from_str(text)
        .map_err(|_| TransportError::Malformed("a value that no header can hold".to_owned()))
}

#[async_trait]
impl ClientTransport for HttpTransport {
    fn network(&self) -> Option<Network> {
        Some(Network::Tcp)
    }

    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        self.unless_closed(async {
            let outgoing = Outgoing {
                method: &request.method,
                version: &request.protocol_version,
                body: request.body,
                name: request.name.as_deref(),
                params: &request.param_headers,
            };
            let response = self.post(outgoing).await?;
            answer::messages(response, self.max_message_bytes, &self.closed).await
        })
        .await
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        self.unless_closed(async {
            let outgoing = Outgoing {
                method: &notification.method,
                version: &notification.protocol_version,
                body: notification.body,
                name: None,
                params: &[],
            };
            let response = self.post(outgoing).await?;
            answer::accepted(response, self.max_message_bytes).await
        })
        .await
    }

    fn mirrors_parameters(&self) -> bool {
        true
    }

    async fn close(&self) {
        self.closing.request();
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
