//! The types of the protocol, revision 2026-07-28, as they cross the wire.
//!
//! There is a module for each page of the specification, such as [`tools`] and [`mrtr`]; all types are
//! re-exported here, by the names they have in the published schema.
//!
//! - **Nothing is lost.** Members that a type has no field for are kept, in order and byte for byte,
//!   in its `extra`; so are all values whose shape belongs to the application ([`RawJson`], [`JsonObject`],
//!   [`Meta`]). What was read is written back as an equal JSON value.
//! - **Nothing is guessed.** A union is read by the member that tells its variants apart, a result by
//!   what was asked for: see [`result`].
//! - **Wrong input has a named error.** A message says which member of what is missing, repeated or of
//!   the wrong kind, as a path: `params: arguments: expected a JSON object, found an array`. An
//!   optional member that is `null` reads as absent.
//!
//! Types are built by `new` with what must be given, and `with_…` for what may be; all fields are
//! public. A newer revision can add fields without a breaking change, because the types are
//! `#[non_exhaustive]`.
//!
//! ```
//! use mcp_core::protocol::{CallToolResult, ContentBlock, Tool};
//!
//! let tool: Tool = serde_json::from_str(r#"{"name":"now","inputSchema":{"type":"object"}}"#)?;
//! let result = CallToolResult::new([ContentBlock::text("12:00")]).with_is_error(false);
//! # let _ = (tool, result);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! [`RawJson`]: crate::RawJson

pub mod base;
mod bytes;
pub mod caching;
pub mod cancellation;
pub mod capabilities;
pub mod completion;
pub mod content;
mod conversation;
pub mod discover;
pub mod elicitation;
mod elicitation_choice;
mod elicitation_schema;
pub mod error;
mod id;
pub mod implementation;
mod json_map;
mod json_object;
pub mod jsonrpc;
pub mod logging;
mod message;
pub mod meta;
mod meta_key;
pub mod methods;
pub mod mrtr;
mod number;
pub mod pagination;
mod params;
#[doc(hidden)]
pub mod peek;
pub mod progress;
pub mod prompts;
mod requests;
pub mod resources;
pub mod result;
pub mod roots;
pub mod sampling;
pub mod schema;
mod strings;
pub mod subscriptions;
pub mod tools;
#[doc(hidden)]
pub mod union;
pub mod version;
#[doc(hidden)]
pub mod wire;
#[doc(hidden)]
pub mod wire_schema;

pub use bytes::NotBase64;
pub use caching::*;
pub use cancellation::*;
pub use capabilities::*;
pub use completion::*;
pub use content::*;
pub use conversation::ConversationError;
pub use discover::*;
pub use elicitation::*;
pub use elicitation_choice::*;
pub use elicitation_schema::*;
pub use error::*;
pub use id::*;
pub use implementation::*;
pub use json_map::{Extra, JsonMap};
pub use json_object::JsonObject;
pub use jsonrpc::*;
pub use logging::*;
pub use message::*;
pub use meta::keys as meta_keys;
pub use meta::{Meta, NotificationMetaObject, RequestMetaObject, ResultMetaObject};
pub use meta_key::{MetaKey, MetaKeyError, is_reserved_prefix};
pub use methods::{HasRequestMeta, NamedRequest, NotificationMethod, RequestMethod};
pub use mrtr::*;
pub use number::Number;
pub use pagination::*;
pub use params::*;
pub use progress::*;
pub use prompts::*;
pub use requests::*;
pub use resources::*;
pub use result::{AnyResult, EmptyResult, ResultBody, ResultType, Tagged};
pub use roots::*;
pub use sampling::*;
pub use strings::UnknownName;
pub use subscriptions::*;
pub use tools::*;
pub use version::*;
