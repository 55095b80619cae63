//! The protocol's revisions.

/// The newest revision of the protocol that this library speaks, and the only one these types
/// describe (specification, "Versioning and Compatibility").
pub const LATEST_PROTOCOL_VERSION: &str = "2026-07-28";

/// All revisions that this library speaks.
pub const SUPPORTED_VERSIONS: [&str; 1] = [LATEST_PROTOCOL_VERSION];

/// The version of JSON-RPC, in every message's `jsonrpc`.
pub const JSONRPC_VERSION: &str = "2.0";
