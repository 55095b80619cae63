//! `fhir_search`: records of one type.

use std::collections::BTreeMap;

use mcp_core::protocol::ToolAnnotations;
use mcp_core::server::{Args, ServedTool};
use schemars::JsonSchema;
use serde::Deserialize;

use super::reads;
use crate::server::{Disclosed, HealthCx, HealthError, RecordTool, Search};

/// As many as are given if nobody says how many.
const COUNT: usize = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    /// The type of the records, such as `Observation`.
    resource_type: String,
    /// FHIR search parameters by their names, with modifiers as FHIR has them (`status:not`). Several values of one name have all to
    /// fit; for alternatives write them with commas in one value. `_include` and `_revinclude` bring related records.
    #[serde(default)]
    parameters: BTreeMap<String, OneOrMany>,
    /// How many records at the most, 20 if it is not given.
    #[schemars(range(min = 1, max = 1000))]
    count: Option<usize>,
    /// The `nextCursor` of the result before, with the same type and parameters.
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// `fhir_search`: records of one type in the patient's compartment. The result is `{"records":[…],"nextCursor":"…"}`, the matches
/// before what they include. What the source does not understand of a search denies the call (DEN-2).
///
/// ```
/// use mcp_ext_healthcare::tools::fhir_search;
///
/// let tool = fhir_search(["Observation", "Condition"]);
/// assert_eq!(tool.definition().name, "fhir_search");
/// ```
pub fn fhir_search(types: impl IntoIterator<Item = impl Into<String>>) -> ServedTool {
    ServedTool::new("fhir_search", search)
        .title("Search records")
        .description(
            "Searches the patient's records of one type with FHIR search parameters, for example resourceType \
             Observation with {\"category\": \"vital-signs\", \"date\": \"ge2024-01-01\"}.",
        )
        .annotations(ToolAnnotations::new().with_read_only_hint(true))
        .records(reads(types, "rs"))
}

async fn search(health: HealthCx, Args(asked): Args<Asked>) -> Result<Disclosed, HealthError> {
    let mut search = Search::new(asked.resource_type);
    search.limit = asked.count.unwrap_or(COUNT).clamp(1, 1000);
    for (name, values) in asked.parameters {
        if name == "_count" {
            return Err(health.tell("The number of records goes into `count`."));
        }
        let values = match values {
            OneOrMany::One(value) => vec![value],
            OneOrMany::Many(values) => values,
        };
        for value in values {
            search = search.parameter(name.clone(), value);
        }
    }
    let mut disclosure = health.disclosure();
    let next = health.fill(&mut disclosure, search, asked.cursor.as_deref()).await?;
    disclosure.page(next)
}
