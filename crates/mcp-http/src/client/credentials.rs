//! What a request says about who sends it.

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode};

/// Why there are no credentials.
pub type CredentialsError = Box<dyn std::error::Error + Send + Sync>;

/// Gives the credentials of requests, and is told when a server refuses them.
///
/// ```
/// use async_trait::async_trait;
/// use http::{HeaderMap, HeaderValue, StatusCode};
/// use mcp_http::{Credentials, CredentialsError, HttpTransport};
///
/// /// A token from somewhere, fetched anew when it is refused.
/// struct Token;
///
/// #[async_trait]
/// impl Credentials for Token {
///     async fn authorization(&self) -> Result<Option<HeaderValue>, CredentialsError> {
///         Ok(Some(HeaderValue::from_static("Bearer …")))
///     }
///
///     async fn refused(&self, _: StatusCode, _: &HeaderMap) -> Result<bool, CredentialsError> {
///         Ok(true)
///     }
/// }
///
/// let transport = HttpTransport::builder("http://127.0.0.1:8080/mcp").credentials(Token).build()?;
/// # let _ = transport;
/// # Ok::<(), mcp_http::HttpTransportError>(())
/// ```
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The value of `Authorization` for the next request; `None` sends none.
    ///
    /// # Errors
    /// If there should be one and is none; the request then fails with
    /// [`TransportError::Credentials`](mcp_core::client::transport::TransportError::Credentials)
    /// without being sent.
    async fn authorization(&self) -> Result<Option<HeaderValue>, CredentialsError>;

    /// A server answered 401 or 403; `headers` are the answer's, `WWW-Authenticate` among them.
    /// `true` has the request sent once more, with new credentials. Unless told otherwise it is not.
    ///
    /// # Errors
    /// If better credentials should be got and cannot be.
    async fn refused(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<bool, CredentialsError> {
        let _ = (status, headers);
        Ok(false)
    }
}
