//! `fhir_read`: one record.

use mcp_core::protocol::ToolAnnotations;
use mcp_core::server::{Args, ServedTool};
use schemars::JsonSchema;
use serde::Deserialize;

use super::reads;
use crate::server::{Disclosed, HealthCx, HealthError, RecordTool};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Read {
    /// The type and the id, such as `Observation/7`.
    #[schemars(
        length(max = 130),
        regex(pattern = r"^[A-Z][A-Za-z0-9]{0,63}/[A-Za-z0-9.\-]{1,64}$")
    )]
    reference: String,
}

/// `fhir_read`: a record by its type and id. The result is `{"records":[…]}` with one record, or with none where there is none that may
/// be given: which of both cannot be told (RES-2).
///
/// ```
/// use mcp_ext_healthcare::tools::fhir_read;
///
/// let tool = fhir_read(["Patient", "Observation"]);
/// assert_eq!(tool.definition().name, "fhir_read");
/// ```
pub fn fhir_read(types: impl IntoIterator<Item = impl Into<String>>) -> ServedTool {
    ServedTool::new("fhir_read", read)
        .title("Read a record")
        .description(
            "Reads one record of the patient by its type and id, as FHIR JSON. An empty list means that there is none \
             that can be given.",
        )
        .annotations(ToolAnnotations::new().with_read_only_hint(true))
        .records(reads(types, "r"))
}

async fn read(health: HealthCx, Args(asked): Args<Read>) -> Result<Disclosed, HealthError> {
    let reference = asked.reference.parse();
    let reference = reference.map_err(|_| health.tell("The reference is no type and id."))?;
    let mut disclosure = health.disclosure();
    if let Some(record) = health.read(&reference).await? {
        disclosure.add(record);
    }
    disclosure.records()
}
