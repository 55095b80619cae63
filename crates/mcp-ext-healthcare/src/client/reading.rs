//! What one result says of itself.

use mcp_core::extension::MetaKey;
use mcp_core::protocol::CallToolResult;

use crate::protocol::{
    AuditKey, Citation, CitationsKey, Deid, DeidKey, Denial, DenialKey, Label, LabelKey,
    Minimization, MinimizationKey, Receipt,
};

/// What a result says of itself: SPEC.md, section 5.
///
/// ```
/// use mcp_core::protocol::CallToolResult;
/// use mcp_ext_healthcare::client::Evidence;
///
/// let evidence = Evidence::of(&CallToolResult::text("no record tool"))?;
/// assert!(evidence.label.is_none() && evidence.receipt.is_none());
/// # Ok::<(), mcp_ext_healthcare::client::EvidenceError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Evidence {
    /// What protects it; `None` if it holds no record data.
    pub label: Option<Label>,
    /// What it rests on.
    pub citations: Vec<Citation>,
    /// What the access left.
    pub receipt: Option<Receipt>,
    /// What was left out.
    pub minimization: Option<Minimization>,
    /// How it was de-identified.
    pub deid: Option<Deid>,
    /// That it is a denial, and why.
    pub denial: Option<Denial>,
}

/// A result says something of itself that cannot be read. It should not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the result's `{key}` cannot be read")]
pub struct EvidenceError {
    /// The key of `_meta`.
    pub key: &'static str,
}

impl Evidence {
    /// Reads what a result says of itself.
    ///
    /// # Errors
    /// If a value does not fit.
    pub fn of(result: &CallToolResult) -> Result<Self, EvidenceError> {
        fn read<K: MetaKey>(result: &CallToolResult) -> Result<Option<K::Value>, EvidenceError> {
            let Some(meta) = &result.meta else { return Ok(None) };
            meta.get(K::KEY).map_err(|_| EvidenceError { key: K::KEY })
        }
        Ok(Self {
            label: read::<LabelKey>(result)?,
            citations: read::<CitationsKey>(result)?.unwrap_or_default(),
            receipt: read::<AuditKey>(result)?,
            minimization: read::<MinimizationKey>(result)?,
            deid: read::<DeidKey>(result)?,
            denial: read::<DenialKey>(result)?,
        })
    }
}
