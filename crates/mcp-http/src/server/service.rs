//! The service: one HTTP request to one HTTP answer.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use mcp_core::protocol::methods;
use mcp_core::server::{Exchange, RequestContext, Server, ServerMessage};
use mcp_core::transport::Network;
use mcp_core::{ClientMessage, IncomingNotification, Principal, Rejection};

use super::body::{self, HttpBody, ReadError};
use super::builder::{Authenticate, AuthenticateError, HttpServiceBuilder};
use super::documents::Rendered;
use super::guard::{Denied, Guard};
use super::{cors, headers, respond};

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
/// A server whose extensions publish documents is mounted with
/// [`path`](HttpServiceBuilder::path) as the fallback, so that the documents are at their own paths.
///
/// By default only this machine may ask: hosts and origins other than loopback ones are refused with
/// 403. See [`HttpServiceBuilder::allow_host`] and [`HttpServiceBuilder::allow_origin`].
#[derive(Clone)]
pub struct HttpService {
    inner: Arc<Inner>,
    /// The endpoint's path if none was set.
    default_path: Option<&'static str>,
}

pub(crate) struct Inner {
    pub(crate) server: Server,
    pub(crate) guard: Guard,
    pub(crate) path: Option<Box<str>>,
    pub(crate) documents: Vec<Rendered>,
    pub(crate) max_body_bytes: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) json_only: bool,
    pub(crate) expose_parts: bool,
    pub(crate) authenticate: Option<Authenticate>,
    #[cfg(feature = "compression")]
    pub(crate) compress_from: Option<usize>,
}

impl HttpService {
    /// An endpoint with the defaults: see [`HttpServiceBuilder`].
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self::builder(server).build()
    }

    /// Begins to set an endpoint up.
    pub fn builder(server: Server) -> HttpServiceBuilder {
        HttpServiceBuilder::new(server)
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), default_path: None }
    }

    /// The same endpoint, at `path` if it has no path of its own.
    pub(crate) fn or_at(mut self, path: &'static str) -> Self {
        self.default_path = Some(path);
        self
    }

    /// The server behind it.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.inner.server
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
        let default_path = self.default_path;
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            Ok(inner.answer(parts, body, default_path).await)
        })
    }
}

impl Inner {
    async fn answer<B>(
        &self,
        parts: Parts,
        body: B,
        default_path: Option<&str>,
    ) -> Response<HttpBody>
    where
        B: Body + Send,
        B::Data: Buf + Send,
        B::Error: fmt::Display,
    {
        let path = parts.uri.path();
        let document = self.documents.iter().find(|document| document.path() == path);
        if let Err(denied) = self.guard.check_host(&parts.uri, &parts.headers) {
            return self.unread(&parts, body, forbidden(denied)).await;
        }
        if let Some(document) = document {
            // Documents are for everyone, pages of any origin included.
            let answer = document.answer(&self.server, &parts.method, &parts.headers);
            return self.unread(&parts, body, answer).await;
        }
        if let Err(denied) = self.guard.check_origin(&parts.headers) {
            return self.unread(&parts, body, forbidden(denied)).await;
        }
        let origin = parts.headers.get(header::ORIGIN).cloned();
        let mut response = match self.head(&parts, default_path) {
            Ok(principal) => self.post(parts, principal, body).await,
            Err(answer) => self.unread(&parts, body, *answer).await,
        };
        if let Some(origin) = origin {
            cors::allow(origin, response.headers_mut());
        }
        response
    }

