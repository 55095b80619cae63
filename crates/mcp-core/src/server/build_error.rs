//! What can be wrong with a server's definition.

use std::fmt;

use crate::extension::ExtensionId;

/// One mistake in a server's definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two extensions have the same identifier, or one was added twice.
    #[error("extension {0} is added twice")]
    DuplicateExtension(ExtensionId),
    /// More extensions than a server can have.
    #[error("a server has at most 64 extensions")]
    TooManyExtensions,
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
        /// Method, notification, result type, filter field, `_meta` key or document.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Two extensions claim the same name.
    #[error("the {what} `{name}` is claimed by {first} and by {second}")]
    Claimed {
        /// As in [`BuildError::CoreName`].
        what: &'static str,
        /// The name.
        name: String,
        /// Who had it.
        first: ExtensionId,
        /// Who wants it too.
        second: ExtensionId,
    },
    /// An extension's `_meta` key lies under a prefix that is reserved for MCP, and is not its own.
    #[error("extension {owner}: the `_meta` key `{key}` is malformed or under a reserved prefix")]
    MetaKey {
        /// The extension.
        owner: ExtensionId,
        /// The key.
        key: String,
    },
    /// A name is malformed: empty, too long, or with characters that clients need not accept.
    #[error("the {what} `{name}` is not a valid name")]
    Name {
        /// Tool or prompt.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Two tools, prompts, resources or templates have the same name.
    #[error("the {what} `{name}` is defined twice")]
    Duplicate {
        /// Tool, prompt, resource or template.
        what: &'static str,
        /// The name, URI or template.
        name: String,
    },
    /// Something is added to a running server that has not declared to have such things: clients
    /// that asked what it has would not look for it.
    #[error("`{name}` cannot be added: the server was built without the capability `{capability}`")]
    NotDeclared {
        /// The capability that clients were not told of.
        capability: &'static str,
        /// The tool, prompt, resource or template.
        name: String,
    },
    /// A handler takes a state that the server was not given.
    #[error("`{user}` needs a state of type `{state}`, which the server does not have")]
    MissingState {
        /// The tool, prompt, resource or template.
        user: String,
        /// The type.
        state: &'static str,
    },
    /// A handler takes the proof of an extension that the server does not have.
    #[error("`{user}` needs extension {extension}, which the server does not have")]
    MissingExtension {
        /// The tool, prompt, resource or template.
        user: String,
        /// The extension.
        extension: ExtensionId,
    },
    /// A schema is wrong.
    #[error("tool `{tool}`: {which} schema: {reason}")]
    Schema {
        /// The tool.
        tool: String,
        /// Input, output or `x-mcp-header`.
        which: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A URI template is wrong.
    #[error("resource template `{template}`: {reason}")]
    Template {
        /// The template.
        template: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A definition does not serialise.
    #[error("`{0}` does not serialise")]
    Serialize(String),
    /// No secure random numbers were to be had for the sealing key.
    #[error("the system gives no random numbers")]
    Random,
}

/// All mistakes in a server's definition at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildErrors(pub(crate) Vec<BuildError>);

impl BuildErrors {
    /// The mistakes, in the order in which they were found.
    #[must_use]
    pub fn as_slice(&self) -> &[BuildError] {
        &self.0
    }
}

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server cannot be built:")?;
        for error in &self.0 {
            write!(f, "\n- {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildErrors {}
