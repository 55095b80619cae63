//! The keys of those who sign.

use crate::did::{DidDocument, DidWeb, DidWebError};
use crate::fetch::{FetchError, Fetcher, Url, UrlError};
use crate::finding::Findings;
use crate::media_type;

/// What is accepted as a DID document.
const DOCUMENT: &[&str] =
    &[media_type::DID_DOCUMENT, "application/did+ld+json", "application/did", media_type::JSON];

/// Why there is no document of a name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DidDocumentError {
    /// The name is none of the method `did:web`.
    #[error(transparent)]
    Name(#[from] DidWebError),
    /// The address that the name stands for cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// It cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is at another host than the name's: that host's owner would speak for this one.
    #[error("its DID document redirects to another host")]
    Elsewhere,
    /// It is not in order.
    #[error("its DID document is refused: {0}")]
    Document(#[from] Findings),
    /// It is about another name.
    #[error("its DID document is of another name")]
    OtherName,
}

/// Fetches the document of a `did:web` name, from the name's own host.
///
/// # Errors
/// If there is none that can be used.
pub async fn did_document(fetcher: &Fetcher, name: &str) -> Result<DidDocument, DidDocumentError> {
    let did: DidWeb = name.parse()?;
    let url: Url = did.document_url().parse()?;
    let fetched = fetcher.get(&url, DOCUMENT).await?;
    if fetched.url.origin() != url.origin() {
        return Err(DidDocumentError::Elsewhere);
    }
    let document = DidDocument::judge(&fetched.body)?;
    if document.id == name { Ok(document) } else { Err(DidDocumentError::OtherName) }
}
