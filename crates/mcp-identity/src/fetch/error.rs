//! Why a document was not fetched.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::{AddressKind, UrlError};

/// Why a document was not fetched, and at which address that turned out: the one that was asked for, or
/// one that it redirected to.
#[derive(Debug, thiserror::Error)]
#[error("{at}: {refusal}")]
#[non_exhaustive]
pub struct FetchError {
    /// The address. Printable ASCII, whoever wrote it.
    pub at: String,
    /// Why.
    #[source]
    pub refusal: Refusal,
}

/// Which limit of time passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waited {
    /// The one for looking up, connecting and agreeing on encryption, together.
    Connect,
    /// The one for the next piece of the answer.
    Idle,
    /// The one for everything, redirects included.
    Total,
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "to be connected",
            Self::Idle => "for the next piece",
            Self::Total => "in all",
        })
    }
}

/// Why a document was not fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// An address cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The address is `http:`.
    #[error("plain http: is not used")]
    Insecure,
    /// The port is one that documents are not fetched from.
    #[error("the port {0} is not used")]
    Port(u16),
    /// The host is, or resolves to, an address that is not on the public network.
    #[error("{address} is not on the public network ({kind})")]
    Address {
        /// What kind it is instead.
        kind: AddressKind,
        /// The address.
        address: IpAddr,
    },
    /// The host resolves to addresses of this machine and to others.
    #[error("the host is this machine and another one")]
    MixedAddresses,
    /// The host's name is not known, or nobody could be asked.
    #[error("the host cannot be looked up: {0}")]
    Resolve(#[source] io::Error),
    /// The host's name has no address.
    #[error("the host has no address")]
    NoAddress,
    /// The host's name has more addresses than are looked at.
    #[error("the host has more than {limit} addresses")]
    TooManyAddresses {
        /// How many are looked at.
        limit: usize,
    },
    /// None of the addresses answered; this is why the last one did not.
    #[error("the host cannot be reached: {0}")]
    Connect(#[source] io::Error),
    /// No encrypted connection came about: a certificate that is not good, no common version.
    #[error("no encrypted connection: {0}")]
    Tls(#[source] io::Error),
    /// A limit of time passed.
    #[error("waited {after:?} {waited}")]
    Timeout {
        /// Which one.
        waited: Waited,
        /// How long it is.
        after: Duration,
    },
    /// The connection ended before the answer did.
    #[error("the connection ended within the answer")]
    Disconnected,
    /// The answer is not HTTP.
    #[error("the answer is not HTTP")]
    Malformed,
    /// The answer's head is larger, or has more fields, than is read.
    #[error("the answer's head is larger than {limit} bytes or has too many fields")]
    HeadTooLarge {
        /// How many bytes are read.
        limit: usize,
    },
    /// The document is larger than is read.
    #[error("the document is larger than {limit} bytes")]
    BodyTooLarge {
        /// How many bytes are read.
        limit: usize,
    },
    /// The connection brought more bytes than the largest answer could have: interim answers without
    /// end, or chunks of next to nothing.
    #[error("the connection brought more than {limit} bytes")]
    TooManyBytes {
        /// How many bytes are read.
        limit: u64,
    },
    /// The document is compressed, which nobody asked for.
    #[error("the document is compressed, which was not asked for")]
    ContentCoding,
    /// The document is of another type than what was asked for. Printable ASCII, cut.
    #[error("the document's type is not one that was asked for: `{0}`")]
    MediaType(String),
    /// The answer says that there is no document.
    #[error("status {0}")]
    Status(u16),
    /// A redirect does not say where to.
    #[error("a redirect without an address")]
    RedirectNowhere,
    /// A redirect leads from `https:` to `http:`.
    #[error("a redirect to plain http:")]
    Downgrade,
    /// A redirect leads where this fetch was before.
    #[error("a redirect in a circle")]
    RedirectLoop,
    /// There are more redirects than are followed.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// How many are followed.
        limit: usize,
    },
}

impl Refusal {
    /// Its name for programs: lower-case words with hyphens, which stay the same.
    ///
    /// ```
    /// use mcp_identity::fetch::{AddressKind, Refusal};
    ///
    /// let address = "10.0.0.1".parse()?;
    /// let refusal = Refusal::Address { kind: AddressKind::Private, address };
    /// assert_eq!(refusal.name(), "address-private");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &'static str {
        use AddressKind as K;
        match self {
            Self::Url(UrlError::TooLong) => "url-too-long",
            Self::Url(UrlError::Character) => "url-character",
            Self::Url(UrlError::Scheme) => "url-scheme",
            Self::Url(UrlError::UserInfo) => "url-user-info",
            Self::Url(UrlError::Host) => "url-host",
            Self::Url(UrlError::OddAddress) => "url-odd-address",
            Self::Url(UrlError::Port) => "url-port",
            Self::Insecure => "insecure",
            Self::Port(_) => "port",
            Self::Address { kind, .. } => match kind {
                K::Global => "address-public",
                K::Unspecified => "address-unspecified",
                K::Loopback => "address-loopback",
                K::Private => "address-private",
                K::LinkLocal => "address-link-local",
                K::CarrierNat => "address-carrier-nat",
                K::UniqueLocal => "address-unique-local",
                K::Multicast => "address-multicast",
                K::Broadcast => "address-broadcast",
                K::Documentation => "address-documentation",
                K::Benchmarking => "address-benchmarking",
                K::Ipv4Mapped => "address-ipv4-mapped",
                K::Translated => "address-translated",
                K::Reserved => "address-reserved",
            },
            Self::MixedAddresses => "address-mixed",
            Self::Resolve(_) => "resolve",
            Self::NoAddress => "no-address",
            Self::TooManyAddresses { .. } => "too-many-addresses",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Timeout { waited: Waited::Connect, .. } => "timeout-connect",
            Self::Timeout { waited: Waited::Idle, .. } => "timeout-idle",
            Self::Timeout { waited: Waited::Total, .. } => "timeout-total",
            Self::Disconnected => "disconnected",
            Self::Malformed => "malformed",
            Self::HeadTooLarge { .. } => "head-too-large",
            Self::BodyTooLarge { .. } => "body-too-large",
            Self::TooManyBytes { .. } => "too-many-bytes",
            Self::ContentCoding => "content-coding",
            Self::MediaType(_) => "media-type",
            Self::Status(_) => "status",
            Self::RedirectNowhere => "redirect-nowhere",
            Self::Downgrade => "redirect-downgrade",
            Self::RedirectLoop => "redirect-loop",
            Self::TooManyRedirects { .. } => "too-many-redirects",
        }
    }

    /// Whether the other side answered that there is nothing there (404, 405, 406, 410).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status(404 | 405 | 406 | 410))
    }
}
