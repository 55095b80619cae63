//! The errors that travel as JSON-RPC error responses.
//!
//! Source: specification, *Base protocol → Error codes*.

use std::sync::Arc;

use crate::RawJson;
use crate::protocol::{ClientCapabilities, ErrorObject, codes};

/// An error that answers a request.
///
/// Each variant has one JSON-RPC code ([`Error::code`]). What a *model* can mend (a value out of
/// range, a file that does not exist) is no `Error` but a tool result with `isError`; see
/// [`HandlerError`](crate::server::HandlerError).
///
/// ```
/// use mcp_core::Error;
///
/// let error = Error::invalid_params("the cursor is unknown");
/// assert_eq!(error.code(), -32602);
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `-32700`: the bytes are no JSON text. The caller sends JSON.
    #[error("parse error: {0}")]
    Parse(String),
    /// `-32600`: JSON, but no single JSON-RPC 2.0 request or notification.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// `-32601`: no such method here. The caller asks `server/discover` what there is.
    #[error("method not found: {0}")]
    MethodNotFound(String),
    /// `-32602`: the method exists, its parameters (or `_meta`) are wrong.
    #[error("{message}")]
    InvalidParams {
        /// What is wrong, in words for a developer; holds no argument values.
        message: String,
        /// Machine-readable detail.
        data: Option<RawJson>,
    },
    /// `-32603`: the server failed; the reason stays in its own log.
    #[error("internal error")]
    Internal,
    /// `-32603`: the handler did not finish within its time limit.
    #[error("the request took longer than this server allows")]
    Timeout,
    /// `-32603`: a limit on concurrent work was reached. The caller may try again later.
    #[error("the server is at its limit of concurrent requests")]
    Overloaded,
    /// `-32020`: an HTTP header is missing, malformed, or differs from the body.
    #[error("header mismatch: {0}")]
    HeaderMismatch(String),
    /// `-32021`: the request needs a capability that the client did not declare.
    #[error("the client did not declare a required capability")]
    MissingRequiredClientCapability {
        /// What the client must declare, sent as `data.requiredCapabilities`.
        required: Box<ClientCapabilities>,
    },
    /// `-32022`: this server does not serve the requested revision of the protocol.
    #[error("unsupported protocol version")]
    UnsupportedProtocolVersion {
        /// The revisions that are served here.
        supported: Arc<[String]>,
        /// The revision that was asked for.
        requested: String,
    },
    /// An application's own code, outside the range that JSON-RPC and MCP reserve.
    #[error("{message}")]
    Application {
        /// The code.
        code: ApplicationCode,
        /// Words for a developer.
        message: String,
        /// Machine-readable detail.
        data: Option<RawJson>,
    },
    /// An error that was made before: kept by an extension, or received from another server. It goes
    /// out as it came in.
    #[error("{0}")]
    Stored(StoredError),
}

/// An error object that is sent as it is: its code, its message, its data, and members that this
/// library does not know.
///
/// For whoever kept the error of a call, or got it from elsewhere, and has to answer with it:
/// an extension that runs calls later, or a gateway.
///
/// ```
/// use mcp_core::protocol::{ErrorObject, codes};
/// use mcp_core::{Error, StoredError};
///
/// let kept = serde_json::to_string(&Error::invalid_params("the cursor is unknown").to_object())?;
///
/// let object: ErrorObject = serde_json::from_str(&kept)?;
/// let error = StoredError::try_new(object).map_or(Error::Internal, Error::Stored);
/// assert_eq!(error.code(), codes::INVALID_PARAMS);
/// assert_eq!(error.to_string(), "the cursor is unknown");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StoredError(Box<ErrorObject>);

