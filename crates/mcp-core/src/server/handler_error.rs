//! Why a handler did not succeed.

use crate::Error;

/// The error of a handler of a tool, prompt, resource or completion.
///
/// Who is to learn what decides the variant:
///
/// | variant | from | a tool answers | the others answer |
/// |---|---|---|---|
/// | [`Tell`](Self::Tell) | [`HandlerError::tell`] | `isError: true` with the text: a model can mend it | `-32602` with the text |
/// | [`Protocol`](Self::Protocol) | [`Error`] | that JSON-RPC error | that JSON-RPC error |
/// | [`Hidden`](Self::Hidden) | `?` on any other error | `isError: true` without the text | `-32603` without the text |
///
/// An error's text may hold a path, a query, a patient's name. So `?` alone shows nothing to the
/// caller: what it is to see is said with [`HandlerError::tell`] or
/// [`OrTell::or_tell`]. [`ServerBuilder::show_errors`](crate::server::ServerBuilder::show_errors)
/// shows all, for development.
///
/// ```
/// use mcp_core::server::{HandlerError, OrTell};
///
/// fn read(path: &str) -> Result<String, HandlerError> {
///     if path.contains("..") {
///         return Err(HandlerError::tell("the path must not leave the folder"));
///     }
///     std::fs::read_to_string(path).or_tell("there is no such file")
/// }
/// # assert!(read("../x").is_err());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// Text for the model or the caller.
    Tell(String),
    /// A JSON-RPC error.
    Protocol(Error),
    /// A failure whose text stays in the server's log.
    Hidden(Box<dyn std::error::Error + Send + Sync>),
}

impl HandlerError {
    /// An error whose text the caller sees.
    pub fn tell(text: impl Into<String>) -> Self {
        Self::Tell(text.into())
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
        match boxed.downcast::<Error>() {
            Ok(error) => Self::Protocol(*error),
            Err(other) => match other.downcast::<crate::server::InputError>() {
                Ok(error) => error.into_handler_error(),
                Err(other) => Self::Hidden(other),
            },
        }
    }
}

/// Says what the caller sees of an error.
pub trait OrTell<T> {
    /// Replaces the error by text for the caller; the error itself goes to the log.
    ///
    /// # Errors
    /// [`HandlerError::Tell`] in place of the error or of `None`.
    fn or_tell(self, text: impl Into<String>) -> Result<T, HandlerError>;
}

impl<T, E: std::fmt::Display> OrTell<T> for Result<T, E> {
    fn or_tell(self, text: impl Into<String>) -> Result<T, HandlerError> {
        self.map_err(|error| {
            tracing::debug!(%error, "a handler failed");
            HandlerError::Tell(text.into())
        })
    }
}

impl<T> OrTell<T> for Option<T> {
    fn or_tell(self, text: impl Into<String>) -> Result<T, HandlerError> {
        self.ok_or_else(|| HandlerError::Tell(text.into()))
    }
}
