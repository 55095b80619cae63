//! Under which identifier a server is protected.
//!
//! Source: RFC 9728, sections 3 and 3.3; specification, *Authorization → Protected resource metadata*.

use crate::fetch::{FetchError, Fetcher, Url, UrlError};
use crate::media_type;

/// Where the metadata of protected resources are; a path follows.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Why it is not known under which identifier a server is protected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The metadata could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The address for it cannot be made.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// What came is no metadata of a protected resource.
    #[error("{0} has no metadata of a protected resource")]
    Form(Url),
}

/// Asks under which identifier the server at an address is protected: the member `resource` of its metadata, those of the
/// endpoint's path first, then those of its host. `None` if it has none, so that it is not protected by OAuth.
///
/// # Errors
/// If the metadata cannot be fetched for another reason than that they are not there, or are none.
pub async fn resource_of(
    fetcher: &Fetcher,
    endpoint: &Url,
) -> Result<Option<String>, ResourceError> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        resource: String,
    }

    let path = endpoint.path().trim_end_matches('/');
    let mut places = vec![endpoint.join(&format!("{WELL_KNOWN}{path}"))?];
    if !path.is_empty() {
        places.push(endpoint.join(WELL_KNOWN)?);
    }
    for place in places {
        match fetcher.get(&place, &[media_type::JSON]).await {
            Ok(fetched) => {
                let metadata: Result<Metadata, _> = mcp_trust::strict::from_slice(&fetched.body);
                let metadata = metadata.map_err(|_| ResourceError::Form(fetched.url))?;
                return Ok(Some(metadata.resource));
            }
            Err(error) if error.refusal.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}