impl StoredError {
    /// Takes an error object, or none if its code is reserved (`-32768..=-32000`) and is neither
    /// JSON-RPC's nor this revision's: such a code may not be sent.
    #[must_use]
    pub fn try_new(object: ErrorObject) -> Option<Self> {
        let defined = matches!(
            object.code,
            codes::PARSE_ERROR
                | codes::INVALID_REQUEST
                | codes::METHOD_NOT_FOUND
                | codes::INVALID_PARAMS
                | codes::INTERNAL_ERROR
                | codes::HEADER_MISMATCH
                | codes::MISSING_REQUIRED_CLIENT_CAPABILITY
                | codes::UNSUPPORTED_PROTOCOL_VERSION
        );
        (defined || ApplicationCode::try_new(object.code).is_some()).then(|| Self(object.into()))
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> &ErrorObject {
        &self.0
    }
}

impl std::fmt::Display for StoredError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// An error code outside `-32768..=-32000`, which JSON-RPC reserves for itself and for MCP.
///
/// ```
/// use mcp_core::ApplicationCode;
///
/// const SOLD_OUT: ApplicationCode = ApplicationCode::new(4001);
/// assert_eq!(SOLD_OUT.get(), 4001);
/// assert!(ApplicationCode::try_new(-32050).is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApplicationCode(i64);

impl ApplicationCode {
    /// Makes a code; meant for constants, where a reserved code fails to compile.
    ///
    /// # Panics
    /// If the code is reserved. Use [`ApplicationCode::try_new`] for codes known only at run time.
    #[must_use]
    #[allow(clippy::panic)] // Evaluated at compile time in its documented use.
    pub const fn new(code: i64) -> Self {
        match Self::try_new(code) {
            Some(code) => code,
            None => panic!("the code lies in -32768..=-32000, which JSON-RPC and MCP reserve"),
        }
    }

