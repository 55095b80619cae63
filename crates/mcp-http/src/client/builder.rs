//! Setting a client transport up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Uri, uri::Scheme};

use mcp_core::Shutdown;

use crate::client::connector::{ConnectOptions, Connector};
use crate::client::resolve::{Resolve, Resolver};
use crate::client::{Credentials, HeaderHook, HttpTransport};

/// Why a transport cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpTransportError {
    /// The address is none, or has no host.
    #[error("the address is malformed")]
    Address,
    /// The address has a user name or a password. They would not be sent: set a header, or
    /// [`credentials`](HttpTransportBuilder::credentials).
    #[error("the address must not have a user name or password")]
    UserInfo,
    /// The address's scheme is not spoken.
    #[error("`{0}:` is not spoken here (`https:` needs the feature `tls`)")]
    Scheme(String),
    /// A header is malformed. Its value is not shown: it may be a secret.
    #[error("the header `{0}` is malformed")]
    Header(String),
    /// The system's certificates could not be loaded.
    #[error("the system's certificates could not be loaded")]
    Certificates,
}

/// Sets an [`HttpTransport`] up.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_http::HttpTransport;
///
/// let transport = HttpTransport::builder("http://127.0.0.1:8080/mcp")
///     .header("X-Tenant", "blue")
///     .connect_timeout(Duration::from_secs(3))
///     .build()?;
/// # let _ = transport;
/// # Ok::<(), mcp_http::HttpTransportError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct HttpTransportBuilder {
    url: String,
    headers: Vec<(String, String)>,
    hook: Option<HeaderHook>,
    credentials: Option<Arc<dyn Credentials>>,
    max_message_bytes: usize,
    connect: ConnectOptions,
}

impl HttpTransportBuilder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            headers: Vec::new(),
            hook: None,
            credentials: None,
            max_message_bytes: 16 * 1024 * 1024,
            connect: ConnectOptions::default(),
        }
    }

    /// Sends a header with every request, such as `Authorization`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Asks for the `Authorization` of every request, and tells when it was refused: for tokens that
    /// change.
    pub fn credentials(mut self, credentials: impl Credentials) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// Calls `hook` on the headers of every request before it is sent.
    pub fn header_hook(mut self, hook: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// The longest message that is read. Default 16 MiB.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// How long connecting may take. Default 10 seconds.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect.timeout = limit;
        self
    }

    /// Looks the server's name up in another way than the system's.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.connect.resolver = Resolver::Given(Arc::new(resolver));
        self
    }

    /// Says whom to trust and what to show over HTTPS: certificate authorities of one's own, client
    /// certificates. Without it the system's authorities are trusted. The versions of HTTP in it are
    /// replaced.
    #[cfg(feature = "tls")]
    pub fn tls_config(mut self, config: rustls::ClientConfig) -> Self {
        self.connect.tls = Some(config);
        self
    }

    /// Makes the transport. It connects with the first request.
    ///
    /// # Errors
    /// If the address or a header is malformed.
    pub fn build(self) -> Result<HttpTransport, HttpTransportError> {
        let uri: Uri = self.url.parse().map_err(|_| HttpTransportError::Address)?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(HttpTransportError::Address);
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(HttpTransportError::UserInfo);
        }
        let scheme = uri.scheme().ok_or(HttpTransportError::Address)?;
        let spoken = *scheme == Scheme::HTTP || (*scheme == Scheme::HTTPS && cfg!(feature = "tls"));
        if !spoken {
            return Err(HttpTransportError::Scheme(scheme.to_string()));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let malformed = || HttpTransportError::Header(name.clone());
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| malformed())?;
            value.set_sensitive(true);
            headers.append(key, value);
        }
        let (closing, closed) = Shutdown::new();
        Ok(HttpTransport {
            connector: Connector::new(self.connect)?,
            uri,
            headers,
            hook: self.hook,
            credentials: self.credentials,
            max_message_bytes: self.max_message_bytes,
            closing,
            closed,
        })
    }
}

/// Shows no headers: they may hold secrets. Nor the address, whose query may.
impl fmt::Debug for HttpTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransportBuilder").finish_non_exhaustive()
    }
}
