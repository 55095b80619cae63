//! The Model Context Protocol, revision 2026-07-28: types, extensions, server and client.
#![forbid(unsafe_code)]

pub mod client;
mod error;
pub mod extension;
pub mod header_value;
mod log_text;
mod memo;
mod message;
#[cfg(feature = "otel")]
pub mod otel;
pub mod param_headers;
mod principal;
pub mod protocol;
mod raw_json;
#[cfg(feature = "validation")]
pub mod schema;
pub mod sealed;
pub mod server;
mod shutdown;
pub mod trace_context;
pub mod transport;
pub mod uri_template;

pub use error::{ApplicationCode, Error};
pub use message::{ClientMessage, IncomingNotification, IncomingRequest, Rejection};
pub use principal::Principal;
pub use raw_json::RawJson;
pub use shutdown::{Shutdown, ShutdownTrigger};

#[doc(hidden)]
pub mod __private {
    pub use {inventory, schemars, serde, serde_json};
}
