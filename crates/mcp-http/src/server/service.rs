//! The service: one HTTP request to one HTTP answer.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use mcp_core::server::{RequestContext, Server, ServerMessage};
use mcp_core::{ClientMessage, Error, IncomingRequest, Principal, Rejection};

use super::body::{self, HttpBody, ReadError};
use super::documents::Rendered;
use super::guard::{Denied, Guard};
use super::{headers, respond};

/// An MCP endpoint as a [`tower_service::Service`].
///
/// Cheap to clone. Mounted in axum it answers every path that it is mounted at:
///
/// ```
/// # fn mount(server: mcp_core::server::Server) -> axum::Router {
/// axum::Router::new().route_service("/mcp", mcp_http::HttpService::new(server))
/// # }
/// ```
///
/// By default only this machine may ask: hosts and origins other than loopback ones are refused with
/// 403. See [`HttpServiceBuilder::allow_host`] and [`HttpServiceBuilder::allow_origin`].
#[derive(Clone)]
pub struct HttpService {
    inner: Arc<Inner>,
}

struct Inner {
    server: Server,
    guard: Guard,
    path: Option<Box<str>>,
    documents: Vec<Rendered>,
    max_body_bytes: usize,
    body_timeout: Duration,
    keep_alive: Duration,
    expose_parts: bool,
    authenticate: Option<Authenticate>,
    #[cfg(feature = "compression")]
    compress_from: Option<usize>,
}

type Authenticate =
    Arc<dyn Fn(&Parts) -> Result<Option<Principal>, AuthenticateError> + Send + Sync>;

/// Why a caller is turned away before its message is read.
#[derive(Debug, Clone)]
pub struct AuthenticateError {
    /// 401 or 403, most often.
    pub status: StatusCode,
    /// The value of `WWW-Authenticate`, if any.
    pub challenge: Option<HeaderValue>,
}

/// Sets an [`HttpService`] up.
#[must_use = "a builder does nothing until `build`"]
pub struct HttpServiceBuilder {
    inner: Inner,
}

impl HttpService {
    /// An endpoint with the defaults: see [`HttpServiceBuilder`].
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self::builder(server).build()
    }

    /// Begins to set an endpoint up.
    pub fn builder(server: Server) -> HttpServiceBuilder {
        let documents = server.documents().iter().cloned().map(Rendered::new).collect();
        HttpServiceBuilder {
            inner: Inner {
                server,
                guard: Guard::default(),
                path: None,
                documents,
                max_body_bytes: 4 * 1024 * 1024,
                body_timeout: Duration::from_secs(30),
                keep_alive: Duration::from_secs(15),
                expose_parts: false,
                authenticate: None,
                #[cfg(feature = "compression")]
                compress_from: None,
            },
        }
    }

    /// The server behind it.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.inner.server
    }
}

impl HttpServiceBuilder {
    /// Lets requests for this host in (`mcp.example.com`, with the port if it is in the address).
    pub fn allow_host(mut self, host: &str) -> Self {
        self.inner.guard.allow_host(host);
        self
    }

    /// Lets requests for any host in: for servers behind a proxy that checks it.
    pub fn allow_any_host(mut self) -> Self {
        self.inner.guard.allow_any_host();
        self
    }

    /// Lets pages of this origin in (`https://app.example.com`), and tells browsers so.
    pub fn allow_origin(mut self, origin: &str) -> Self {
        self.inner.guard.allow_origin(origin);
        self
    }

    /// Answers 404 for other paths. Without it every path is the endpoint.
    pub fn path(mut self, path: &str) -> Self {
        self.inner.path = Some(path.into());
        self
    }

    /// The longest message; a longer one answers 413. Default 4 MiB.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.inner.max_body_bytes = bytes;
        self
    }

    /// How long a client may take to send a message; then 408. Default 30 seconds.
    pub fn body_timeout(mut self, limit: Duration) -> Self {
        self.inner.body_timeout = limit;
        self
    }

    /// After how long an idle stream sends a comment, so that nobody takes it for dead. Default 15
    /// seconds.
    pub fn keep_alive(mut self, every: Duration) -> Self {
        self.inner.keep_alive = every.max(Duration::from_millis(10));
        self
    }

    /// Hands the request's head to handlers: `cx.transport_value::<http::request::Parts>()`.
    pub fn expose_parts(mut self, expose: bool) -> Self {
        self.inner.expose_parts = expose;
        self
    }

    /// Says who asks, from the request's head. Without it, a [`Principal`] among the request's
    /// extensions (put there by a layer in front) is taken.
    pub fn authenticate(
        mut self,
        authenticate: impl Fn(&Parts) -> Result<Option<Principal>, AuthenticateError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.inner.authenticate = Some(Arc::new(authenticate));
        self
    }

    /// Compresses JSON answers of at least so many bytes with gzip, for clients that accept it.
    #[cfg(feature = "compression")]
    pub fn compress_from(mut self, bytes: usize) -> Self {
        self.inner.compress_from = Some(bytes);
        self
    }

    /// Makes the service.
    #[must_use]
    pub fn build(self) -> HttpService {
        HttpService { inner: Arc::new(self.inner) }
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService").field("server", &self.inner.server.info().name).finish()
    }
}

impl<B> tower_service::Service<Request<B>> for HttpService
where
    B: Body + Send + 'static,
    B::Data: Buf + Send,
    B::Error: fmt::Display + Send,
{
    type Response = Response<HttpBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            Ok(inner.answer(parts, body).await)
        })
    }
}

