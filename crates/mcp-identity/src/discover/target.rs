//! What somebody wants to have discovered.

use std::fmt;
use std::str::FromStr;

use crate::fetch::{Url, UrlError};

/// A domain, or the address of a catalog, a card or a server.
///
/// ```
/// use mcp_identity::discover::Target;
///
/// let domain: Target = "example.com".parse()?;
/// assert_eq!(domain.to_string(), "https://example.com/");
/// assert!(domain.is_domain());
/// let server: Target = "https://example.com/mcp".parse()?;
/// assert!(!server.is_domain());
/// # Ok::<(), mcp_identity::fetch::UrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target(Url);

impl Target {
    /// The address; a domain's is that of its root.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it names a whole domain.
    #[must_use]
    pub fn is_domain(&self) -> bool {
        self.0.target() == "/"
    }
}

impl From<Url> for Target {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl FromStr for Target {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        match text.contains("://") {
            true => text.parse(),
            false => format!("https://{text}").parse(),
        }
        .map(Self)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
