//! A server says who it is before anyone connects, and a client checks it: the extension
//! `io.modelcontextprotocol/server-card` of the Model Context Protocol (SEP-2127) and the documents around it.
//!
//! | document | type | where it is served | source |
//! |---|---|---|---|
//! | server card | [`ServerCard`] | `<endpoint>/server-card` | SEP-2127 |
//! | AI catalog | [`Catalog`] | `/.well-known/ai-catalog.json` | AI Catalog 1.0 |
//! | agent card | [`AgentCard`] | `/.well-known/agent-card.json` | A2A 1.0, section 8 |
//! | DID document | [`DidDocument`] | `/.well-known/did.json` | did:web, DID Core 1.0 |
//!
//! Reading one of these types is generous: members that are not known survive in `extra`, as everywhere in
//! [`mcp_core::protocol`]. Whether a text is what its specification asks for is another question, which
//! `judge` answers with every [`Finding`] by its name and place.
//!
//! ```
//! use mcp_identity::ServerCard;
//! use mcp_identity::finding::Problem;
//!
//! let refused = ServerCard::judge(br#"{"name": "docs", "version": "1.0.0", "description": ""}"#).unwrap_err();
//! let found: Vec<_> = refused.iter().map(|finding| (finding.at.as_str(), &finding.problem)).collect();
//! assert_eq!(found, [
//!     ("/$schema", &Problem::Missing),
//!     ("/name", &Problem::Form("a namespace, a slash and a name")),
//!     ("/description", &Problem::TooShort { least: 1 }),
//! ]);
//! ```
//!
//! # The server's half
//!
//! [`serve`] (feature `serve`) puts these documents before any service, as they follow from the live server; [`sign`] signs and
//! verifies them.
//!
//! # The client's half (feature `client`)
//!
//! | module | does |
//! |---|---|
//! | [`fetch`] | fetches documents that strangers point at, safely |
//! | [`discover`] | finds the servers of a domain |
//! | [`trust`] | says what stands behind a card |
//! | [`check`] | holds a card against its server |
#![forbid(unsafe_code)]

/// The examples of the README.
#[cfg(all(doctest, feature = "serve"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod agent_card;
pub mod card;
pub mod catalog;
#[cfg(feature = "client")]
pub mod check;
pub mod did;
#[cfg(feature = "client")]
pub mod discover;
#[cfg(feature = "client")]
pub mod fetch;
pub mod finding;
pub mod media_type;
mod names;
pub mod schema;
#[cfg(feature = "serve")]
pub mod serve;
pub mod sign;
pub mod time;
pub mod trust;
pub mod url;
pub mod urn;

pub use agent_card::AgentCard;
pub use card::ServerCard;
pub use catalog::Catalog;
pub use did::{DidDocument, DidWeb};
pub use finding::{Finding, Findings};
pub use urn::AirUrn;

use mcp_core::extension::ExtensionId;

/// The identifier of the extension.
pub const ID: ExtensionId = ExtensionId::new("io.modelcontextprotocol/server-card");