impl Inner {
    async fn answer<B>(&self, parts: Parts, body: B) -> Response<HttpBody>
    where
        B: Body + Send,
        B::Data: Buf + Send,
        B::Error: fmt::Display,
    {
        if let Err(denied) = self.guard.check(&parts.uri, &parts.headers) {
            return respond::refused(
                StatusCode::FORBIDDEN,
                match denied {
                    Denied::Host => "requests for this host are not answered",
                    Denied::Origin => "requests from this origin are not answered",
                },
            );
        }
        let path = parts.uri.path();
        if let Some(document) = self.documents.iter().find(|document| document.path() == path) {
            return document.answer(&self.server, &parts.method, &parts.headers);
        }
        if self.path.as_deref().is_some_and(|endpoint| endpoint != path) {
            return respond::refused(StatusCode::NOT_FOUND, "there is nothing at this path");
        }
        let origin = parts.headers.get(header::ORIGIN).cloned();
        let mut response = if parts.method == Method::POST {
            self.post(parts, body).await
        } else if parts.method == Method::OPTIONS && origin.is_some() {
            preflight(&parts)
        } else {
            let mut response =
                respond::refused(StatusCode::METHOD_NOT_ALLOWED, "only POST is answered");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            response
        };
        if let Some(origin) = origin {
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        }
        response
    }

    async fn post<B>(&self, parts: Parts, body: B) -> Response<HttpBody>
    where
        B: Body + Send,
        B::Data: Buf + Send,
        B::Error: fmt::Display,
    {
        if !headers::is_json(&parts.headers) {
            return respond::refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type must be application/json",
            );
        }
        if !headers::accepts(&parts.headers) {
            return respond::refused(
                StatusCode::NOT_ACCEPTABLE,
                "both application/json and text/event-stream must be accepted",
            );
        }
        let principal = match &self.authenticate {
            Some(authenticate) => match authenticate(&parts) {
                Ok(principal) => principal,
                Err(error) => return denied(error),
            },
            None => parts.extensions.get::<Principal>().cloned(),
        };
        let read = body::read(body, self.max_body_bytes);
        let message = match tokio::time::timeout(self.body_timeout, read).await {
            Ok(Ok(message)) => message,
            Ok(Err(ReadError::TooLarge)) => {
                return respond::refused(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "the message is longer than this server reads",
                );
            }
            Ok(Err(ReadError::Broken)) => {
                return respond::refused(StatusCode::BAD_REQUEST, "the body broke off");
            }
            Err(_) => {
                return respond::refused(StatusCode::REQUEST_TIMEOUT, "the body came too slowly");
            }
        };
        match ClientMessage::parse(message) {
            Ok(ClientMessage::Request(request)) => self.request(parts, principal, request).await,
            Ok(ClientMessage::Notification(notification)) => {
                let context = self.context(parts, principal);
                match self.server.notify(notification, context).await {
                    Ok(()) => respond::bare(StatusCode::ACCEPTED),
                    Err(error) => {
                        respond::rejected(StatusCode::BAD_REQUEST, &Rejection { id: None, error })
                    }
                }
            }
            Err(rejection) => respond::rejected(StatusCode::BAD_REQUEST, &rejection),
        }
    }

    async fn request(
        &self,
        parts: Parts,
        principal: Option<Principal>,
        request: IncomingRequest,
    ) -> Response<HttpBody> {
        if let Err(error) = headers::check(&self.server, &request, &parts.headers) {
            let rejection = Rejection { id: Some(request.id().clone()), error };
            return respond::rejected(StatusCode::BAD_REQUEST, &rejection);
        }
        #[cfg(feature = "compression")]
        let compress_from =
            self.compress_from.filter(|_| super::compression::is_accepted(&parts.headers));
        let context = self.context(parts, principal);
        let mut exchange = self.server.dispatch(request, context);
        match exchange.next().await {
            Some(ServerMessage::Response(response)) => {
                let status = respond::status(response.kind);
                #[cfg(feature = "compression")]
                if compress_from.is_some_and(|least| response.body.len() >= least)
                    && let Some(compressed) = super::compression::gzip(status, &response.body)
                {
                    return compressed;
                }
                respond::json(status, response.body)
            }
            Some(ServerMessage::Notification(first)) => {
                respond::events(HttpBody::events(&first, exchange, self.keep_alive))
            }
            None => {
                let rejection = Rejection { id: None, error: Error::Internal };
                respond::rejected(StatusCode::INTERNAL_SERVER_ERROR, &rejection)
            }
        }
    }

    fn context(&self, parts: Parts, principal: Option<Principal>) -> RequestContext {
        let context = RequestContext::new().with_principal(principal);
        if self.expose_parts { context.with_value(parts) } else { context }
    }
}

fn denied(error: AuthenticateError) -> Response<HttpBody> {
    let mut response = respond::refused(error.status, "the caller is not allowed to ask");
    if let Some(challenge) = error.challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Tells a browser what pages of an allowed origin may send.
fn preflight(parts: &Parts) -> Response<HttpBody> {
    const MAX_AGE: HeaderName = header::ACCESS_CONTROL_MAX_AGE;
    let mut response = respond::bare(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    if let Some(wanted) = parts.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    headers.insert(MAX_AGE, HeaderValue::from_static("600"));
    response
}
