//! Tools, ready to be served.
//!
//! Each is a [`ServedTool`](mcp_core::server::ServedTool) with typed arguments. Those that touch records go through the layer of
//! [`Healthcare`](crate::server::Healthcare) like any other.

pub mod cds_hook;
mod draft;
mod everything;
mod ips;
mod read;
mod search;
pub mod terminology;

pub use draft::{Confirmation, ConfirmationPage, DraftTool};
pub use everything::fhir_everything;
pub use ips::ips_summary;
pub(crate) use ips::is_hidden;
pub use read::fhir_read;
pub use search::fhir_search;

use crate::protocol::ToolMetadata;

/// What a tool that reads records of these types says of itself: the types, and the SMART scopes (version 2) with these
/// interactions, for one patient.
fn reads(types: impl IntoIterator<Item = impl Into<String>>, interactions: &str) -> ToolMetadata {
    let types: Vec<String> = types.into_iter().map(Into::into).collect();
    let scopes: Vec<String> =
        types.iter().map(|kind| format!("patient/{kind}.{interactions}")).collect();
    ToolMetadata::new(types, scopes)
}
