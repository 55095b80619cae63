//! Looking up the name of a server.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// What a lookup gives.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks up the name of a server, once for each new connection, which then goes to one of exactly these addresses. Without one the
/// system is asked.
///
/// With it a program decides where its connections go: to addresses that it has checked and that cannot change between check and
/// use, to a directory of services, to a server of a test. Hosts that are addresses already are not looked up.
///
/// ```
/// use std::net::SocketAddr;
///
/// use mcp_http::HttpTransport;
///
/// let transport = HttpTransport::builder("http://docs.test/mcp")
///     .resolver(|_host: String| async { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]) })
///     .build()?;
/// # let _ = transport;
/// # Ok::<(), mcp_http::HttpTransportError>(())
/// ```
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of a host, by its name as the server's URL has it. Their ports count only if the URL names none, and 0 stands for its
    /// scheme's.
    ///
    /// # Errors
    /// Whatever keeps the addresses from being known, or the connection from being made. The request then fails with
    /// [`TransportError::Connect`](mcp_core::client::transport::TransportError::Connect) and its text.
    fn resolve(&self, host: &str) -> Resolving;
}

impl<F, Fut> Resolve for F
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
{
    fn resolve(&self, host: &str) -> Resolving {
        Box::pin(self(host.to_owned()))
    }
}

/// Either, as hyper's connector wants it.
#[derive(Clone)]
pub(crate) enum Resolver {
    System(GaiResolver),
    Given(Arc<dyn Resolve>),
}

impl Default for Resolver {
    fn default() -> Self {
        Self::System(GaiResolver::new())
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::System(system) => system.poll_ready(cx),
            Self::Given(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, name: Name) -> Self::Future {
        match self {
            Self::System(system) => {
                let looking = system.call(name);
                Box::pin(async move { Ok(looking.await?.collect::<Vec<_>>().into_iter()) })
            }
            Self::Given(given) => {
                let looking = given.resolve(name.as_str());
                Box::pin(async move { Ok(looking.await?.into_iter()) })
            }
        }
    }
}
