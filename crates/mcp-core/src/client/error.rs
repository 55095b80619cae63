//! What can go wrong with a call.

use std::time::Duration;

use crate::client::transport::TransportError;
use crate::extension::ExtensionId;
use crate::param_headers::ParamHeaderError;
use crate::protocol::{CallToolResult, ConversationError, ErrorObject, codes};

/// Why a call came to nothing.
///
/// Errors that the *server* sent are [`ClientError::Rpc`] and nothing else is: a timeout or a broken
/// connection can never be taken for an answer. A tool that failed is no error but a
/// [`CallToolResult`] with `isError`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server answered with an error. Its code may be any.
    #[error("the server answered error {}: {}", .0.code, .0.message)]
    Rpc(Box<ErrorObject>),
    /// The message did not get there, or its answer did not get here.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// No answer came in time; the request was cancelled.
    #[error("no answer within {after:?} ({})", if *.maximum { "maximum" } else { "idle" })]
    Timeout {
        /// The limit that passed.
        after: Duration,
        /// Whether it was the maximum, which progress does not prolong.
        maximum: bool,
    },
    /// The request was cancelled here, by the signal given with
    /// [`cancel_on`](crate::client::Request::cancel_on).
    #[error("the request was cancelled")]
    Cancelled,
    /// The answer is not what the method answers.
    #[error("unexpected answer to `{method}`: {reason}")]
    UnexpectedResult {
        /// The method.
        method: String,
        /// What is wrong with the answer; quotes no values.
        reason: String,
    },
    /// The server asks for input that this client did not declare, having no handler for it.
    #[error("the server asks for `{what}`, which this client has no handler for")]
    NoHandler {
        /// What was asked for: a method, with the mode of an elicitation or the feature of sampling.
        what: &'static str,
    },
    /// The server asks a model to go on with a conversation that does not hold together. No handler
    /// saw it.
    #[error("`sampling/createMessage` cannot be answered: {0}")]
    Conversation(#[from] ConversationError),
    /// A handler of the application's failed while the server's question was answered.
    #[error("the handler of `{method}` failed: {source}")]
    Handler {
        /// The question's method.
        method: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A handler's answer does not fit the server's question, and was not sent.
    #[error("the answer to `{method}` does not fit: {reason}")]
    InvalidAnswer {
        /// The question's method.
        method: &'static str,
        /// What is wrong with it; quotes no values.
        reason: String,
    },
    /// The server asked again and again.
    #[error("the call took more than {0} rounds")]
    TooManyRounds(u32),
    /// A list has more pages than allowed.
    #[error("the list `{method}` has more than {limit} pages")]
    TooManyPages {
        /// The method.
        method: &'static str,
        /// The bound.
        limit: usize,
    },
    /// A list leads back to a page that was read already.
    #[error("the list `{method}` leads in a circle: a cursor came twice")]
    RepeatedCursor {
        /// The method.
        method: &'static str,
    },
    /// The tool's definition has invalid `x-mcp-header` annotations, so that it must not be used.
    #[error("the definition of tool `{tool}` is not valid: {reason}")]
    InvalidToolDefinition {
        /// The tool.
        tool: String,
        /// What is wrong with it.
        reason: ParamHeaderError,
    },
    /// The tool's output schema cannot be used, so that its results could not be checked. Nothing was
    /// sent. See [`ClientBuilder::check_results`](crate::client::ClientBuilder::check_results).
    #[error("the output schema of tool `{tool}` is not usable: {reason}")]
    OutputSchema {
        /// The tool.
        tool: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The tool's structured result does not fit its output schema.
    #[error("the result of tool `{tool}` does not fit its output schema: {reason}")]
    StructuredContent {
        /// The tool.
        tool: String,
        /// What does not fit; quotes no values.
        reason: String,
        /// The result, so that nothing is lost.
        result: Box<CallToolResult>,
    },
    /// The server speaks none of the revisions that this client speaks.
    #[error("the server speaks {}; this client does not", .supported.join(", "))]
    UnsupportedVersion {
        /// The revisions that the server speaks.
        supported: Vec<String>,
    },
    /// The server does not behave like one of this revision of the protocol.
    #[error("this is no server of a current revision of the protocol: {0}")]
    NotModern(#[source] Box<Self>),
    /// Arguments or parameters are no JSON object.
    #[error("the parameters of `{method}` do not serialise to an object: {reason}")]
    Parameters {
        /// The method.
        method: String,
        /// Why.
        reason: String,
    },
    /// A `_meta` key is malformed, or one that the client itself writes.
    #[error("the `_meta` key `{0}` cannot be set")]
    MetaKey(String),
    /// The extension was not enabled on this client.
    #[error("extension {0} is not enabled on this client")]
    ExtensionNotEnabled(ExtensionId),
    /// The server's settings of an extension are not what the extension says they are.
    #[error("the server's settings of extension {id} do not fit: {reason}")]
    ServerSettings {
        /// The extension.
        id: ExtensionId,
        /// What is wrong with them.
        reason: String,
    },
    /// An extension's own failure.
    #[error("extension {id}: {source}")]
    Extension {
        /// The extension.
        id: ExtensionId,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system gives no random numbers, which trace ids need.
    #[error("the system gives no random numbers")]
    Random,
}

impl ClientError {
    pub(crate) fn unexpected(method: &str, reason: impl Into<String>) -> Self {
        Self::UnexpectedResult { method: method.to_owned(), reason: reason.into() }
    }

    /// The code of an error that the server sent; `None` for all others.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Rpc(error) => Some(error.code),
            _ => None,
        }
    }

    /// Whether the server says that a resource does not exist: `-32602` with the URI as detail, or
    /// `-32002`, which earlier revisions had for it.
    ///
    /// Source: specification, *Resources → Error handling*.
    ///
    /// ```
    /// use mcp_core::client::ClientError;
    /// use mcp_core::protocol::ErrorObject;
    ///
    /// let legacy = ClientError::from(ErrorObject::new(-32002, "Resource not found"));
    /// assert!(legacy.is_resource_not_found());
    /// let other = ClientError::from(ErrorObject::new(-32602, "no such tool"));
    /// assert!(!other.is_resource_not_found());
    /// ```
    #[must_use]
    pub fn is_resource_not_found(&self) -> bool {
        #[derive(serde::Deserialize)]
        struct Detail {
            #[allow(dead_code)] // Only its presence matters.
            uri: String,
        }
        match self {
            Self::Rpc(error) if error.code == codes::LEGACY_RESOURCE_NOT_FOUND => true,
            Self::Rpc(error) if error.code == codes::INVALID_PARAMS => {
                error.data.as_ref().is_some_and(|data| data.parse::<Detail>().is_ok())
            }
            _ => false,
        }
    }
}

impl From<ErrorObject> for ClientError {
    fn from(error: ErrorObject) -> Self {
        Self::Rpc(Box::new(error))
    }
}
