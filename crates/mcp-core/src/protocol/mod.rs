//! The types of revision 2026-07-28, one module for each page of the specification.
//!
//! Names are those of the published schema. Structs are made with `new` (their required members) and
//! public fields; members that a newer peer adds are kept in `extra`.
//!
//! **Results.** Whoever answers a request writes `resultType` and `_meta`, so result types have both
//! as optional fields, filled when a result is read: an absent `resultType` means `complete`
//! ([`ResultType::of`]).

mod wire;

mod caching;
mod cancellation;
mod capabilities;
mod completion;
mod content;
mod discover;
mod elicitation;
mod error;
mod implementation;
mod jsonrpc;
mod logging;
mod meta;
pub mod methods;
mod mrtr;
mod progress;
mod prompts;
mod resources;
mod roots;
mod sampling;
pub mod schema;
mod subscriptions;
mod tools;

pub use caching::*;
pub use cancellation::*;
pub use capabilities::*;
pub use completion::*;
pub use content::*;
pub use discover::*;
pub use elicitation::*;
pub use error::*;
pub use implementation::*;
pub use jsonrpc::*;
pub use logging::*;
pub use meta::*;
pub use mrtr::*;
pub use progress::*;
pub use prompts::*;
pub use resources::*;
pub use roots::*;
pub use sampling::*;
pub use subscriptions::*;
pub use tools::*;
pub use wire::Extra;

/// The revision that this library speaks.
pub const LATEST_PROTOCOL_VERSION: &str = "2026-07-28";

/// All revisions that this library speaks.
pub const SUPPORTED_VERSIONS: [&str; 1] = [LATEST_PROTOCOL_VERSION];
