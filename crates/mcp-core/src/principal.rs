//! Who is asking, as far as the transport could verify it.

use std::fmt;
use std::sync::Arc;

/// An authenticated caller.
///
/// Set by whatever authenticates (an HTTP layer that checked a token, say), never taken from the
/// message: `clientInfo` is the sender's own claim. Sealed request state and tasks are bound to it.
///
/// `Debug` does not show the name, since it may be personal data.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Wraps a stable identifier of the caller, such as issuer and subject of a token.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Principal(..)")
    }
}
