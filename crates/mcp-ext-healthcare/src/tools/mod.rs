//! Tools, ready to be served.
//!
//! Each is a [`ServedTool`](mcp_core::server::ServedTool) with typed arguments. Those that touch records go through the layer of
//! [`Healthcare`](crate::server::Healthcare) like any other.

pub mod terminology;
