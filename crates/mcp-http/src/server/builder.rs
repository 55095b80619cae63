//! Setting a service up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::HeaderValue;
use http::request::Parts;
use mcp_core::Principal;
use mcp_core::server::Server;

use super::documents::Rendered;
use super::guard::Guard;
use super::service::{HttpService, Inner};

/// Says who asks.
pub(crate) type Authenticate =
    Arc<dyn Fn(&Parts) -> Result<Option<Principal>, AuthenticateError> + Send + Sync>;

/// Why a caller is turned away before its message is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticateError {
    /// 401 or 403, most often.
    pub status: StatusCode,
    /// The value of `WWW-Authenticate`, if any.
    pub challenge: Option<HeaderValue>,
}

impl fmt::Display for AuthenticateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the caller is turned away with HTTP status {}", self.status.as_u16())
    }
}

impl std::error::Error for AuthenticateError {}

/// Sets an [`HttpService`] up.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_core::server::Server;
/// use mcp_http::HttpService;
///
/// let server = Server::builder("app", "1.0.0").build()?;
/// let service = HttpService::builder(server)
///     .allow_host("mcp.example.com")
///     .allow_origin("https://app.example.com")
///     .max_body_bytes(1024 * 1024)
///     .keep_alive(Duration::from_secs(30))
///     .build();
/// # let _ = service;
/// # Ok::<(), mcp_core::server::BuildErrors>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct HttpServiceBuilder {
    inner: Inner,
}

/// Streams are kept alive no less often than this, and no more often than [`SHORTEST_PAUSE`].
const LONGEST_PAUSE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

impl HttpServiceBuilder {
    pub(crate) fn new(server: Server) -> Self {
        let documents = server.documents().iter().cloned().map(Rendered::new).collect();
        Self {
            inner: Inner {
                server,
                guard: Guard::default(),
                path: None,
                documents,
                max_body_bytes: 4 * 1024 * 1024,
                body_timeout: Duration::from_secs(30),
                keep_alive: Duration::from_secs(15),
                json_only: false,
                expose_parts: false,
                authenticate: None,
                #[cfg(feature = "compression")]
                compress_from: None,
            },
        }
    }

    /// Lets requests for this host in (`mcp.example.com`, with the port if it is in the address).
    pub fn allow_host(mut self, host: &str) -> Self {
        self.inner.guard.allow_host(host);
        self
    }

    /// Lets requests for each of these hosts in: see [`allow_host`](Self::allow_host).
    pub fn allow_hosts<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        for host in hosts {
            self.inner.guard.allow_host(host);
        }
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

    /// Lets pages of each of these origins in: see [`allow_origin`](Self::allow_origin).
    pub fn allow_origins<'a>(mut self, origins: impl IntoIterator<Item = &'a str>) -> Self {
        for origin in origins {
            self.inner.guard.allow_origin(origin);
        }
        self
    }

    /// The endpoint's path; others answer 404, but for the server's documents. Without it every
    /// path that the service is mounted at is the endpoint, and `/mcp` under [`serve`](crate::serve).
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
    /// seconds, at least 10 milliseconds.
    pub fn keep_alive(mut self, every: Duration) -> Self {
        self.inner.keep_alive = every.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        self
    }

    /// Answers with one JSON body also where the handler speaks before it answers; what it says is
    /// dropped. For platforms that cannot stream. Subscriptions alone remain streams: they are
    /// nothing else. Default `false`.
    pub fn json_only(mut self, json_only: bool) -> Self {
        self.inner.json_only = json_only;
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
    /// Event streams are never compressed: each event must leave at once.
    ///
    /// An answer that mixes secrets with text that a stranger may choose should not be compressed
    /// over HTTPS: its length gives the secret away (BREACH).
    #[cfg(feature = "compression")]
    pub fn compress_from(mut self, bytes: usize) -> Self {
        self.inner.compress_from = Some(bytes);
        self
    }

    /// Makes the service.
    #[must_use]
    pub fn build(self) -> HttpService {
        HttpService::from_inner(self.inner)
    }
}

impl fmt::Debug for HttpServiceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServiceBuilder").finish_non_exhaustive()
    }
}
