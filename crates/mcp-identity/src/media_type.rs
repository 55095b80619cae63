//! The media types of the documents.

/// A server card (SEP-2127).
pub const SERVER_CARD: &str = "application/mcp-server-card+json";
/// An AI catalog.
pub const AI_CATALOG: &str = "application/ai-catalog+json";
/// An agent card, as catalogs name it.
pub const AGENT_CARD: &str = "application/a2a-agent-card+json";
/// An agent card, as it is served: A2A 1.0 registers no media type of its own (section 14) and asks for JSON.
pub const JSON: &str = "application/json";
/// A DID document in its JSON representation (DID Core 1.0, section 6.2).
pub const DID_DOCUMENT: &str = "application/did+json";
