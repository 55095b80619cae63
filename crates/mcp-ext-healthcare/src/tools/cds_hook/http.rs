//! Services over HTTP.

use async_trait::async_trait;

use super::{CdsError, CdsTransport};
use crate::http::{Http, HttpFailure, HttpLimits, HttpSetupError};

/// The services of a server, over HTTP: `https:`, or `http:` on this machine. Redirects are not followed.
///
/// ```
/// use mcp_ext_healthcare::tools::cds_hook::HttpCds;
/// use mcp_ext_healthcare::HttpLimits;
///
/// let services = HttpCds::new("https://cds.example.org/r4", None, HttpLimits::default())?;
/// # let _ = services;
/// # Ok::<(), mcp_ext_healthcare::HttpSetupError>(())
/// ```
pub struct HttpCds(Http);

impl HttpCds {
    /// The services below an address, and the `Authorization` that is the operator's there. The token of an MCP client is never
    /// sent (SEC-1).
    ///
    /// # Errors
    /// If the address or the authorization is malformed, or the system's certificates cannot be loaded.
    pub fn new(
        base: &str,
        authorization: Option<&str>,
        limits: HttpLimits,
    ) -> Result<Self, HttpSetupError> {
        Http::new(base, authorization, limits).map(Self)
    }

    async fn ask(&self, path: &str, body: Option<String>) -> Result<String, CdsError> {
        let answer = self.0.json(path, "application/json", body).await;
        answer.map_err(|(failure, _)| match failure {
            HttpFailure::Unreachable => CdsError::Unavailable,
            HttpFailure::TimedOut => CdsError::TimedOut,
            HttpFailure::TooLarge => CdsError::TooLarge,
            HttpFailure::Redirected => CdsError::Redirected,
            HttpFailure::NotJson => CdsError::Malformed,
            HttpFailure::Status(status) if status.is_client_error() => CdsError::Refused,
            HttpFailure::Status(_) => CdsError::Unavailable,
        })
    }
}

#[async_trait]
impl CdsTransport for HttpCds {
    async fn discover(&self) -> Result<String, CdsError> {
        self.ask("cds-services", None).await
    }

    async fn call(&self, service: &str, request: String) -> Result<String, CdsError> {
        self.ask(&format!("cds-services/{service}"), Some(request)).await
    }
}
