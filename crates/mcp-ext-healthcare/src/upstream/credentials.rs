//! Who this server is to a FHIR server.

use async_trait::async_trait;
use http::HeaderValue;

/// Why there are no credentials. Its text is logged.
pub type CredentialsError = Box<dyn std::error::Error + Send + Sync>;

/// Gives the credentials of requests to a FHIR server: a token of this server's own, by SMART Backend Services, say. It knows nothing
/// of the MCP request that a search is for, so that it cannot send that one's token on (SEC-1).
///
/// ```
/// use async_trait::async_trait;
/// use http::HeaderValue;
/// use mcp_ext_healthcare::upstream::{Credentials, CredentialsError};
///
/// struct Rotated(tokio::sync::watch::Receiver<String>);
///
/// #[async_trait]
/// impl Credentials for Rotated {
///     async fn authorization(&self) -> Result<Option<HeaderValue>, CredentialsError> {
///         let token = format!("Bearer {}", *self.0.borrow());
///         Ok(Some(HeaderValue::try_from(token)?))
///     }
/// }
/// ```
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The value of `Authorization` for the next request; `None` sends none.
    ///
    /// # Errors
    /// If there should be one and is none. The request is not sent.
    async fn authorization(&self) -> Result<Option<HeaderValue>, CredentialsError>;

    /// The server answered 401. `true` has the request sent once more, with new credentials.
    ///
    /// # Errors
    /// If better credentials should be got and cannot be.
    async fn refused(&self) -> Result<bool, CredentialsError> {
        Ok(false)
    }
}

/// One that never changes.
pub(super) struct Fixed(pub(super) HeaderValue);

#[async_trait]
impl Credentials for Fixed {
    async fn authorization(&self) -> Result<Option<HeaderValue>, CredentialsError> {
        Ok(Some(self.0.clone()))
    }
}