    /// Decides by a request's head alone: who asks, or the answer.
    fn head(
        &self,
        parts: &Parts,
        default_path: Option<&str>,
    ) -> Result<Option<Principal>, Box<Response<HttpBody>>> {
        let refused = |status, reason| Err(Box::new(respond::refused(status, reason)));
        let endpoint = self.path.as_deref().or(default_path);
        if endpoint.is_some_and(|endpoint| endpoint != parts.uri.path()) {
            return refused(StatusCode::NOT_FOUND, "there is nothing at this path");
        }
        if parts.method == Method::OPTIONS && parts.headers.contains_key(header::ORIGIN) {
            return Err(Box::new(cors::preflight(parts)));
        }
        if parts.method != Method::POST {
            let mut response =
                respond::refused(StatusCode::METHOD_NOT_ALLOWED, "only POST is answered");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return Err(Box::new(response));
        }
        if !headers::is_json(&parts.headers) {
            return refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type must be application/json",
            );
        }
        if !headers::accepts(&parts.headers) {
            return refused(
                StatusCode::NOT_ACCEPTABLE,
                "both application/json and text/event-stream must be accepted",
            );
        }
        match &self.authenticate {
            Some(authenticate) => authenticate(parts).map_err(|error| Box::new(denied(error))),
            None => Ok(parts.extensions.get::<Principal>().cloned()),
        }
    }

    /// An answer that does not depend on the body.
    async fn unread<B>(
        &self,
        parts: &Parts,
        body: B,
        answer: Response<HttpBody>,
    ) -> Response<HttpBody>
    where
        B: Body + Send,
        B::Data: Buf + Send,
    {
        // A client that waits for `100 Continue` sends no body when it is answered instead.
        if !parts.headers.contains_key(header::EXPECT) {
            // Boxed, since it is seldom and every request would keep room for it.
            Box::pin(body::discard(body)).await;
        }
        answer
    }

    async fn post<B>(
        &self,
        parts: Parts,
        principal: Option<Principal>,
        body: B,
    ) -> Response<HttpBody>
    where
        B: Body + Send,
        B::Data: Buf + Send,
        B::Error: fmt::Display,
    {
        let may_discard = !parts.headers.contains_key(header::EXPECT);
        let read = body::read(body, self.max_body_bytes, may_discard);
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
        // What is known now is decided without waiting, so that little is kept while waiting.
        let (mut exchange, form) = match self.begin(parts, principal, message) {
            Begun::Request(exchange, form) => (exchange, form),
            Begun::Notification(handling) => return handling.await,
            Begun::Refused(rejection) => {
                return respond::rejected(StatusCode::BAD_REQUEST, &rejection);
            }
        };
        match first(&mut exchange, form.may_stream).await {
            Some(ServerMessage::Response(response)) => {
                let status = respond::status(response.kind);
                #[cfg(feature = "compression")]
                if let Some(least) = form.compress_from {
                    return super::compression::json(status, response.body, least);
                }
                respond::json(status, response.body)
            }
            Some(ServerMessage::Notification(first)) => {
                respond::events(HttpBody::events(&first, exchange, self.keep_alive))
            }
            None => respond::internal(),
        }
    }

    /// Reads the message and starts its answer.
    fn begin(&self, parts: Parts, principal: Option<Principal>, message: Vec<u8>) -> Begun<'_> {
        let request = match ClientMessage::parse(message) {
            Ok(ClientMessage::Request(request)) => request,
            Ok(ClientMessage::Notification(notification)) => {
                let context = self.context(parts, principal);
                return Begun::Notification(Box::pin(self.notified(notification, context)));
            }
            Err(rejection) => return Begun::Refused(Box::new(rejection)),
        };
        if let Err(error) = headers::check(&self.server, &request, &parts.headers) {
            let id = Some(request.id().clone());
            return Begun::Refused(Box::new(Rejection { id, error }));
        }
        let form = Form {
            may_stream: !self.json_only || request.method() == methods::SUBSCRIPTIONS_LISTEN,
            #[cfg(feature = "compression")]
            compress_from: self
                .compress_from
                .filter(|_| super::compression::is_accepted(&parts.headers)),
        };
        Begun::Request(self.server.dispatch(request, self.context(parts, principal)), form)
    }

    async fn notified(
        &self,
        notification: IncomingNotification,
        context: RequestContext,
    ) -> Response<HttpBody> {
        match self.server.notify(notification, context).await {
            Ok(()) => respond::bare(StatusCode::ACCEPTED),
            Err(error) => {
                respond::rejected(StatusCode::BAD_REQUEST, &Rejection { id: None, error })
            }
        }
    }

    fn context(&self, parts: Parts, principal: Option<Principal>) -> RequestContext {
        let context = RequestContext::new().with_principal(principal).with_network(Network::Tcp);
        if self.expose_parts { context.with_value(parts) } else { context }
    }
}

/// A message that was read, and what came of it.
enum Begun<'a> {
    Request(Exchange, Form),
    Notification(Pin<Box<dyn Future<Output = Response<HttpBody>> + Send + 'a>>),
    Refused(Box<Rejection>),
}

/// Which forms an answer may have.
struct Form {
    may_stream: bool,
    #[cfg(feature = "compression")]
    compress_from: Option<usize>,
}

/// The message that decides about the form of the answer.
async fn first(exchange: &mut Exchange, may_stream: bool) -> Option<ServerMessage> {
    loop {
        match exchange.next().await? {
            ServerMessage::Notification(_) if !may_stream => {}
            message => return Some(message),
        }
    }
}

fn forbidden(denied: Denied) -> Response<HttpBody> {
    let reason = match denied {
        Denied::Host => "requests for this host are not answered",
        Denied::Origin => "requests from this origin are not answered",
    };
    respond::refused(StatusCode::FORBIDDEN, reason)
}

fn denied(error: AuthenticateError) -> Response<HttpBody> {
    let mut response = respond::refused(error.status, "the caller is not allowed to ask");
    if let Some(challenge) = error.challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}
