//! Codes and payloads of errors.
//!
//! Source: specification, *Base protocol → Error codes*.

use super::wire::wire;
use crate::protocol::ClientCapabilities;

/// The message is no JSON.
pub const PARSE_ERROR: i64 = -32700;
/// The message is no request.
pub const INVALID_REQUEST: i64 = -32600;
/// There is no such method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters are wrong.
pub const INVALID_PARAMS: i64 = -32602;
/// The server failed.
pub const INTERNAL_ERROR: i64 = -32603;
/// HTTP headers and body disagree.
pub const HEADER_MISMATCH: i64 = -32020;
/// The client did not declare what the request needs.
pub const MISSING_REQUIRED_CLIENT_CAPABILITY: i64 = -32021;
/// The server does not speak the request's revision.
pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;
/// How servers of earlier revisions say that a resource does not exist. Never sent.
pub const LEGACY_RESOURCE_NOT_FOUND: i64 = -32002;

wire! {
    /// The `data` of `-32022`.
    pub struct UnsupportedProtocolVersionData {
        required {
            /// The revisions that the server speaks.
            "supported" supported: Vec<String>,
            /// The revision that was asked for.
            "requested" requested: String,
        }
    }
}

wire! {
    /// The `data` of `-32021`.
    pub struct MissingRequiredClientCapabilityData {
        required {
            /// What the client must declare.
            "requiredCapabilities" required_capabilities: ClientCapabilities,
        }
    }
}
