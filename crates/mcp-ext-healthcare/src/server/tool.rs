//! Tools that touch records.

use mcp_core::extension::MetaKey;
use mcp_core::server::ServedTool;

use crate::protocol::{ToolKey, ToolMetadata};

/// Makes a tool one that touches records.
///
/// Calls of such a tool go through the layer of [`Healthcare`](super::Healthcare): context, purpose and policy are checked
/// before the handler runs, the handler gets a [`HealthCx`](super::HealthCx), and what it returns must be a
/// [`Disclosed`](super::Disclosed). A result of any other type is not sent.
pub trait RecordTool: Sized {
    /// Sets what the tool says of itself (TOL-1).
    #[must_use]
    fn records(self, metadata: ToolMetadata) -> Self;
}

impl RecordTool for ServedTool {
    fn records(self, metadata: ToolMetadata) -> Self {
        let mut meta = self.definition().meta.clone().unwrap_or_default();
        match meta.insert(ToolKey::KEY, &metadata) {
            Ok(_) => self.meta(meta).value(metadata),
            // Metadata that cannot be written has a member twice; the tool then shows none and is refused when called.
            Err(error) => {
                tracing::error!(%error, "a tool's metadata does not serialise");
                self.value(metadata)
            }
        }
    }
}
