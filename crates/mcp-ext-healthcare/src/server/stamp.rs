//! What a result says of itself: SPEC.md, section 5.

use mcp_core::Error;
use mcp_core::server::{Cx, Outcome};

use super::Existence;
use super::disclosure::{resolving, told};
use super::health_cx::Call;
use crate::audit::AuditOutcome;
use crate::protocol::{
    AuditKey, CitationsKey, Deid, DeidKey, Denial, DenialKey, Label, LabelKey, Minimization,
    MinimizationKey, Receipt,
};

/// Writes the metadata of a result that goes to a client which declared the extension (RES-3). They are set last and at the
/// call, where they win over what others wrote under the same keys.
pub(crate) fn stamp(
    cx: &Cx,
    call: &Call,
    outcome: &Outcome,
    ended: &AuditOutcome,
    receipt: Option<&Receipt>,
) -> Result<(), Error> {
    let Some(client) = &call.access.client else { return Ok(()) };
    if let Some(receipt) = receipt {
        cx.set_result_meta::<AuditKey>(receipt)?;
    }
    if outcome.is_error() {
        // It holds nothing of a record, and must not tell what was read before it came to this.
        cx.set_result_meta::<LabelKey>(&Label::nothing())?;
        return match ended {
            AuditOutcome::Denied(code) => {
                let mut denial = Denial::new(code.clone());
                denial.break_glass = call.state().offer.then_some(true);
                cx.set_result_meta::<DenialKey>(&denial)
            }
            _ => Ok(()),
        };
    }
    let state = call.state();
    cx.set_result_meta::<LabelKey>(&state.label)?;
    if client.wants_citations() && outcome.is_complete() {
        #[derive(serde::Deserialize)]
        struct Structured {
            #[serde(rename = "structuredContent", default)]
            content: serde_json::Value,
        }
        let structured: Structured = outcome.parse().map_err(|_| Error::Internal)?;
        let citations = resolving(state.citations.clone(), &structured.content);
        cx.set_result_meta::<CitationsKey>(&citations)?;
    }
    let mut minimization = Minimization::new();
    minimization.elements.clone_from(&call.minimize.elements);
    minimization.truncated = state.truncated.then_some(true);
    if call.shared.existence == Existence::Open && !state.withheld.is_empty() {
        minimization.withheld = Some(told(&state.withheld));
    }
    if minimization != Minimization::new() {
        cx.set_result_meta::<MinimizationKey>(&minimization)?;
    }
    if let Some(method) = call.deid.and_then(|index| call.shared.deid.get(index)) {
        let mut deid = Deid::new(method.method(), method.free_text());
        deid.key_id = method.key_id();
        cx.set_result_meta::<DeidKey>(&deid)?;
    }
    Ok(())
}