    /// Makes a code, or `None` if it is reserved.
    #[must_use]
    pub const fn try_new(code: i64) -> Option<Self> {
        if code >= -32768 && code <= -32000 { None } else { Some(Self(code)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl Error {
    /// `-32602` with a message.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::InvalidParams { message: message.into(), data: None }
    }

    /// `-32602` with a message and machine-readable detail.
    pub fn invalid_params_with(message: impl Into<String>, data: RawJson) -> Self {
        Self::InvalidParams { message: message.into(), data: Some(data) }
    }

    /// `-32021` naming what the client must declare.
    #[must_use]
    pub fn missing_capability(required: ClientCapabilities) -> Self {
        Self::MissingRequiredClientCapability { required: Box::new(required) }
    }

    /// An application's own error.
    pub fn application(code: ApplicationCode, message: impl Into<String>) -> Self {
        Self::Application { code, message: message.into(), data: None }
    }

    /// The JSON-RPC code.
    #[must_use]
    pub fn code(&self) -> i64 {
        match self {
            Self::Parse(_) => -32700,
            Self::InvalidRequest(_) => -32600,
            Self::MethodNotFound(_) => -32601,
            Self::InvalidParams { .. } => -32602,
            Self::Internal | Self::Timeout | Self::Overloaded => -32603,
            Self::HeaderMismatch(_) => -32020,
            Self::MissingRequiredClientCapability { .. } => -32021,
            Self::UnsupportedProtocolVersion { .. } => -32022,
            Self::Application { code, .. } => code.get(),
            Self::Stored(stored) => stored.0.code,
        }
    }

    /// The `error` member of the response.
    #[must_use]
    pub fn to_object(&self) -> ErrorObject {
        if let Self::Stored(stored) = self {
            return ErrorObject::clone(&stored.0);
        }
        let data = match self {
            Self::InvalidParams { data, .. } | Self::Application { data, .. } => data.clone(),
            Self::MissingRequiredClientCapability { required } => {
                detail("requiredCapabilities", required)
            }
            Self::UnsupportedProtocolVersion { supported, requested } => RawJson::from_serialize(
                &serde_json::json!({ "supported": supported, "requested": requested }),
            )
            .ok(),
            Self::Timeout => detail("reason", &"timeout"),
            Self::Overloaded => detail("reason", &"overloaded"),
            _ => None,
        };
        let mut object = ErrorObject::new(self.code(), self.to_string());
        object.data = data;
        object
    }
}

fn detail<T: serde::Serialize>(key: &str, value: &T) -> Option<RawJson> {
    RawJson::from_serialize(&std::collections::BTreeMap::from([(key, value)])).ok()
}

impl From<&Error> for ErrorObject {
    fn from(error: &Error) -> Self {
        error.to_object()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind. A new variant does not compile until it is here.
    fn every_variant() -> Vec<Error> {
        let application = Error::application(ApplicationCode::new(4001), "sold out");
        let all = vec![
            Error::Parse("p".to_owned()),
            Error::InvalidRequest("i".to_owned()),
            Error::MethodNotFound("m".to_owned()),
            Error::invalid_params_with("wrong", RawJson::null()),
            Error::Internal,
            Error::Timeout,
            Error::Overloaded,
            Error::HeaderMismatch("h".to_owned()),
            Error::missing_capability(ClientCapabilities::new()),
            Error::UnsupportedProtocolVersion {
                supported: ["2026-07-28".to_owned()].into(),
                requested: "x".to_owned(),
            },
            Error::Stored(StoredError::try_new(application.to_object()).unwrap()),
            application,
        ];
        for error in &all {
            match error {
                Error::Parse(_)
                | Error::InvalidRequest(_)
                | Error::MethodNotFound(_)
                | Error::InvalidParams { .. }
                | Error::Internal
                | Error::Timeout
                | Error::Overloaded
                | Error::HeaderMismatch(_)
                | Error::MissingRequiredClientCapability { .. }
                | Error::UnsupportedProtocolVersion { .. }
                | Error::Application { .. }
                | Error::Stored(_) => {}
            }
        }
        all
    }

    #[test]
    fn errors_are_whole() {
        for error in every_variant() {
            let object = serde_json::to_value(error.to_object()).unwrap();
            assert_eq!(object["code"].as_i64(), Some(error.code()), "{object}");
            let message = object["message"].as_str().unwrap();
            assert!(!message.is_empty() && !message.contains('\n'), "{object}");
            let rest = object.as_object().unwrap().keys().filter(|key| *key != "data").count();
            assert_eq!(rest, 2, "{object}");
        }
    }

    #[test]
    fn stored_errors_go_out_as_they_came_in() {
        for error in every_variant() {
            let object = error.to_object();
            let stored = Error::Stored(StoredError::try_new(object.clone()).unwrap());
            assert_eq!(stored.code(), error.code());
            assert_eq!(stored.to_object(), object);
            assert_eq!(stored.to_string(), object.message);
        }
        let text = r#"{"code":4001,"data":{"b":1.10,"a":2},"message":"sold out","more":[1]}"#;
        let object: ErrorObject = serde_json::from_str(text).unwrap();
        let sent = Error::Stored(StoredError::try_new(object).unwrap()).to_object();
        let sent = serde_json::to_string(&sent).unwrap();
        for kept in [r#""data":{"b":1.10,"a":2}"#, r#""more":[1]"#] {
            assert!(sent.contains(kept), "{sent}");
        }
        for reserved in [-32768, -32604, -32042, -32023, -32019, -32002, -32000] {
            assert_eq!(StoredError::try_new(ErrorObject::new(reserved, "x")), None, "{reserved}");
        }
    }

    #[test]
    fn only_defined_codes_are_sent() {
        let mut reserved: Vec<_> = every_variant()
            .iter()
            .map(Error::code)
            .filter(|code| (-32768..=-32000).contains(code))
            .collect();
        reserved.sort_unstable();
        reserved.dedup();
        // JSON-RPC's own five, and the three that the specification defines.
        assert_eq!(
            reserved,
            [-32700, -32603, -32602, -32601, -32600, -32022, -32021, -32020],
            "none from -32019 to -32000, nor -32002, nor -32042"
        );
    }
}
