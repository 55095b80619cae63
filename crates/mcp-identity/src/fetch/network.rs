//! The way to the network.

use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A connection: bytes in both directions.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Looks names up and connects. A [`Fetcher`](super::Fetcher) looks a name up once for each request, checks
/// what comes back, and connects to an address of exactly that answer.
///
/// To be implemented by those who look names up in their own way, and by tests, which can give another answer
/// each time. Whatever stands behind it must not look anything up in `connect`.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// The addresses of a host, by its name in small letters.
    ///
    /// # Errors
    /// If nobody knows the name, or nobody can be asked.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// Connects to this address and to no other.
    ///
    /// # Errors
    /// If it cannot be reached.
    async fn connect(&self, address: SocketAddr) -> io::Result<Box<dyn Connection>>;
}

/// The system's resolver and its network. Proxies of the environment are not used: a proxy looks names up
/// itself, so that what it connects to cannot be checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNetwork;

#[async_trait]
impl Network for SystemNetwork {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        // The resolver wants a port and does nothing with it.
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<Box<dyn Connection>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}
