//! What carries messages, for those who watch.

/// What carries messages, in the words of OpenTelemetry's attribute `network.transport`. Shown in
/// spans; nothing is decided by it.
///
/// ```
/// use mcp_core::server::RequestContext;
/// use mcp_core::transport::Network;
///
/// let context = RequestContext::new().with_network(Network::Unix);
/// assert_eq!(Network::Pipe.as_str(), "pipe");
/// # let _ = context;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// Standard input and output, and other pipes.
    Pipe,
    /// TCP, which HTTP up to version 2 runs over.
    Tcp,
    /// QUIC, which HTTP/3 runs over.
    Quic,
    /// A Unix domain socket.
    Unix,
}

impl Network {
    /// The attribute's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pipe => "pipe",
            Self::Tcp => "tcp",
            Self::Quic => "quic",
            Self::Unix => "unix",
        }
    }
}
