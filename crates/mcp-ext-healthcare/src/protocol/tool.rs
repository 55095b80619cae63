//! What a tool says of itself: SPEC.md, section 4.

use mcp_core::extension::MetaKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label::Label;

/// What a tool writes.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Writes {
    /// Nothing.
    #[default]
    None,
    /// Drafts.
    Draft,
    /// What counts.
    Commit,
}

mcp_core::wire! {
    /// What a tool that touches records says of itself.
    ///
    /// ```
    /// use mcp_ext_healthcare::protocol::{ToolMetadata, Writes};
    ///
    /// let tool = ToolMetadata::new(["Observation".to_owned()], ["patient/Observation.rs".to_owned()]);
    /// assert_eq!(tool.writes.unwrap_or_default(), Writes::None);
    /// ```
    pub struct ToolMetadata {
        required {
            /// Every type of resource that it can return or change.
            resource_types: Vec<String> = "resourceTypes",
            /// The SMART scopes that it uses.
            scopes: Vec<String> = "scopes",
        }
        optional {
            /// The label above which its results never are.
            max_label: Label = "maxLabel" => with_max_label,
            /// What it writes.
            writes: Writes = "writes" => with_writes,
        }
    }
}

/// `dev.mcp-ext/healthcare.tool`.
#[derive(Debug)]
pub enum ToolKey {}

impl MetaKey for ToolKey {
    const KEY: &'static str = "dev.mcp-ext/healthcare.tool";
    type Value = ToolMetadata;
}
