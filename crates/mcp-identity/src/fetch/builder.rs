//! Setting a fetcher up.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_rustls::TlsConnector;

use super::cache::{Cache, CacheLimits};
use super::policy::{Policy, PortPolicy};
use super::{Fetcher, Inner, Network, SystemNetwork};

/// What one fetch may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchLimits {
    /// Time in all, redirects included. Default 20 s.
    pub total: Duration,
    /// Time to look a host up, and time to connect to one of its addresses and agree on encryption. Default
    /// 5 s each.
    pub connect: Duration,
    /// Time for the head of an answer, and for each further piece of it. Default 5 s.
    pub idle: Duration,
    /// Bytes of a document. Default 1 MiB.
    pub body: usize,
    /// Bytes of an answer's head; at least 8 KiB. Default 16 KiB.
    pub head: usize,
    /// Redirects. Default 5.
    pub redirects: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(20),
            connect: Duration::from_secs(5),
            idle: Duration::from_secs(5),
            body: 1024 * 1024,
            head: 16 * 1024,
            redirects: 5,
        }
    }
}

impl FetchLimits {
    /// Bytes of a connection in all: what a handshake, a head and a body in small chunks need.
    pub(super) fn wire(&self) -> u64 {
        (128 * 1024 + 2 * self.head as u64).saturating_add((self.body as u64).saturating_mul(8))
    }
}

/// Why a fetcher cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetcherBuildError {
    /// The system has no certificates of authorities, or none that can be read.
    #[error("the system's certificates could not be loaded")]
    Certificates,
    /// The versions of TLS that are needed are not there.
    #[error("encryption cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The program's name cannot be sent.
    #[error("the user agent is no text that a header can have")]
    UserAgent,
}

/// Sets a [`Fetcher`] up.
///
/// ```
/// use mcp_identity::fetch::{FetchLimits, Fetcher};
///
/// let mut limits = FetchLimits::default();
/// limits.body = 64 * 1024;
/// let builder = Fetcher::builder().limits(limits).user_agent("example/1.0");
/// # let _ = builder;
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct FetcherBuilder {
    network: Box<dyn Network>,
    tls: Option<rustls::ClientConfig>,
    limits: FetchLimits,
    policy: Policy,
    cache: CacheLimits,
    user_agent: String,
}

impl FetcherBuilder {
    pub(super) fn new() -> Self {
        Self {
            network: Box::new(SystemNetwork),
            tls: None,
            limits: FetchLimits::default(),
            policy: Policy { loopback: false, ports: PortPolicy::default() },
            cache: CacheLimits::default(),
            user_agent: concat!("mcp-identity/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// Lets it ask this machine, over `https:` and `http:`, at any port. For tests and development: whoever
    /// can name an address can then make this program ask whatever listens here.
    pub fn allow_loopback(mut self, allow: bool) -> Self {
        self.policy.loopback = allow;
        self
    }

    /// From which ports documents are fetched.
    pub fn ports(mut self, ports: PortPolicy) -> Self {
        self.policy.ports = ports;
        self
    }

    /// What one fetch may cost.
    pub fn limits(mut self, limits: FetchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How much is kept of what was fetched.
    pub fn cache(mut self, limits: CacheLimits) -> Self {
        self.cache = limits;
        self
    }

    /// What the program calls itself. Default `mcp-identity/` and the version.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Looks names up and connects in another way than the system's.
    pub fn network(mut self, network: impl Network) -> Self {
        self.network = Box::new(network);
        self
    }

    /// Says whom to trust over HTTPS. Without it the system's authorities are trusted. A client certificate in it
    /// is shown to every host.
    pub fn tls_config(mut self, config: rustls::ClientConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Builds the fetcher.
    ///
    /// # Errors
    /// If encryption cannot be set up, or the system has no certificates. Where this machine may be asked, the latter is no error:
    /// then it alone can be.
    pub fn build(self) -> Result<Fetcher, FetcherBuildError> {
        http::HeaderValue::from_str(&self.user_agent).map_err(|_| FetcherBuildError::UserAgent)?;
        let mut tls = match self.tls {
            Some(config) => config,
            None => match system_trust() {
                // Enough for http: on this machine; nobody else is trusted then.
                Err(FetcherBuildError::Certificates) if self.policy.loopback => {
                    trusting(rustls::RootCertStore::empty())?
                }
                trust => trust?,
            },
        };
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut limits = self.limits;
        // hyper reads no less.
        limits.head = limits.head.max(8 * 1024);
        Ok(Fetcher {
            inner: Arc::new(Inner {
                network: self.network,
                tls: TlsConnector::from(Arc::new(tls)),
                limits,
                policy: self.policy,
                user_agent: self.user_agent,
                cache: Mutex::new(Cache::new(self.cache)),
            }),
        })
    }
}

/// Trusts the authorities that the system trusts.
fn system_trust() -> Result<rustls::ClientConfig, FetcherBuildError> {
    let mut roots = rustls::RootCertStore::empty();
    let loaded = rustls_native_certs::load_native_certs();
    for error in loaded.errors {
        tracing::debug!(%error, "some of the system's certificates could not be loaded");
    }
    let (added, _) = roots.add_parsable_certificates(loaded.certs);
    if added == 0 { Err(FetcherBuildError::Certificates) } else { trusting(roots) }
}

fn trusting(roots: rustls::RootCertStore) -> Result<rustls::ClientConfig, FetcherBuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(FetcherBuildError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

impl fmt::Debug for FetcherBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetcherBuilder")
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
