//! The extension `dev.mcp-ext/healthcare`: health records for models, with purpose, labels, citations and receipts.
//!
//! SPEC.md is the specification; [`protocol`] has its types.

pub mod protocol;

use mcp_core::extension::ExtensionId;

/// The extension's identifier.
pub const ID: ExtensionId = ExtensionId::new("dev.mcp-ext/healthcare");
