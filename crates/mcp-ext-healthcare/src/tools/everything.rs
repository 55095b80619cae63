//! `fhir_everything`: all records of a patient.

use mcp_core::protocol::ToolAnnotations;
use mcp_core::server::{Args, ServedTool};
use schemars::JsonSchema;
use serde::Deserialize;

use super::reads;
use crate::server::{Disclosed, HealthCx, HealthError, RecordTool};

/// As many as are given if nobody says how many.
const COUNT: usize = 50;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    /// How many records at the most, 50 if it is not given.
    #[schemars(range(min = 1, max = 1000))]
    count: Option<usize>,
    /// The `nextCursor` of the result before.
    cursor: Option<String>,
}

/// `fhir_everything`: the patient of the call's context, everything in the patient's compartment, and what that refers to and is
/// nobody's. The result is `{"records":[…],"nextCursor":"…"}`.
///
/// ```
/// use mcp_ext_healthcare::tools::fhir_everything;
///
/// let tool = fhir_everything(["Patient", "Observation", "Practitioner"]);
/// assert_eq!(tool.definition().name, "fhir_everything");
/// ```
pub fn fhir_everything(types: impl IntoIterator<Item = impl Into<String>>) -> ServedTool {
    ServedTool::new("fhir_everything", everything)
        .title("Read everything of the patient")
        .description(
            "Reads all records of the patient whose record is open, page by page. Searching is cheaper where it suffices.",
        )
        .annotations(ToolAnnotations::new().with_read_only_hint(true))
        .records(reads(types, "rs"))
}

async fn everything(health: HealthCx, Args(asked): Args<Asked>) -> Result<Disclosed, HealthError> {
    let Some(patient) = health.patient().cloned() else {
        return Err(health.deny(crate::protocol::DenialCode::ContextMissing));
    };
    let mut disclosure = health.disclosure();
    let count = asked.count.unwrap_or(COUNT).clamp(1, 1000);
    let next =
        health.fill_everything(&mut disclosure, &patient, count, asked.cursor.as_deref()).await?;
    disclosure.page(next)
}
