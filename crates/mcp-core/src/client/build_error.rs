//! What can be wrong with a client's definition.

use std::fmt;

use crate::extension::ExtensionId;

/// One mistake in a client's definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientBuildError {
    /// An extension was added twice.
    #[error("extension {0} is added twice")]
    DuplicateExtension(ExtensionId),
    /// An extension's settings do not serialise to an object.
    #[error("extension {id}: its settings are no JSON object")]
    Settings {
        /// The extension.
        id: ExtensionId,
    },
    /// An extension claims a name that the core has.
    #[error("extension {owner}: the {what} `{name}` belongs to the core protocol")]
    CoreName {
        /// The extension.
        owner: ExtensionId,
        /// Result type, notification, routed method or `_meta` key.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Two extensions claim the same name, or one claims it twice.
    #[error("the {what} `{name}` is claimed by {first} and by {second}")]
    Claimed {
        /// As in [`ClientBuildError::CoreName`].
        what: &'static str,
        /// The name.
        name: String,
        /// Who had it.
        first: ExtensionId,
        /// Who wants it too.
        second: ExtensionId,
    },
    /// An extension's `_meta` key is malformed, or lies under a prefix that is reserved for MCP.
    #[error("extension {owner}: the `_meta` key `{key}` is malformed or under a reserved prefix")]
    MetaKey {
        /// The extension.
        owner: ExtensionId,
        /// The key.
        key: String,
    },
    /// A root is no folder that may be shown.
    #[error("the root `{uri}`: {reason}")]
    Root {
        /// Its URI.
        uri: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What the client says of itself does not serialise.
    #[error("`{0}` does not serialise")]
    Serialize(&'static str),
}

/// All mistakes in a client's definition at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientBuildErrors(pub(crate) Vec<ClientBuildError>);

impl ClientBuildErrors {
    /// The mistakes, in the order in which they were found.
    #[must_use]
    pub fn as_slice(&self) -> &[ClientBuildError] {
        &self.0
    }
}

impl fmt::Display for ClientBuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the client cannot be built:")?;
        for error in &self.0 {
            write!(f, "\n- {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ClientBuildErrors {}
