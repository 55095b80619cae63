//! What can be wrong with a site.

use mcp_trust::canonical::CanonicalError;
use mcp_trust::keys::SignError;

use crate::finding::Findings;

/// Why a site cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// The origin is not `https://` and a host, or `http://` and a loopback one, without a path.
    #[error("the origin is not https:// and a host, or http:// and a loopback one, without a path")]
    Origin,
    /// An endpoint's path does not begin with a slash, or has characters that paths do not have.
    #[error("the path {0} of an endpoint is not one")]
    Path(String),
    /// Two documents would be at one path.
    #[error("two documents would be at {0}")]
    SamePath(String),
    /// There is no server.
    #[error("the site has no server")]
    NoServer,
    /// A server's card is not what the specification asks for. The server's own name, version and description are parts of
    /// it.
    #[error("the card of {server} is refused: {findings}")]
    Card {
        /// The server's name.
        server: String,
        /// What is wrong.
        findings: Findings,
    },
    /// The catalog is not what the specification asks for.
    #[error("the catalog is refused: {0}")]
    Catalog(Findings),
    /// A key has not the name of the site's `did:web`, `#` and a fragment, so nobody would find it.
    #[error("the key {0} is not named as one of the site's")]
    KeyName(String),
    /// No key is good now.
    #[error("no key signs at this time")]
    NoKey,
}

/// Why the documents cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A document could not be signed.
    #[error("a document could not be signed: {0}")]
    Sign(#[from] SignError),
    /// A document has no canonical form.
    #[error("a document has no canonical form: {0}")]
    Canonical(#[from] CanonicalError),
    /// A document could not be written.
    #[error("a document could not be written: {0}")]
    Json(#[from] serde_json::Error),
    /// A document is not what its specification asks for: something that the operator added, or that a server's
    /// lists have now.
    #[error("the {document} is refused: {findings}")]
    Refused {
        /// Which.
        document: &'static str,
        /// What is wrong.
        findings: Findings,
    },
    /// A header of the answers could not be written.
    #[error("a header could not be written")]
    Header,
}
